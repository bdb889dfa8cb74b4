import PackageFormat

/// The part of one chunk that belongs to one object.
struct ChunkPiece: Sendable {
    var object: UInt32
    /// Bytes of the object.
    var file: Range<UInt64>
    /// Where they start in the decoded chunk.
    var chunkOffset: Int
}

enum ChunkPieces {
    case pieces([ChunkPiece])
    case waiting(LoadUnit)
    case invalid(InvalidRecord)
}

extension PackageVolume {
    /// What chunk `number` brings, by its extents.
    func pieces(ofChunk number: UInt64) -> ChunkPieces {
        let chunk: ChunkRecord
        switch index.lookUp(chunk: Int(number)) {
        case .record(let found): chunk = found
        case .notInstalled(let page): return .waiting(page)
        case .invalid(let why): return .invalid(why)
        }
        var pieces: [ChunkPiece] = []
        pieces.reserveCapacity(chunk.extents.count)
        for i in chunk.extents {
            switch index.lookUp(extent: i) {
            case .record(let extent):
                do throws(InvalidRecord) {
                    let place = try index.placement(ofExtent: i, extent, inChunk: Int(number), chunk)
                    pieces.append(ChunkPiece(
                        object: extent.object, file: place.fileOffset..<place.fileOffset + UInt64(place.length), chunkOffset: place.offsetInChunk))
                } catch { return .invalid(error) }
            case .notInstalled(let page): return .waiting(page)
            case .invalid(let why): return .invalid(why)
            }
        }
        return .pieces(pieces)
    }

    /// Why chunk `number` can never be had, by the index alone; nil if it can, or if its index page is not here yet.
    func problem(ofChunk number: UInt64) -> String? {
        do throws(InvalidRecord) {
            guard let record = try index.chunk(Int(number)) else { return nil }
            _ = try head.sourcePath(ofChunk: Int(number), record)
            if case .invalid(let why) = pieces(ofChunk: number) { throw why }
            return nil
        } catch { return "\(error)" }
    }

    public func nextMissing(after cursor: inout UInt64, limit: Int) -> [LoadUnit] {
        var units: [LoadUnit] = []
        while units.count < limit, let next = chunkPresent.firstClear(from: Int(clamping: cursor)) {
            let number = UInt64(next)
            switch pieces(ofChunk: number) {
            case .waiting(let page):
                if units.last != page { units.append(page) }
                cursor = number + 1
            case .invalid:
                cursor = number + 1
            case .pieces:
                cursor = number + 1
                let unit = LoadUnit(.chunk, number)
                if !isPresent(unit), problem(ofChunk: number) == nil { units.append(unit) }
            }
        }
        if units.isEmpty { cursor = chunkCount }
        return units
    }
}
