import Glibc
import LinuxSystem

/// Where the daemons of contract mounts are found: `/run/incfs/contract` for root, else `incfs/contract` below `$XDG_RUNTIME_DIR` or, without it,
/// `/run/user/UID` where that directory is the user's alone; else `/tmp/incfs-UID/contract`.
///
///     DEVICE-INODE.sock, .lock   the daemon of a backing directory
///     mounts/MAJOR:MINOR         a mount's daemon: the path of its socket
///     instances/NAME             a mount that shows its counters: the socket, and the mount's device, a line each
public enum ContractPlaces {
    public static var directory: FilePath {
        if geteuid() == 0 { return "/run/incfs/contract" }
        if let runtime = getenv("XDG_RUNTIME_DIR").map({ String(cString: $0) }), runtime.hasPrefix("/") { return FilePath(runtime).appending("incfs").appending("contract") }
        let usual = FilePath("/run/user/\(geteuid())")
        let isOwn = (try? SystemCalls.status(of: usual, followSymbolicLinks: false)).map { $0.kind == .directory && $0.uid == geteuid() && $0.mode & 0o077 == 0 } ?? false
        return isOwn ? usual.appending("incfs").appending("contract") : FilePath("/tmp/incfs-\(geteuid())").appending("contract")
    }

    public static var mounts: FilePath { directory.appending("mounts") }
    public static var instances: FilePath { directory.appending("instances") }

    /// Makes the directories. Throws `EPERM` when the first of them, or what it lies in, is not ours alone: in /tmp somebody else may have been faster.
    public static func make() throws(Errno) {
        for path in [directory, mounts, instances] { try SystemCalls.makeDirectories(path, mode: 0o700) }
        for path in [directory.removingLastComponent(), directory] {
            let status = try SystemCalls.status(of: path, followSymbolicLinks: false)
            guard status.kind == .directory, status.uid == geteuid(), status.mode & 0o022 == 0 else { throw .notPermitted }
        }
    }

    public static func socket(of directory: FileStatus) -> FilePath { self.directory.appending("\(directory.device)-\(directory.inode).sock") }
    /// Held by the daemon of a backing directory; `place`: the directory of another user's daemons.
    public static func lock(of directory: FileStatus, in place: FilePath = Self.directory) -> FilePath { place.appending("\(directory.device)-\(directory.inode).lock") }

    /// The daemon of a mount, by the mount's device number.
    public static func socket(ofMount device: String) -> FilePath? {
        guard let bytes = try? SystemCalls.contents(of: mounts.appending(device), limit: 4096) else { return nil }
        return FilePath(String(decoding: bytes, as: UTF8.self))
    }

    public static func write(_ text: String, to path: FilePath, exclusive: Bool) throws(Errno) {
        let file = try SystemCalls.open(path, flags: O_WRONLY | O_CREAT | (exclusive ? O_EXCL : O_TRUNC), mode: 0o600)
        var failure: Errno?
        Array(text.utf8).withUnsafeBytes { raw in do throws(Errno) { try SystemCalls.writeAll(file.rawValue, raw) } catch { failure = error } }
        if let failure { throw failure }
    }
}
