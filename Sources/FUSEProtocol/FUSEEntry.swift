/// What a name leads to (`struct fuse_entry_out`). The kernel may keep the name and the attributes for the stated times.
public struct FUSEEntry: Hashable, Sendable {
    /// 0 means: there is no such name, and that may be remembered for `entryValidSeconds`.
    public var nodeID: UInt64
    /// Node id and generation together are never used for another file while the mount lives.
    public var generation: UInt64
    public var entryValidSeconds: UInt64
    public var attrValidSeconds: UInt64
    public var attributes: FUSEAttributes

    /// As long as the kernel can count; for what never changes.
    public static let forever: UInt64 = 0x7FFF_FFFF

    public init(nodeID: UInt64, generation: UInt64 = 0, entryValidSeconds: UInt64 = Self.forever, attrValidSeconds: UInt64 = Self.forever, attributes: FUSEAttributes) {
        self.nodeID = nodeID
        self.generation = generation
        self.entryValidSeconds = entryValidSeconds
        self.attrValidSeconds = attrValidSeconds
        self.attributes = attributes
    }

    /// "No such name", remembered for `seconds`.
    public static func absent(forSeconds seconds: UInt64) -> FUSEEntry {
        FUSEEntry(nodeID: 0, entryValidSeconds: seconds, attrValidSeconds: 0, attributes: FUSEAttributes(ino: 0, size: 0, blocks: 0, mode: 0, nlink: 0, blksize: 0))
    }

    func encode(at base: UnsafeMutableRawPointer) {
        base.put(nodeID, at: FUSELayout.EntryOut.nodeid)
        base.put(generation, at: FUSELayout.EntryOut.generation)
        base.put(entryValidSeconds, at: FUSELayout.EntryOut.entryValid)
        base.put(attrValidSeconds, at: FUSELayout.EntryOut.attrValid)
        attributes.encode(at: base + FUSELayout.EntryOut.attr)
    }
}

/// statfs(2)'s answer (`struct fuse_kstatfs`).
public struct FUSEStatistics: Hashable, Sendable {
    /// In units of `fragmentSize`.
    public var blocks: UInt64
    public var freeBlocks: UInt64
    public var availableBlocks: UInt64
    public var files: UInt64
    public var freeFiles: UInt64
    /// The preferred I/O size, bytes.
    public var blockSize: UInt32
    /// The longest name, bytes.
    public var nameLength: UInt32
    public var fragmentSize: UInt32

    public init(blocks: UInt64, freeBlocks: UInt64 = 0, availableBlocks: UInt64 = 0, files: UInt64, freeFiles: UInt64 = 0, blockSize: UInt32 = 4096, nameLength: UInt32 = 255, fragmentSize: UInt32 = 4096) {
        self.blocks = blocks
        self.freeBlocks = freeBlocks
        self.availableBlocks = availableBlocks
        self.files = files
        self.freeFiles = freeFiles
        self.blockSize = blockSize
        self.nameLength = nameLength
        self.fragmentSize = fragmentSize
    }
}
