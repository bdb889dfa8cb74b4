/// statfs(2)'s answer (`struct fuse_kstatfs`), under the fields' own names.
public struct FUSEStatfs: Hashable, Sendable {
    /// Total, free, and free for ordinary users, in units of `frsize`.
    public var blocks: UInt64
    public var bfree: UInt64
    public var bavail: UInt64
    /// Nodes, and free ones.
    public var files: UInt64
    public var ffree: UInt64
    /// The preferred I/O size, bytes.
    public var bsize: UInt32
    /// The longest name, bytes.
    public var namelen: UInt32
    /// The unit of the block counts, bytes.
    public var frsize: UInt32

    public init(blocks: UInt64, bfree: UInt64 = 0, bavail: UInt64 = 0, files: UInt64, ffree: UInt64 = 0, bsize: UInt32 = 4096, namelen: UInt32 = 255, frsize: UInt32 = 4096) {
        self.blocks = blocks
        self.bfree = bfree
        self.bavail = bavail
        self.files = files
        self.ffree = ffree
        self.bsize = bsize
        self.namelen = namelen
        self.frsize = frsize
    }
}
