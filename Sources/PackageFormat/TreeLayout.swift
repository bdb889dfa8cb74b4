/// Where the parts of a decoded tree lie.
///
///     OFFSET SIZE MEANING
///          0    4 node count, 1 or more
///          4    4 entry count
///          8    4 object count
///         12    4 string table length
///         16   48 reserved, 0
///         64      nodes (64 bytes each), then entries (16 bytes each), then the string table
struct TreeLayout: Sendable, Equatable {
    static let headerLength = 64
    static let reservedOffset = 16

    var nodes: Int
    var entries: Int
    var objects: Int
    var strings: Int

    var entriesOffset: Int { Self.headerLength + nodes * TreeNode.length }
    var stringsOffset: Int { entriesOffset + entries * TreeEntry.length }
    var length: Int { stringsOffset + strings }

    init(nodes: Int, entries: Int, objects: Int, strings: Int) {
        self.nodes = nodes
        self.entries = entries
        self.objects = objects
        self.strings = strings
    }

    /// Parses the header; the whole must be as long as the header says.
    init(parsing bytes: UnsafeRawBufferPointer) throws(PackageError) {
        var reader = ByteReader(bytes, of: "tree")
        nodes = Int(try reader.integer(UInt32.self))
        entries = Int(try reader.integer(UInt32.self))
        objects = Int(try reader.integer(UInt32.self))
        strings = Int(try reader.integer(UInt32.self))
        try reader.reserved(Self.headerLength - Self.reservedOffset)
        guard length == bytes.count else { throw .malformed("the tree's length does not follow from its counts") }
        guard nodes > 0 else { throw .malformed("the tree has no root") }
        guard objects <= nodes else { throw .malformed("the tree has more objects than nodes") }
    }

    func write(to writer: inout ByteWriter) {
        for count in [nodes, entries, objects, strings] { writer.integer(UInt32(count)) }
        writer.zeros(Self.headerLength - Self.reservedOffset)
    }
}
