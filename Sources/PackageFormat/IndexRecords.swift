import Integrity

/// A stored content, named by its digest.
///
///     OFFSET SIZE MEANING
///          0   32 content digest (fs-verity)
///         32    8 size in bytes, 1 or more
///         40    4 first extent
///         44    4 extent count; 0 for a file that is all hole
///         48   16 reserved, 0
public struct ObjectRecord: Sendable, Equatable {
    public static let length = 64
    public var digest: Digest
    public var size: UInt64
    public var firstExtent: UInt32
    public var extentCount: UInt32

    public init(digest: Digest, size: UInt64, firstExtent: UInt32, extentCount: UInt32) {
        self.digest = digest
        self.size = size
        self.firstExtent = firstExtent
        self.extentCount = extentCount
    }
    /// The numbers of its extents, in order of file offset.
    public var extents: Range<Int> { Int(firstExtent)..<(Int(firstExtent) + Int(extentCount)) }
}

/// A run of one object's data in consecutive chunks. What no extent covers is a hole.
///
///     OFFSET SIZE MEANING
///          0    8 offset in the object, a multiple of 4096
///          8    8 length in bytes; a multiple of 4096 unless it ends the object
///         16    4 first chunk
///         20    4 offset in the first chunk's content; 0 when the extent has several chunks
///         24    4 object
///         28    4 flags, 0
public struct ExtentRecord: Sendable, Equatable {
    public static let length = 32
    public var fileOffset: UInt64
    public var byteCount: UInt64
    public var firstChunk: UInt32
    public var offsetInChunk: UInt32
    public var object: UInt32

    public init(fileOffset: UInt64, byteCount: UInt64, firstChunk: UInt32, offsetInChunk: UInt32, object: UInt32) {
        self.fileOffset = fileOffset
        self.byteCount = byteCount
        self.firstChunk = firstChunk
        self.offsetInChunk = offsetInChunk
        self.object = object
    }
    /// The first byte of the object behind the extent.
    public var fileEnd: UInt64 { fileOffset + byteCount }
    /// How many chunks it lies in, with full chunks of `chunkSize` bytes.
    public func chunkCount(chunkSize: UInt32) -> UInt64 {
        (UInt64(offsetInChunk) + byteCount + UInt64(chunkSize) - 1) / UInt64(chunkSize)
    }
}

/// The unit of transfer and compression.
///
///     OFFSET SIZE MEANING
///          0   32 SHA-256 of the stored bytes
///         32    8 offset in the source, bytes
///         40    4 stored length in bytes, 1 to the raw length
///         44    4 raw length in bytes, 1 to the chunk size
///         48    4 source: a pack's number, or 0x80000000 + a node of the tree (in place)
///         52    4 first extent
///         56    4 extent count, 1 or more
///         60    1 codec: 0 stored, 1 Zstandard
///         61    3 reserved, 0
public struct ChunkRecord: Sendable, Equatable {
    public static let length = 64
    /// Set in `source` when the content lies in a published file.
    public static let inPlaceFlag: UInt32 = 0x8000_0000

    /// How the stored bytes become content.
    public enum Codec: UInt8, Sendable { case stored = 0, zstd = 1 }

    public var digest: Digest
    public var offset: UInt64
    public var storedLength: UInt32
    public var rawLength: UInt32
    public var source: UInt32
    public var firstExtent: UInt32
    public var extentCount: UInt32
    public var codec: Codec

    public init(digest: Digest, offset: UInt64, storedLength: UInt32, rawLength: UInt32, source: UInt32, firstExtent: UInt32, extentCount: UInt32, codec: Codec) {
        self.digest = digest
        self.offset = offset
        self.storedLength = storedLength
        self.rawLength = rawLength
        self.source = source
        self.firstExtent = firstExtent
        self.extentCount = extentCount
        self.codec = codec
    }
    /// The numbers of the extents that have content in it.
    public var extents: Range<Int> { Int(firstExtent)..<(Int(firstExtent) + Int(extentCount)) }
    /// The tree's node whose file holds the bytes; nil when they lie in a pack.
    public var inPlaceNode: Int? { source & Self.inPlaceFlag == 0 ? nil : Int(source & ~Self.inPlaceFlag) }
    /// The pack that holds the bytes; nil when they lie in place.
    public var pack: Int? { source & Self.inPlaceFlag == 0 ? Int(source) : nil }
}
