import CLinux
import Glibc
import SystemPackage

/// What it takes to write a tree of files: everything relative to an open directory, so that no path is too long.
/// Same rules as `SystemCalls`. Names are raw bytes without NUL.
extension SystemCalls {
    /// `FICLONE` (ioctl_ficlone(2)), `_IOW(0x94, 9, int)`.
    private static let cloneRequest: UInt = 0x4004_9409

    private static func check(_ result: CInt) throws(Errno) { if result < 0 { throw Errno(rawValue: errno) } }

    /// symlinkat(2).
    public static func makeSymbolicLink(_ name: [UInt8], in directory: CInt, target: [UInt8]) throws(Errno) {
        try check(named(name) { name in named(target) { symlinkat($0, directory, name) } })
    }

    /// linkat(2): another name for `existing`, which is relative to `from`.
    public static func link(_ existing: [UInt8], from: CInt, to name: [UInt8], in directory: CInt) throws(Errno) {
        try check(named(name) { name in named(existing) { linkat(from, $0, directory, name, 0) } })
    }

    /// fchmod(2).
    public static func setMode(_ descriptor: CInt, _ mode: UInt32) throws(Errno) { try check(fchmod(descriptor, mode)) }

    /// fchmodat(2); follows a symbolic link.
    static func setMode(_ name: [UInt8], in directory: CInt, _ mode: UInt32) throws(Errno) { try check(named(name) { fchmodat(directory, $0, mode, 0) }) }

    /// futimens(3): the modification time; the access time becomes the same.
    public static func setTime(_ descriptor: CInt, seconds: Int64, nanoseconds: UInt32) throws(Errno) {
        let time = timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))
        let both = [time, time]
        try check(both.withUnsafeBufferPointer { futimens(descriptor, $0.baseAddress!) })
    }

    /// utimensat(2) with `AT_SYMLINK_NOFOLLOW`: the times of the name itself.
    public static func setTime(_ name: [UInt8], in directory: CInt, seconds: Int64, nanoseconds: UInt32) throws(Errno) {
        let time = timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))
        let both = [time, time]
        try check(named(name) { name in both.withUnsafeBufferPointer { utimensat(directory, name, $0.baseAddress!, AT_SYMLINK_NOFOLLOW) } })
    }

    /// ioctl_ficlone(2): `to` shares all blocks of `from`. False where the file systems do not do that (`EOPNOTSUPP`, `EXDEV`,
    /// `EINVAL`, `ENOTTY`).
    public static func clone(_ from: CInt, to: CInt) throws(Errno) -> Bool {
        if Glibc.ioctl(to, cloneRequest, from) == 0 { return true }
        let error = errno
        if [EOPNOTSUPP, EXDEV, EINVAL, ENOTTY, ENOSYS, EPERM].contains(error) { return false }
        throw Errno(rawValue: error)
    }

    /// syncfs(2): everything of the descriptor's file system is on its disk.
    public static func syncFileSystem(_ descriptor: CInt) throws(Errno) { _ = try value(clinux_syncfs(descriptor)) }

    /// flock(2), exclusive, for the life of the open file. False when somebody else has it.
    public static func tryLock(_ descriptor: CInt) throws(Errno) -> Bool {
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        if errno == EWOULDBLOCK { return false }
        throw Errno(rawValue: errno)
    }

    /// Removes everything in the directory behind `descriptor`, whatever the modes in it; follows no symbolic link, and no depth
    /// is too deep for a path. Only for a directory that nobody else may write to.
    public static func removeContents(of descriptor: CInt) throws(Errno) {
        for name in try list(path(ofDescriptor: descriptor)) {
            let isDirectory = try status(name: name, in: descriptor).kind == .directory
            if isDirectory {
                try setMode(name, in: descriptor, 0o700)
                let inner = try open(name: name, in: descriptor, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                try removeContents(of: inner.rawValue)
            }
            try remove(name, in: descriptor, directory: isDirectory)
        }
    }

    private static func named(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> CInt) -> CInt {
        (name + [0]).withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
    }
}
