/// What is left of an interrupted writing, at the end of an image. It is taken away when the image is opened for writing.
public struct ImageFindings: Hashable, Sendable {
    /// Bytes behind everything that counts.
    public var looseBytes: UInt64 = 0
    /// Blocks that are said to be behind the end of the file. They are missing.
    public var lostBlocks: UInt64 = 0

    public var isEmpty: Bool { looseBytes == 0 && lostBlocks == 0 }

    /// For people, one each.
    public var lines: [String] {
        var lines: [String] = []
        if looseBytes > 0 { lines.append("\(looseBytes) \(looseBytes == 1 ? "byte" : "bytes") at the end belong to nothing: their writing was interrupted") }
        if lostBlocks > 0 { lines.append("\(lostBlocks) \(lostBlocks == 1 ? "block" : "blocks") would lie behind the end of the file: the file is cut off, or their writing was interrupted") }
        return lines
    }
}
