/// A name in a directory.
///
///     OFFSET SIZE MEANING
///          0    4 name: offset in the string table
///          4    2 name length, 1 to 255
///          6    2 reserved, 0
///          8    4 node
///         12    4 directory
struct TreeEntry: Sendable, Equatable {
    static let length = 16
    var nameOffset: UInt32
    var nameLength: UInt16
    var node: UInt32
    var directory: UInt32

    init(nameOffset: UInt32, nameLength: UInt16, node: UInt32, directory: UInt32) {
        self.nameOffset = nameOffset
        self.nameLength = nameLength
        self.node = node
        self.directory = directory
    }

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        nameOffset = bytes.little(offset)
        nameLength = bytes.little(offset + 4)
        node = bytes.little(offset + 8)
        directory = bytes.little(offset + 12)
    }

    func write(to writer: inout ByteWriter) {
        writer.integer(nameOffset)
        writer.integer(nameLength)
        writer.zeros(2)
        writer.integer(node)
        writer.integer(directory)
    }
}
