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
    case invalid
}

extension PackageVolume {
    /// What chunk `number` brings, by its extents.
    func pieces(ofChunk number: UInt64) -> ChunkPieces {
        let chunk: ChunkRecord
        switch index.chunk(Int(number)) {
        case .record(let found): chunk = found
        case .notInstalled: return .waiting(indexPage(forChunk: number))
        case .invalid: return .invalid
        }
        var pieces: [ChunkPiece] = []
        pieces.reserveCapacity(Int(chunk.extentCount))
        for i in Int(chunk.firstExtent)..<Int(chunk.firstExtent) + Int(chunk.extentCount) {
            switch index.extent(i) {
            case .record(let extent): if let piece = piece(of: number, in: extent) { pieces.append(piece) }
            case .notInstalled: return .waiting(LoadUnit(.indexPage, UInt64(index.page(ofExtent: i))))
            case .invalid: return .invalid
            }
        }
        return .pieces(pieces)
    }

    /// The part of `extent` that lies in chunk `number`; nil if none does.
    func piece(of number: UInt64, in extent: ExtentRecord) -> ChunkPiece? {
        let first = UInt64(extent.firstChunk)
        guard number >= first else { return nil }
        let start = number == first ? 0 : (number - first) * chunkSize - UInt64(extent.offsetInChunk)
        guard start < extent.length else { return nil }
        let offset = number == first ? UInt64(extent.offsetInChunk) : 0
        let end = min(extent.length, start + chunkSize - offset)
        return ChunkPiece(object: extent.object, file: extent.fileOffset + start..<extent.fileOffset + end, chunkOffset: Int(offset))
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
                if !isPresent(unit) { units.append(unit) }
            }
        }
        if units.isEmpty { cursor = manifest.chunkCount }
        return units
    }
}
