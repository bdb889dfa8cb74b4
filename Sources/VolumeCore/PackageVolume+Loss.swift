import BlockStore
import PackageFormat

/// What follows when stored blocks turn out damaged or gone.
extension PackageVolume {
    /// Blocks that were stored are found damaged: they are missing now and will be fetched again.
    func lost(_ blocks: Range<Int>, of object: VolumeObject) {
        statistics.corruptBlocks.add(UInt64(blocks.count), ordering: .relaxed)
        report(
            .warning,
            "block \(blocks.lowerBound)\(blocks.count > 1 ? "…\(blocks.upperBound - 1)" : "") of \(path(ofObject: object.number)) is damaged in the store \(store.directory); it will be fetched again")
        // The store may have lost more than the blocks it names.
        _ = noteMissing(in: object)
    }

    /// Blocks that were present a moment ago are missing: the store has given up more of the object than anybody read.
    func vanished(_ object: VolumeObject) {
        let gone = noteMissing(in: object)
        // None: whoever lost them has said so.
        if gone == 0 { return }
        statistics.corruptBlocks.add(gone, ordering: .relaxed)
        report(.warning, "\(gone) blocks of \(path(ofObject: object.number)) are gone from the store \(store.directory), where its state was damaged; they will be fetched again")
    }

    /// Makes the background fill look again at every chunk of `object` with missing blocks. Returns the blocks that are
    /// missing where everything was thought to be stored: once, however many readers meet them.
    private func noteMissing(in object: VolumeObject) -> UInt64 {
        restoreHoles(of: object)
        var gone: UInt64 = 0
        if !object.stored.isComplete, objectComplete.clear(Int(object.number)) {
            completeCount.subtract(1, ordering: .acquiringAndReleasing)
            gone = UInt64(max(0, object.stored.blockCount - object.stored.presentBlocks))
        }
        var inChunks: UInt64 = 0
        for chunk in object.chunks(in: 0..<object.size) where chunk < chunkCount && chunkPresent[Int(chunk)] {
            let missing = object.ranges(ofChunk: chunk).filter { !object.stored.isPresent(bytes: $0) }
            guard !missing.isEmpty, chunkPresent.clear(Int(chunk)) else { continue }
            for range in missing { inChunks += (range.upperBound + 4095) / 4096 - range.lowerBound / 4096 }
        }
        account(object)
        backgroundNeeded()
        return max(gone, inChunks)
    }

    /// Brings back lost blocks that lie in the published file's holes. No chunk brings them and none is needed: they are zeros.
    func restoreHoles(of object: VolumeObject) {
        var position: UInt64 = 0
        for extent in object.extents {
            restoreHole(position..<max(position, extent.fileOffset), of: object)
            position = extent.fileEnd
        }
        restoreHole(position..<max(position, object.size), of: object)
    }

    private func restoreHole(_ hole: Range<UInt64>, of object: VolumeObject) {
        let first = Int((hole.lowerBound + 4095) / 4096)
        let end = hole.upperBound == object.size ? object.stored.blockCount : Int(hole.upperBound / 4096)
        guard first < end else { return }
        while let missing = object.stored.firstMissing(in: first..<end) {
            let count = min(end - missing, Self.zeros.count / 4096)
            let length = min(UInt64(count) * 4096, object.size - UInt64(missing) * 4096)
            do throws(StoreError) {
                let filled = try Self.zeros.withUnsafeBufferPointer { bytes throws(StoreError) in
                    try object.stored.fill(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<Int(length)]), at: UInt64(missing) * 4096)
                }
                if filled == 0 { return }
            } catch {
                // Its readers get an error until there is room; the next start believes the hole again.
                report(.error, "cannot restore a hole of \(path(ofObject: object.number)): \(error)")
                return
            }
        }
    }

    private static let zeros = [UInt8](repeating: 0, count: 64 * 1024)
}
