import Glibc
import LinuxSystem

/// The listening socket that the command talks to. It belongs to the keeper, so that callers wait in its queue while
/// the daemon is replaced.
struct ControlSocket: ~Copyable {
    let path: FilePath
    private let listener: OwnedDescriptor

    var descriptor: CInt { listener.rawValue }

    /// Listens at `path` (0600, in a directory made with 0700). Only with the store's lock held: what an earlier keeper left
    /// there is removed, what somebody else serves is not.
    init(path: FilePath) throws(StartFailure) {
        self.path = path
        do throws(Errno) {
            try SystemCalls.makeDirectories(path.removingLastComponent())
        } catch {
            throw StartFailure(status: .cannotCreate, sentence: "the directory of the control socket \(path) cannot be made: \(error)")
        }
        try Self.removeStale(path)
        do throws(Errno) { listener = try SystemCalls.listen(atSocket: path) } catch {
            let hint = error == Errno(rawValue: ENAMETOOLONG) ? "; a socket's path may have 107 bytes, choose a shorter one" : ""
            throw StartFailure(status: .cannotCreate, sentence: "cannot listen on the control socket \(path): \(error)\(hint)")
        }
    }

    private static func removeStale(_ path: FilePath) throws(StartFailure) {
        guard let status = try? SystemCalls.status(of: path, followSymbolicLinks: false) else { return }
        guard status.mode & S_IFMT == S_IFSOCK else {
            throw StartFailure(status: .cannotCreate, sentence: "\(path) is in the way and is no socket; remove it or choose another --socket")
        }
        do throws(Errno) {
            try SystemCalls.connect(toSocket: path).close()
        } catch {
            if error == .connectionRefused {
                try? SystemCalls.unlink(path, missingIsFine: true)
                return
            }
            throw StartFailure(status: .cannotCreate, sentence: "the old control socket \(path) cannot be looked at: \(error)")
        }
        throw StartFailure(status: .cannotCreate, sentence: "somebody else listens on \(path); choose another --socket")
    }

    /// True when somebody waits to be served.
    func hasCaller() -> Bool {
        ((try? SystemCalls.poll(listener.rawValue, events: Int16(POLLIN), timeoutMilliseconds: 0)) ?? 0) != 0
    }

    /// Takes the socket out of the file system.
    func remove() { try? SystemCalls.unlink(path, missingIsFine: true) }
}
