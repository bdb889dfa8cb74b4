import BlockStore
import Integrity
import LinuxSystem
import PackageFormat

/// What a look at an object gives.
enum Resolution {
    case ready(VolumeObject)
    /// The index pages that say where and what it is are not there yet.
    case waiting([LoadUnit])
    case failed(Errno)
}

extension PackageVolume {
    /// The object, opened in the store. Reads the disk the first time.
    func resolve(_ number: UInt32) -> Resolution {
        if let object = slots[number] {
            object.recentlyUsed.store(true, ordering: .relaxed)
            return .ready(object)
        }
        guard Int(number) < objectCount, !objectBad[Int(number)] else { return .failed(.ioError) }
        let record: ObjectRecord
        switch index.lookUp(object: Int(number)) {
        case .record(let found): record = found
        case .notInstalled(let page): return .waiting([page])
        case .invalid(let why): return bad(number, "\(why)")
        }
        guard record.size == tree.node(tree.node(forObject: Int(number))).size else {
            return bad(number, "the package's tree and index disagree about its size")
        }
        var extents: [ExtentRecord] = []
        var missing: [LoadUnit] = []
        extents.reserveCapacity(record.extents.count)
        for i in record.extents {
            switch index.lookUp(extent: i) {
            case .record(let extent):
                do throws(InvalidRecord) { try index.check(extent: i, extent, of: record) } catch { return bad(number, "\(error)") }
                extents.append(extent)
            case .notInstalled(let page): if missing.last != page { missing.append(page) }
            case .invalid(let why): return bad(number, "\(why)")
            }
        }
        if !missing.isEmpty { return .waiting(missing) }
        guard let holes = holes(of: record, extents, number) else { return bad(number, "the extents of object \(number) are not in order") }
        // What the tree says of the holes is the publisher's word; the extents are what counts.
        do throws(PackageError) {
            try PackageLimits.checkHoles(size: record.size, dataBytes: extents.reduce(0) { $0 + $1.byteCount }, of: "object \(number)")
        } catch { return bad(number, "\(error)") }
        let description: Digest
        switch describe(record, extents) {
        case .digest(let found): description = found
        case .waiting(let pages): return .waiting(pages)
        }
        do {
            let stored = try store.object(record.digest, describedBy: description, size: record.size, holes: holes)
            let object = slots.install(VolumeObject(number: number, stored: stored, extents: extents, extentNumbers: record.extents, chunkSize: chunkSize))
            account(object)
            return .ready(object)
        } catch {
            report(.error, "cannot open \(path(ofObject: number)) in the store: \(error)")
            return .failed(.ioError)
        }
    }

    /// The ranges that no extent covers; nil if the extents overlap, are out of order, belong to another object or pass its end.
    private func holes(of record: ObjectRecord, _ extents: [ExtentRecord], _ number: UInt32) -> [Range<UInt64>]? {
        var holes: [Range<UInt64>] = []
        var position: UInt64 = 0
        var chunk: UInt64 = 0
        for extent in extents {
            let firstChunk = UInt64(extent.firstChunk)
            guard extent.object == number, extent.fileOffset >= position, firstChunk >= chunk, extent.byteCount > 0,
                extent.byteCount <= record.size, extent.fileOffset <= record.size - extent.byteCount
            else { return nil }
            if extent.fileOffset > position { holes.append(position..<extent.fileOffset) }
            position = extent.fileEnd
            chunk = firstChunk + extent.chunkCount(chunkSize: UInt32(chunkSize)) - 1
        }
        if position < record.size { holes.append(position..<record.size) }
        return holes
    }

    /// Marks an object as one that can never be read, says so once, and answers EIO.
    func bad(_ number: UInt32, _ why: String) -> Resolution {
        if objectBad.set(Int(number)) {
            report(.error, "\(path(ofObject: number)) cannot be read: \(why); the publisher has to make the package again")
        }
        return .failed(.ioError)
    }

    /// Brings the volume's totals up to date with what the store has of `object` now.
    func account(_ object: VolumeObject) {
        let number = Int(object.number)
        let present = UInt32(clamping: object.stored.presentBlocks)
        accounting.withLock { accounting in
            accounting.presentBlocks = accounting.presentBlocks &+ UInt64(present) &- UInt64(accounting.blocks[number])
            accounting.blocks[number] = present
        }
        if object.stored.isComplete {
            if objectComplete.set(number) { completeCount.add(1, ordering: .acquiringAndReleasing) }
        } else if objectComplete.clear(number) {
            completeCount.subtract(1, ordering: .acquiringAndReleasing)
        } else if object.stored.presentBlocks == object.stored.blockCount {
            enqueueCompletion(object.number)
        }
    }
}
