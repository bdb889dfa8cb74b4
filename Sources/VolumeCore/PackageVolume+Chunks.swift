import PackageFormat

/// The part of one chunk that belongs to one object.
struct ChunkPiece: Sendable {
    var object: UInt32
    /// The extent that says so.
    var extent: Int
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
                        object: extent.object, extent: i, file: place.fileOffset..<place.fileOffset + UInt64(place.length), chunkOffset: place.offsetInChunk))
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

    /// The same for who wants `object` of it: the chunk must also bring all that the object's extents expect of it. A reader
    /// would wait for ever, and the chunk be fetched for ever, if only one of the two knew of the other.
    func problem(ofChunk number: UInt64, for object: VolumeObject) -> String? {
        if let why = problem(ofChunk: number) { return why }
        guard case .pieces(let pieces) = pieces(ofChunk: number) else { return nil }
        for range in object.ranges(ofChunk: number) where !pieces.contains(where: { $0.object == object.number && $0.file == range }) {
            return "chunk \(number) does not name an extent that lies in it"
        }
        return nil
    }

    /// The index pages without which an object of `pieces` cannot be opened.
    private func missingPages(for pieces: [ChunkPiece]) -> [LoadUnit] {
        for piece in pieces { if case .waiting(let pages) = resolve(piece.object) { return pages } }
        return []
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
            case .pieces(let pieces):
                cursor = number + 1
                let unit = LoadUnit(.chunk, number)
                if isPresent(unit) || problem(ofChunk: number) != nil { continue }
                // Not before its objects can be opened: what they cannot take would have to come again.
                let pages = missingPages(for: pieces)
                for page in pages.isEmpty ? [unit] : pages where units.last != page { units.append(page) }
            }
        }
        if units.isEmpty { cursor = chunkCount }
        return units
    }
}
