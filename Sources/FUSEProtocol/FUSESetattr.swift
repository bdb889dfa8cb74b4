/// SETATTR (`struct fuse_setattr_in`): what is nil stays as it is.
public struct FUSESetattr: Hashable, Sendable {
    /// A time to set.
    public enum Time: Hashable, Sendable {
        case now
        /// Since 1970.
        case at(seconds: Int64, nanoseconds: UInt32)
    }

    public var fh: UInt64?
    /// Type and permission bits.
    public var mode: UInt32?
    public var uid: UInt32?
    public var gid: UInt32?
    public var size: UInt64?
    public var accessed: Time?
    public var modified: Time?

    public init(fh: UInt64? = nil, mode: UInt32? = nil, uid: UInt32? = nil, gid: UInt32? = nil, size: UInt64? = nil, accessed: Time? = nil, modified: Time? = nil) {
        self.fh = fh
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.size = size
        self.accessed = accessed
        self.modified = modified
    }

    /// Reads the structure; the caller has checked that it is there. The bits are the kernel's `FATTR_*`.
    init(_ base: UnsafeRawPointer) {
        let valid = base.u32(FUSELayout.SetattrIn.valid)
        func has(_ bit: UInt32) -> Bool { valid & 1 << bit != 0 }
        func time(_ set: UInt32, _ now: UInt32, _ seconds: Int, _ nanoseconds: Int) -> Time? {
            if has(now) { return .now }
            return has(set) ? .at(seconds: Int64(bitPattern: base.u64(seconds)), nanoseconds: base.u32(nanoseconds)) : nil
        }
        self.init(
            fh: has(6) ? base.u64(FUSELayout.SetattrIn.fh) : nil, mode: has(0) ? base.u32(FUSELayout.SetattrIn.mode) : nil,
            uid: has(1) ? base.u32(FUSELayout.SetattrIn.uid) : nil, gid: has(2) ? base.u32(FUSELayout.SetattrIn.gid) : nil,
            size: has(3) ? base.u64(FUSELayout.SetattrIn.fileSize) : nil,
            accessed: time(4, 7, FUSELayout.SetattrIn.atime, FUSELayout.SetattrIn.atimensec),
            modified: time(5, 8, FUSELayout.SetattrIn.mtime, FUSELayout.SetattrIn.mtimensec))
    }
}
