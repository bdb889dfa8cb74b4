/// A node's attributes (`struct fuse_attr`). Times are seconds since 1970 and nanoseconds.
public struct FUSEAttributes: Hashable, Sendable {
    /// What stat(2) shows as `st_ino`; need not be the node id.
    public var ino: UInt64
    /// Bytes.
    public var size: UInt64
    /// Units of 512 bytes.
    public var blocks: UInt64
    public var atime: Int64
    public var atimeNanoseconds: UInt32
    public var mtime: Int64
    public var mtimeNanoseconds: UInt32
    public var ctime: Int64
    public var ctimeNanoseconds: UInt32
    /// Type and permission bits.
    public var mode: UInt32
    public var nlink: UInt32
    public var uid: UInt32
    public var gid: UInt32
    public var rdev: UInt32
    /// The preferred I/O size; 0 leaves it to the kernel.
    public var blksize: UInt32

    public init(
        ino: UInt64 = 0, size: UInt64 = 0, blocks: UInt64 = 0, atime: Int64 = 0, atimeNanoseconds: UInt32 = 0, mtime: Int64 = 0, mtimeNanoseconds: UInt32 = 0,
        ctime: Int64 = 0, ctimeNanoseconds: UInt32 = 0, mode: UInt32 = 0, nlink: UInt32 = 0, uid: UInt32 = 0, gid: UInt32 = 0, rdev: UInt32 = 0, blksize: UInt32 = 0
    ) {
        self.ino = ino
        self.size = size
        self.blocks = blocks
        self.atime = atime
        self.atimeNanoseconds = atimeNanoseconds
        self.mtime = mtime
        self.mtimeNanoseconds = mtimeNanoseconds
        self.ctime = ctime
        self.ctimeNanoseconds = ctimeNanoseconds
        self.mode = mode
        self.nlink = nlink
        self.uid = uid
        self.gid = gid
        self.rdev = rdev
        self.blksize = blksize
    }

    /// A node whose three times are one.
    public init(
        ino: UInt64, size: UInt64, blocks: UInt64, seconds: Int64, nanoseconds: UInt32, mode: UInt32, nlink: UInt32, uid: UInt32, gid: UInt32, blksize: UInt32
    ) {
        self.init(
            ino: ino, size: size, blocks: blocks, atime: seconds, atimeNanoseconds: nanoseconds, mtime: seconds, mtimeNanoseconds: nanoseconds,
            ctime: seconds, ctimeNanoseconds: nanoseconds, mode: mode, nlink: nlink, uid: uid, gid: gid, blksize: blksize)
    }

    /// Writes all fields of the structure but `flags`, which the caller has cleared.
    func encode(at base: UnsafeMutableRawPointer) {
        base.put(ino, at: FUSELayout.Attr.ino)
        base.put(size, at: FUSELayout.Attr.fileSize)
        base.put(blocks, at: FUSELayout.Attr.blocks)
        base.put(atime, at: FUSELayout.Attr.atime)
        base.put(mtime, at: FUSELayout.Attr.mtime)
        base.put(ctime, at: FUSELayout.Attr.ctime)
        base.put(atimeNanoseconds, at: FUSELayout.Attr.atimensec)
        base.put(mtimeNanoseconds, at: FUSELayout.Attr.mtimensec)
        base.put(ctimeNanoseconds, at: FUSELayout.Attr.ctimensec)
        base.put(mode, at: FUSELayout.Attr.mode)
        base.put(nlink, at: FUSELayout.Attr.nlink)
        base.put(uid, at: FUSELayout.Attr.uid)
        base.put(gid, at: FUSELayout.Attr.gid)
        base.put(rdev, at: FUSELayout.Attr.rdev)
        base.put(blksize, at: FUSELayout.Attr.blksize)
    }
}
