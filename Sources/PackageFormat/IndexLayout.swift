/// Where the three tables of the index lie, and how they are cut into pages.
///
/// The tables follow each other: objects (64 bytes a record), extents (32), zeros up to a multiple of 64, chunks (64). Pages of
/// 65,536 bytes are cut from the start, the last may be shorter. No record crosses a page.
public struct IndexLayout: Sendable, Equatable {
    /// Bytes in a page, except the last.
    public static let pageSize: UInt64 = 65_536

    /// Records in each table.
    public var objects: UInt32
    public var extents: UInt32
    public var chunks: UInt32

    public init(objects: UInt32, extents: UInt32, chunks: UInt32) {
        self.objects = objects
        self.extents = extents
        self.chunks = chunks
    }

    /// Bytes before the extent table.
    public var extentsOffset: UInt64 { UInt64(objects) * UInt64(ObjectRecord.length) }
    /// Bytes before the chunk table.
    public var chunksOffset: UInt64 { (extentsOffset + UInt64(extents) * UInt64(ExtentRecord.length) + 63) & ~63 }
    /// Bytes in all.
    public var length: UInt64 { chunks == 0 ? extentsOffset + UInt64(extents) * UInt64(ExtentRecord.length) : chunksOffset + UInt64(chunks) * UInt64(ChunkRecord.length) }
    /// Pages in all.
    public var pageCount: UInt64 { (length + Self.pageSize - 1) / Self.pageSize }
    /// Bytes in page `page`.
    public func length(ofPage page: Int) -> Int { Int(min(Self.pageSize, length - UInt64(page) * Self.pageSize)) }
}
