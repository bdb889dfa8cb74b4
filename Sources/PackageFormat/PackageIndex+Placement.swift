/// Where a part of a chunk's content belongs.
public struct ChunkPlacement: Sendable, Equatable {
    /// Bytes from the object's start, a multiple of 4096.
    public var fileOffset: UInt64
    /// Bytes from the start of the chunk's content.
    public var offsetInChunk: Int
    /// Bytes, 1 or more; a multiple of 4096 unless it ends the object.
    public var length: Int
}

extension PackageIndex {
    /// Checks extent `number` against the object that it names: order, end and alignment. Call it before writing an extent's data.
    ///
    /// - Throws: `InvalidRecord` (`EIO`).
    public func check(extent number: Int, _ extent: ExtentRecord, of object: ObjectRecord) throws(InvalidRecord) {
        guard object.extents.contains(number) else { throw .init(table: .extents, number: number, rule: "its object does not name it") }
        guard extent.fileEnd <= object.size else { throw .init(table: .extents, number: number, rule: "it lies past the end of its object") }
        guard extent.byteCount % 4096 == 0 || extent.fileEnd == object.size else {
            throw .init(table: .extents, number: number, rule: "it ends inside a block that does not end its object")
        }
    }

    /// Which part of chunk `chunk` holds data of extent `number`, and where in the object it belongs.
    ///
    /// - Throws: `InvalidRecord` (`EIO`) when extent and chunk do not agree.
    public func placement(ofExtent number: Int, _ extent: ExtentRecord, inChunk chunk: Int, _ record: ChunkRecord) throws(InvalidRecord) -> ChunkPlacement {
        let size = UInt64(record.rawLength)
        let count = extent.chunkCount(chunkSize: chunkSize)
        guard chunk >= Int(extent.firstChunk), UInt64(chunk) < UInt64(extent.firstChunk) + count else {
            throw .init(table: .chunks, number: chunk, rule: "it names an extent that lies elsewhere")
        }
        let before = (UInt64(chunk) - UInt64(extent.firstChunk)) * UInt64(chunkSize)
        let length = min(extent.byteCount - before, UInt64(chunkSize) - UInt64(extent.offsetInChunk))
        guard UInt64(extent.offsetInChunk) + length <= size else { throw .init(table: .extents, number: number, rule: "it lies past the end of its chunk") }
        return ChunkPlacement(fileOffset: extent.fileOffset + before, offsetInChunk: Int(extent.offsetInChunk), length: Int(length))
    }

    /// The extent of `object` that covers `offset`, or the first one behind it; nil when only a hole follows to the object's end.
    /// Reads O(log extents) records.
    ///
    /// - Throws: `IndexStop`: a page that must be installed first, or an invalid record.
    public func extent(of object: ObjectRecord, covering offset: UInt64) throws(IndexStop) -> (number: Int, record: ExtentRecord)? {
        var range = object.extents
        var found: (Int, ExtentRecord)?
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            let record: ExtentRecord?
            do { record = try extent(middle) } catch { throw .invalid(error) }
            guard let record else { throw .missing(page: page(ofExtent: middle)) }
            if record.fileEnd > offset {
                found = (middle, record)
                range = range.lowerBound..<middle
            } else {
                range = (middle + 1)..<range.upperBound
            }
        }
        guard let found else { return nil }
        do { try check(extent: found.0, found.1, of: object) } catch { throw .invalid(error) }
        return (found.0, found.1)
    }

    /// The chunk that holds byte `offset` of an object, which `extent` covers.
    public func chunk(of extent: ExtentRecord, holding offset: UInt64) -> Int {
        precondition(offset >= extent.fileOffset && offset < extent.fileEnd)
        return Int(extent.firstChunk) + Int((offset - extent.fileOffset + UInt64(extent.offsetInChunk)) / UInt64(chunkSize))
    }
}

/// Why a question to the index has no answer yet, or never.
public enum IndexStop: Error, Equatable {
    /// This page must be installed first.
    case missing(page: Int)
    /// The publisher's fault: `EIO`.
    case invalid(InvalidRecord)
}
