import BlockCodec
import BlockStore
import Integrity
import LinuxSystem
import PackageFormat

extension PackageVolume: LoadTarget {
    public func location(of unit: LoadUnit) -> UnitLocation? {
        switch unit.kind {
        case .indexPage:
            guard unit.index < UInt64(index.pageCount) else { return nil }
            let range = index.pageRange(Int(unit.index))
            return UnitLocation(path: [], offset: range.offset, length: range.length)
        case .chunk:
            guard unit.index < chunkCount, case .record(let chunk) = index.lookUp(chunk: Int(unit.index)) else { return nil }
            do throws(InvalidRecord) {
                let path = try head.sourcePath(ofChunk: Int(unit.index), chunk)
                return UnitLocation(path: path, offset: chunk.offset, length: Int(chunk.storedLength), storeBytes: Self.storeBytes(chunk))
            } catch { return nil }
        }
    }

    public func indexPage(forChunk chunk: UInt64) -> LoadUnit { LoadUnit(.indexPage, UInt64(index.page(ofChunk: Int(chunk)))) }

    public func isPresent(_ unit: LoadUnit) -> Bool {
        switch unit.kind {
        case .indexPage: return unit.index < UInt64(index.pageCount) && index.isInstalled(Int(unit.index))
        case .chunk:
            guard unit.index < chunkCount else { return false }
            if chunkPresent[Int(unit.index)] { return true }
            guard case .pieces(let pieces) = pieces(ofChunk: unit.index) else { return false }
            for piece in pieces {
                guard case .ready(let object) = resolve(piece.object) else { return false }
                if !object.stored.isPresent(bytes: piece.file) { return false }
            }
            chunkPresent.set(Int(unit.index))
            return true
        }
    }

    public func deliver(_ unit: LoadUnit, _ bytes: UnsafeRawBufferPointer, source: String) -> Delivery {
        let result = switch unit.kind {
        case .indexPage: deliverPage(Int(unit.index), bytes, source)
        case .chunk: deliverChunk(unit.index, bytes, source)
        }
        if result == .stored {
            statistics.deliveredUnits.add(1, ordering: .relaxed)
            statistics.deliveredBytes.add(UInt64(bytes.count), ordering: .relaxed)
            finalFailures.withLock { $0.forget(unit) }
            settle(pending.withLock { $0.take(waitingFor: unit) })
        } else if case .storageFailed = result {
            settle(pending.withLock { $0.take(waitingFor: unit) })
        }
        return result
    }

    public func found(_ unit: LoadUnit) { settle(pending.withLock { $0.take(waitingFor: unit) }) }

    public func fail(_ unit: LoadUnit, errno: Int32, reason: String) {
        finalFailures.withLock { $0.add(unit, Errno(rawValue: errno), reason: reason, now: .now) }
        report(.error, "\(name(of: unit)) cannot be had: \(reason)")
        for read in pending.withLock({ $0.take(waitingFor: unit) }) { fail(read, Errno(rawValue: errno), cause: reason) }
    }

    public func setWaitReason(_ reason: String?) { waitReasonText.withLock { $0 = reason } }

    // MARK: Delivering

    private func deliverPage(_ page: Int, _ bytes: UnsafeRawBufferPointer, _ source: String) -> Delivery {
        guard page < index.pageCount else { return .stored }
        if index.isInstalled(page) { return .stored }
        guard index.install(page: page, bytes: bytes) else { return corrupt("page \(page) of the index", source) }
        indexFile?.keep(page: page, of: index, bytes)
        if index.installedCount == index.pageCount { stockNeeded() }
        return .stored
    }

    private func deliverChunk(_ number: UInt64, _ bytes: UnsafeRawBufferPointer, _ source: String) -> Delivery {
        guard number < chunkCount, case .record(let chunk) = index.lookUp(chunk: Int(number)) else { return .stored }
        return scratch.borrow { scratch in
            // The blocks of a chunk that is stored as it is have their digests out of the same pass.
            let leaves = chunk.codec == .stored ? UnsafeMutableRawBufferPointer(rebasing: scratch.leaves.bytes[..<(Int(chunk.rawLength + 4095) / 4096 * Digest.length)]) : nil
            // Nothing unchecked reaches the decoder.
            guard bytes.count == Int(chunk.storedLength), (leaves.map { SHA256Hasher.hash(bytes, blocks: $0) } ?? SHA256Hasher.hash(bytes)) == chunk.digest else {
                return corrupt(name(of: LoadUnit(.chunk, number)), source)
            }
            guard case .pieces(let pieces) = pieces(ofChunk: number) else { return .stored }
            let room = roomForReader(ofChunk: number, pieces)
            defer { if let room { arrived.publish(room, now: .now) } }
            switch chunk.codec {
            case .stored:
                if let room { room.bytes.copyMemory(from: bytes) }
                return store(bytes, number, pieces, leaves.map { UnsafeRawBufferPointer($0) }, room)
            case .zstd:
                let raw = UnsafeMutableRawBufferPointer(rebasing: (room?.bytes ?? scratch.memory.bytes)[..<Int(chunk.rawLength)])
                do throws(ZstdError) { try scratch.decoder.decompress(bytes, into: raw) } catch {
                    // The digest held: the publisher made it so. No other source can have better bytes.
                    for piece in pieces where objectBad.set(Int(piece.object)) {
                        report(.error, "\(path(ofObject: piece.object)) cannot be read: a chunk of the package does not decode (\(error)); the publisher has to make the package again")
                    }
                    return .stored
                }
                return store(UnsafeRawBufferPointer(raw), number, pieces, nil, room)
            }
        }
    }

    /// `leaves`: the digests of the blocks of `raw`, if they are known. `room`: has the same bytes, for readers.
    private func store(_ raw: UnsafeRawBufferPointer, _ number: UInt64, _ pieces: [ChunkPiece], _ leaves: UnsafeRawBufferPointer?, _ room: ArrivedBytes.Room?) -> Delivery {
        var failure: Errno?
        for piece in pieces {
            let object: VolumeObject
            switch resolve(piece.object) {
            case .ready(let found): object = found
            // Its index page is not there: nobody can have asked for it through this chunk. It is fetched when it is wanted.
            case .waiting, .failed: continue
            }
            // An extent that its object does not name is not in the object's description either.
            guard object.extentNumbers.contains(piece.extent) else { continue }
            let length = Int(piece.file.upperBound - piece.file.lowerBound)
            guard piece.chunkOffset + length <= raw.count else { continue }
            let bytes = UnsafeRawBufferPointer(rebasing: raw[piece.chunkOffset..<piece.chunkOffset + length])
            do {
                let filled = try object.stored.fill(bytes, at: piece.file.lowerBound, leaves: leaves.flatMap { Self.leaves($0, of: piece, in: raw.count) })
                stored(piece)
                // Blocks that were there before are the store's, whatever came now.
                if let room, filled == (length + 4095) / 4096 { arrived.add(piece.object, piece.file, at: piece.chunkOffset, to: room) }
            } catch {
                if error.cause == .wrongContent || error.cause == .wrongSize || error.cause == .invalidRange {
                    if objectBad.set(Int(piece.object)) { report(.error, "\(path(ofObject: piece.object)) is not what the package says: \(error)") }
                    continue
                }
                if !storeRefuses.exchange(true, ordering: .relaxed) {
                    report(.error, "cannot store \(path(ofObject: piece.object)): \(error); what programs read is fetched all the same, and kept in memory for them")
                }
                keepUnstored(bytes, piece)
                failure = error.errno
                continue
            }
            account(object)
        }
        if let failure { return .storageFailed(failure.rawValue) }
        storeRefuses.store(false, ordering: .relaxed)
        return .stored
    }

    /// Memory for a chunk that a reader waits for or moves towards; nil for any other, and where nothing of it would be kept.
    private func roomForReader(ofChunk number: UInt64, _ pieces: [ChunkPiece]) -> ArrivedBytes.Room? {
        guard chunkExpected.clear(Int(number)), pieces.contains(where: { $0.file.count >= ArrivedBytes.shortestPiece }), let room = arrived.claim() else { return nil }
        if room.isNew { sweepLater() }
        return room
    }

    /// The digests of a piece's blocks out of those of its chunk; nil where its blocks are not the chunk's.
    private static func leaves(_ leaves: UnsafeRawBufferPointer, of piece: ChunkPiece, in count: Int) -> UnsafeRawBufferPointer? {
        let length = Int(piece.file.upperBound - piece.file.lowerBound)
        let end = piece.chunkOffset + length
        guard piece.chunkOffset % 4096 == 0, end == count || end % 4096 == 0 else { return nil }
        return UnsafeRawBufferPointer(rebasing: leaves[(piece.chunkOffset / 4096 * Digest.length)..<((end + 4095) / 4096 * Digest.length)])
    }

    private func corrupt(_ what: String, _ source: String) -> Delivery {
        statistics.corruptDeliveries.add(1, ordering: .relaxed)
        report(.warning, "\(what) from \(source) does not match its digest; it will be fetched again")
        return .corrupt
    }

    /// A unit in words: the file and the first block that it brings.
    func name(of unit: LoadUnit) -> String {
        guard unit.kind == .chunk else { return "page \(unit.index) of the index" }
        guard case .pieces(let pieces) = pieces(ofChunk: unit.index), let first = pieces.first else { return "chunk \(unit.index)" }
        let others = pieces.count > 1 ? " and \(pieces.count - 1) more" : ""
        return "block \(first.file.lowerBound / 4096) of \(path(ofObject: first.object))\(others) (chunk \(unit.index))"
    }
}
