import Glibc
import LinuxSystem

/// The lock that makes this keeper the only one of its store, and the write epoch that is kept in the lock file:
/// it rises with every daemon ever started on the store, so that an older daemon can be told from a newer one.
struct StoreLock: ~Copyable {
    private let file: OwnedDescriptor
    private(set) var epoch: UInt64

    /// Creates the store directory (0700) and takes its lock.
    init(store: FilePath) throws(StartFailure) {
        let path = store.appending("lock")
        do throws(Errno) {
            try SystemCalls.makeDirectories(store)
            file = try SystemCalls.open(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        } catch {
            throw StartFailure(status: .cannotCreate, sentence: "the store \(store) cannot be used: \(error); choose a directory that you may write to")
        }
        do throws(Errno) { try SystemCalls.lockExclusively(file.rawValue) } catch {
            if error == .resourceTemporarilyUnavailable || error == .permissionDenied {
                throw StartFailure(status: .busy, sentence: "another keeper has the store \(store)")
            }
            throw StartFailure(status: .cannotCreate, sentence: "\(path) cannot be locked: \(error); the store must lie on a file system with locks")
        }
        var bytes = [UInt8](repeating: 0, count: 20)
        let count = bytes.withUnsafeMutableBytes { (try? SystemCalls.preadAll(file.rawValue, into: $0, at: 0)) ?? 0 }
        epoch = UInt64(String(decoding: bytes[..<count].prefix { (0x30...0x39).contains($0) }, as: UTF8.self)) ?? 0
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
