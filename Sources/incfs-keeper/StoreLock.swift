import Glibc
import LinuxSystem

/// The lock that makes this keeper the only one of its store, and the write epoch that is kept in the lock file:
/// it rises with every daemon ever started on the store, so that an older daemon can be told from a newer one.
struct StoreLock: ~Copyable {
    private let file: OwnedDescriptor
    private(set) var epoch: UInt64

    /// Creates the store directory (0700) and takes its lock.
    init(store: FilePath) throws(StartFailure) {
        let locked = try Self.locked(store)
        epoch = Self.storedEpoch(locked.rawValue)
        file = locked
    }

    private static func locked(_ store: FilePath) throws(StartFailure) -> OwnedDescriptor {
        let path = store.appending("lock")
        let opened: OwnedDescriptor
        do throws(Errno) {
            try SystemCalls.makeDirectories(store)
            opened = try SystemCalls.open(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        } catch {
            throw StartFailure(status: .cannotCreate, sentence: "the store \(store) cannot be used: \(error); choose a directory that you may write to")
        }
        do throws(Errno) { try SystemCalls.lockExclusively(opened.rawValue) } catch {
            if error == .resourceTemporarilyUnavailable || error == .permissionDenied {
                throw StartFailure(status: .busy, sentence: "another keeper has the store \(store)")
            }
            throw StartFailure(status: .cannotCreate, sentence: "\(path) cannot be locked: \(error); the store must lie on a file system with locks")
        }
        return opened
    }

    /// Says in the lock file who has it, behind the epoch: for who finds the store busy. A full disk may refuse.
    func name(socket: FilePath) {
        var text = "\(getpid()) \(socket)\n"
        text.withUTF8 { bytes in
            guard (try? SystemCalls.pwriteAll(file.rawValue, UnsafeRawBufferPointer(bytes), at: Self.epochLength)) != nil else { return }
            _ = try? SystemCalls.truncate(file.rawValue, to: Self.epochLength + UInt64(bytes.count))
        }
    }

    /// Twenty digits and the end of the line.
    private static let epochLength: UInt64 = 21

    /// 0 for a new file.
    private static func storedEpoch(_ descriptor: CInt) -> UInt64 {
        var bytes = [UInt8](repeating: 0, count: 20)
        let count = bytes.withUnsafeMutableBytes { (try? SystemCalls.preadAll(descriptor, into: $0, at: 0)) ?? 0 }
        let digits = bytes[..<count].prefix { (0x30...0x39).contains($0) }
        return UInt64(String(decoding: digits, as: UTF8.self)) ?? 0
    }

    /// The epoch of the next daemon, written down before it is used.
    mutating func nextEpoch() throws(Errno) -> UInt64 {
        epoch += 1
        // Twenty digits, always: a shorter number never leaves an old one's tail.
        let digits = String(epoch)
        var text = String(repeating: "0", count: 20 - digits.utf8.count) + digits + "\n"
        var failure: Errno?
        text.withUTF8 { bytes in
            do throws(Errno) { try SystemCalls.pwriteAll(file.rawValue, UnsafeRawBufferPointer(bytes), at: 0) } catch { failure = error }
        }
        if let failure { throw failure }
        return epoch
    }
}
