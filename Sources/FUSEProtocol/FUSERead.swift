/// READ, READDIR or READDIRPLUS (`struct fuse_read_in`).
public struct FUSERead: Hashable, Sendable {
    /// The handle that the OPEN reply gave, 0 without one.
    public var fh: UInt64
    /// Bytes from the start of the file; for directories the cookie of the last entry seen, 0 at first.
    public var offset: UInt64
    /// The most bytes to answer.
    public var size: UInt32
    /// `FUSE_READ_*`; see `isDirect`.
    public var readFlags: UInt32
    public var lockOwner: UInt64
    /// The open file's status flags (`f_flags`).
    public var flags: UInt32

    /// `FUSE_READ_LOCKOWNER` (7.9).
    public static let lockOwnerFlag: UInt32 = 1 << 1

    /// True for direct I/O, which wants all its bytes in one answer. Only direct I/O sets `FUSE_READ_LOCKOWNER`; the flag
    /// of the descriptor also shows on page faults of a file opened with `O_DIRECT`, and waiting for those whole is right too.
    @inlinable public var isDirect: Bool { readFlags & Self.lockOwnerFlag != 0 || flags & FUSELimits.directFlag != 0 }

    @inlinable
    public init(fh: UInt64, offset: UInt64, size: UInt32, readFlags: UInt32 = 0, lockOwner: UInt64 = 0, flags: UInt32 = 0) {
        self.fh = fh
        self.offset = offset
        self.size = size
        self.readFlags = readFlags
        self.lockOwner = lockOwner
        self.flags = flags
    }

    @inlinable @inline(__always)
    init(_ base: UnsafeRawPointer) {
        self.init(
            fh: base.u64(FUSELayout.ReadIn.fh), offset: base.u64(FUSELayout.ReadIn.offset), size: base.u32(FUSELayout.ReadIn.bytes),
            readFlags: base.u32(FUSELayout.ReadIn.readFlags), lockOwner: base.u64(FUSELayout.ReadIn.lockOwner),
            flags: base.u32(FUSELayout.ReadIn.flags))
    }
}
