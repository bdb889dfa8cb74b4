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

    /// "." and ".." of READDIRPLUS: shown with an inode number, but not entered into the kernel's tree of names.
    public init(unlistedInode ino: UInt64) {
        self.init(nodeID: 0, entryValidSeconds: 0, attrValidSeconds: 0, attributes: FUSEAttributes(ino: ino, mode: 0o040000, nlink: 0))
    }

    /// "No such name", remembered for `seconds`.
    public static func absent(forSeconds seconds: UInt64) -> FUSEEntry {
        FUSEEntry(nodeID: 0, entryValidSeconds: seconds, attrValidSeconds: 0, attributes: FUSEAttributes())
    }

    func encode(at base: UnsafeMutableRawPointer) {
        base.put(nodeID, at: FUSELayout.EntryOut.nodeid)
        base.put(generation, at: FUSELayout.EntryOut.generation)
        base.put(entryValidSeconds, at: FUSELayout.EntryOut.entryValid)
        base.put(attrValidSeconds, at: FUSELayout.EntryOut.attrValid)
        attributes.encode(at: base + FUSELayout.EntryOut.attr)
    }
}
