import BlockStore
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
        switch index.object(Int(number)) {
        case .record(let found): record = found
        case .notInstalled: return .waiting([LoadUnit(.indexPage, UInt64(index.page(ofObject: Int(number))))])
        case .invalid: return bad(number, "the package's index is inconsistent at object \(number)")
        }
        var extents: [ExtentRecord] = []
        var missing: [LoadUnit] = []
        extents.reserveCapacity(Int(record.extentCount))
        for i in Int(record.firstExtent)..<Int(record.firstExtent) + Int(record.extentCount) {
            switch index.extent(i) {
            case .record(let extent): extents.append(extent)
            case .notInstalled:
                let unit = LoadUnit(.indexPage, UInt64(index.page(ofExtent: i)))
                if missing.last != unit { missing.append(unit) }
            case .invalid: return bad(number, "the package's index is inconsistent at extent \(i)")
            }
        }
        if !missing.isEmpty { return .waiting(missing) }
        guard let holes = holes(of: record, extents, number) else { return bad(number, "the extents of object \(number) are not in order") }
        do {
            let stored = try store.object(record.digest, size: record.size, holes: holes)
            let object = slots.install(VolumeObject(number: number, stored: stored, extents: extents, chunkSize: chunkSize))
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
        for extent in extents {
            guard extent.object == number, extent.fileOffset >= position, extent.length > 0,
                extent.length <= record.size, extent.fileOffset <= record.size - extent.length
            else { return nil }
            if extent.fileOffset > position { holes.append(position..<extent.fileOffset) }
            position = extent.fileOffset + extent.length
        }
        if position < record.size { holes.append(position..<record.size) }
        return holes
    }

    private func bad(_ number: UInt32, _ why: String) -> Resolution {
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
