import Integrity
import PackageFormat

/// The index as it grows: objects in the order in which they were met, chunks in the order in which they are written.
struct ContentTables {
    private(set) var objects: [ObjectRecord] = []
    /// Data bytes of each object.
    private(set) var dataBytes: [UInt64] = []
    var extents: [ExtentRecord] = []
    var chunks: [ChunkRecord] = []
    private var byDigest: [Digest: UInt32] = [:]

    /// The object with this content, if there is one.
    func object(_ digest: Digest) -> Int? { byDigest[digest].map(Int.init) }

    /// Adds an object whose extents are appended next. Its digest may follow later.
    mutating func addObject(size: UInt64, segments: [DataSegment]) -> Int {
        objects.append(ObjectRecord(digest: .zero, size: size, firstExtent: UInt32(extents.count), extentCount: UInt32(segments.count)))
        dataBytes.append(segments.byteCount)
        return objects.count - 1
    }

    mutating func setDigest(_ digest: Digest, ofObject number: Int) {
        objects[number].digest = digest
        if byDigest[digest] == nil { byDigest[digest] = UInt32(number) }
    }

    /// Adds a chunk whose stored form is not known yet. Returns its number.
    mutating func addChunk(rawLength: Int, source: UInt32 = 0) -> Int {
        chunks.append(ChunkRecord(digest: .zero, offset: 0, storedLength: UInt32(rawLength), rawLength: UInt32(rawLength), source: source, firstExtent: 0, extentCount: 0, codec: .stored))
        return chunks.count - 1
    }

    /// Sorts the extents by where they lie and tells objects and chunks their ranges. An object's extents stay together: it has either
    /// chunks of its own, numbered one after another, or a part of a single chunk, taken at once.
    mutating func finish() {
        extents.sort { ($0.firstChunk, $0.offsetInChunk) < ($1.firstChunk, $1.offsetInChunk) }
        var previous: UInt32?
        for (number, extent) in extents.enumerated() {
            if extent.object != previous { objects[Int(extent.object)].firstExtent = UInt32(number) }
            previous = extent.object
        }
        for number in objects.indices where objects[number].extentCount == 0 { objects[number].firstExtent = 0 }
        byDigest = [:]
    }

    /// Enters each extent into its chunks. After `finish`.
    mutating func linkChunks(chunkSize: UInt32) {
        for (number, extent) in extents.enumerated() {
            for chunk in Int(extent.firstChunk)..<(Int(extent.firstChunk) + Int(extent.chunkCount(chunkSize: chunkSize))) {
                if chunks[chunk].extentCount == 0 { chunks[chunk].firstExtent = UInt32(number) }
                chunks[chunk].extentCount += 1
            }
        }
    }
}
