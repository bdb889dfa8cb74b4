import CLinux
import Glibc
import SystemPackage

/// Names relative to directory descriptors, as raw bytes; and attributes of the file behind a descriptor, `O_PATH` included.
extension SystemCalls {
    private static func with<Result>(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (name + [0]).withUnsafeBufferPointer { $0.withMemoryRebound(to: CChar.self) { body($0.baseAddress!) } }
    }

    /// How the file of a descriptor can be named (proc_pid_fd(5)).
    public static func path(ofDescriptor descriptor: CInt) -> FilePath { FilePath("/proc/self/fd/\(descriptor)") }

    /// openat(2) of one name.
    public static func open(name: [UInt8], in directory: CInt, flags: CInt, mode: UInt32 = 0o600) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try value(with(name) { clinux_openat(directory, $0, flags, mode) })))
    }
    /// fstatat(2) of one name, itself.
    public static func status(name: [UInt8], in directory: CInt) throws(Errno) -> FileStatus {
        var raw = stat()
        _ = try value(with(name) { clinux_fstatat(directory, $0, &raw, AT_SYMLINK_NOFOLLOW) })
        return FileStatus(raw)
    }
    /// mknodat(2) of a regular file.
    public static func makeNode(_ name: [UInt8], in directory: CInt, mode: UInt32) throws(Errno) {
        _ = try value(with(name) { clinux_mknodat(directory, $0, mode, 0) })
    }
    /// mkdirat(2).
    public static func makeDirectory(_ name: [UInt8], in directory: CInt, mode: UInt32) throws(Errno) {
        _ = try value(with(name) { clinux_mkdirat(directory, $0, mode) })
    }
    /// unlinkat(2); of a directory with `directory`.
    public static func remove(_ name: [UInt8], in parent: CInt, directory: Bool = false) throws(Errno) {
        _ = try value(with(name) { clinux_unlinkat(parent, $0, directory ? AT_REMOVEDIR : 0) })
    }
    /// linkat(2): another name for the file of a descriptor, which may be one of `O_TMPFILE`.
    public static func link(_ descriptor: CInt, as name: [UInt8], in directory: CInt) throws(Errno) {
        _ = try value(with(name) { clinux_link_descriptor(descriptor, directory, $0) })
    }
    /// renameat2(2).
    public static func rename(_ name: [UInt8], in directory: CInt, to newName: [UInt8], in newDirectory: CInt, flags: UInt32) throws(Errno) {
        _ = try value(with(name) { from in with(newName) { clinux_renameat2(directory, from, newDirectory, $0, flags) } })
    }
    /// umask(2): what the whole process masks. Returns what it masked before.
    @discardableResult
    public static func setCreationMask(_ mask: UInt32) -> UInt32 { UInt32(clinux_umask(mask)) }

    /// chmod(2) of the file behind a descriptor.
    public static func setMode(_ mode: UInt32, ofDescriptor descriptor: CInt) throws(Errno) {
        if path(ofDescriptor: descriptor).withPlatformString({ chmod($0, mode) }) < 0 { throw Errno(rawValue: errno) }
    }
    /// chown(2); `UInt32.max` leaves one as it is.
    public static func setOwner(_ uid: UInt32, _ gid: UInt32, ofDescriptor descriptor: CInt) throws(Errno) {
        if path(ofDescriptor: descriptor).withPlatformString({ chown($0, uid, gid) }) < 0 { throw Errno(rawValue: errno) }
    }
    /// utimensat(2): seconds and nanoseconds; nil leaves a time, `.some(nil)` is now.
    public static func setTimes(accessed: (Int64, UInt32)??, modified: (Int64, UInt32)??, ofDescriptor descriptor: CInt) throws(Errno) {
        func pair(_ time: (Int64, UInt32)??) -> (Int64, Int64) {
            switch time {
            case .none: (0, -1)
            case .some(.none): (0, -2)
            case .some(.some(let at)): (at.0, Int64(at.1))
            }
        }
        let (a, m) = (pair(accessed), pair(modified))
        _ = try value(path(ofDescriptor: descriptor).withPlatformString { clinux_set_times($0, a.0, a.1, m.0, m.1) })
    }

    // MARK: Extended attributes (xattr(7))

    /// getxattr(2); nil when there is none (`ENODATA`), `E2BIG` past `limit`.
    public static func extendedAttribute(_ name: String, ofDescriptor descriptor: CInt, limit: Int = 65536) throws(Errno) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: min(limit, 512))
        while true {
            let result = path(ofDescriptor: descriptor).withPlatformString { p in bytes.withUnsafeMutableBytes { clinux_getxattr(p, name, $0.baseAddress, $0.count) } }
            if result >= 0 { return Array(bytes.prefix(Int(result))) }
            let code = CInt(-result)
            if code == ENODATA { return nil }
            if code == ERANGE, bytes.count < limit { bytes = [UInt8](repeating: 0, count: min(limit, 65536)); continue }
            throw Errno(rawValue: code == ERANGE ? E2BIG : code)
        }
    }
    /// setxattr(2); `flags` 1 is `XATTR_CREATE`, 2 `XATTR_REPLACE`.
    public static func setExtendedAttribute(_ name: String, _ value: UnsafeRawBufferPointer, ofDescriptor descriptor: CInt, flags: CInt = 0) throws(Errno) {
        _ = try Self.value(path(ofDescriptor: descriptor).withPlatformString { clinux_setxattr($0, name, value.baseAddress, value.count, flags) })
    }
    /// removexattr(2).
    public static func removeExtendedAttribute(_ name: String, ofDescriptor descriptor: CInt) throws(Errno) {
        _ = try value(path(ofDescriptor: descriptor).withPlatformString { clinux_removexattr($0, name) })
    }
    /// listxattr(2): the names, each with its NUL.
    public static func extendedAttributeNames(ofDescriptor descriptor: CInt) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 65536)
        let result = path(ofDescriptor: descriptor).withPlatformString { p in bytes.withUnsafeMutableBytes { clinux_listxattr(p, $0.baseAddress, $0.count) } }
        return Array(bytes.prefix(try value(result)))
    }

    // MARK: Directories

    /// An entry of a directory; `type` is a `DT_*` of readdir(3).
    public struct DirectoryEntry: Hashable, Sendable {
        public var name: [UInt8]
        public var inode: UInt64
        public var type: UInt32
        public init(name: [UInt8], inode: UInt64, type: UInt32) {
            self.name = name
            self.inode = inode
            self.type = type
        }
    }

    /// All entries of the directory behind a descriptor (which may be `O_PATH`), `.` and `..` among them.
    public static func entries(of directory: CInt) throws(Errno) -> [DirectoryEntry] {
        let descriptor = try open(name: [UInt8(ascii: ".")], in: directory, flags: O_RDONLY | O_DIRECTORY).take()
        guard let stream = clinux_directory_open(descriptor) else {
            let error = Errno(rawValue: errno)
            close(descriptor)
            throw error
        }
        defer { clinux_directory_close(stream) }
        var found: [DirectoryEntry] = []
        var raw = clinux_entry()
        while try value(clinux_directory_next(stream, &raw)) > 0 {
            let name = withUnsafeBytes(of: raw.name) { Array($0.prefix(Int(raw.length))) }
            found.append(DirectoryEntry(name: name, inode: raw.inode, type: UInt32(raw.type)))
        }
        return found
    }
}
