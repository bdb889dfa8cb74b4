import Glibc

extension SystemCalls {
    /// statvfs(3): bytes that an ordinary user can still write on the file system of `path`, and its size in bytes.
    public static func space(at path: FilePath) throws(Errno) -> (free: UInt64, total: UInt64) {
        var raw = statvfs()
        if path.withPlatformString({ statvfs($0, &raw) }) < 0 { throw Errno(rawValue: errno) }
        return (UInt64(raw.f_bavail) * UInt64(raw.f_frsize), UInt64(raw.f_blocks) * UInt64(raw.f_frsize))
    }
}
