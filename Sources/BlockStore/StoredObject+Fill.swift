import Integrity
import LinuxSystem

extension StoredObject {
    /// Stores bytes of the object and publishes their blocks.
    ///
    /// The caller vouches for the bytes (a chunk verified as the object's description says): the leaf digests computed here
    /// are what later reads are checked against, and completion checks all of them against the object's name. A small object
    /// that comes in one piece is checked at once, and so are blocks of an object that was complete before. Safe with readers and other fillers; bytes of present blocks are ignored.
    ///
    /// - Parameters:
    ///   - bytes: whole blocks, except that they may end at the object's end.
    ///   - offset: a multiple of 4096.
    ///   - leaves: the digests of the blocks, 32 bytes each, if the caller has them (`SHA256Hasher.hash(_:blocks:)` of the same bytes).
    /// - Returns: the number of blocks that became present.
    /// - Throws: `.invalidRange` (`EINVAL`); `.wrongContent` (`EBADMSG`) for what is checked at once; `.system` (`ENOSPC`, `EIO`, …):
    ///   then nothing more was published than before the error.
    public func fill(_ bytes: UnsafeRawBufferPointer, at offset: UInt64, leaves: UnsafeRawBufferPointer? = nil) throws(StoreError) -> Int {
        if bytes.isEmpty && offset <= size { return 0 }
        let end = offset &+ UInt64(bytes.count)
        guard offset % UInt64(Blocks.size) == 0, offset < size, end <= size, end == size || bytes.count % Blocks.size == 0 else {
            throw StoreError(.invalidRange, .invalidArgument, paths.data, "\(bytes.count) bytes at \(offset) are not whole blocks of \(size) bytes")
        }
        let blocks = Int(offset / UInt64(Blocks.size))..<Blocks.count(end)
        guard present.firstClear(in: blocks) != nil else { return 0 }
        let filled: Int
        if bytes.count == Int(size) && size <= StoreOptions.smallObjectSize && phase.load(ordering: .acquiring) == .absent {
            filled = try fillSmall(bytes)
        } else {
            filled = try fillBlocks(blocks, bytes, leaves)
        }
        core.events.filledBlocks.add(filled)
        core.events.filledBytes.add(filled == blocks.count ? bytes.count : filled * Blocks.size)
        return filled
    }

    private func fillSmall(_ bytes: UnsafeRawBufferPointer) throws(StoreError) -> Int {
        guard Blocks.smallContentDigest(bytes) == id else {
            core.events.wrongContents.add()
            throw StoreError(.wrongContent, Errno(rawValue: 74 /* EBADMSG */), paths.complete, "the bytes delivered for an object are not its content")
        }
        let filled = try content.withLock { content throws(StoreError) -> Int? in
            guard phase.load(ordering: .acquiring) == .absent else { return nil }
            let place = try core.slabs.append(id, bytes)
            structure.withLock { structure in
                structure.place = place
                phase.store(.slab, ordering: .releasing)
            }
            noteRefetched(allBlocks, &content)
            return publish(allBlocks)
        }
        guard let filled else { return try fillBlocks(allBlocks, bytes, nil) }
        core.events.completedObjects.add()
        for sibling in core.siblings(of: self) { sibling.adopt() }
        return filled
    }

    private func fillBlocks(_ blocks: Range<Int>, _ bytes: UnsafeRawBufferPointer, _ leaves: UnsafeRawBufferPointer?) throws(StoreError) -> Int {
        // Hashing is the expensive part and needs no lock: fillers do it side by side.
        let table = LeafTable(blockCount: blocks.count)
        defer { withExtendedLifetime(table) {} }
        if let leaves {
            precondition(leaves.count == blocks.count * Digest.length)
            table.bytes.copyMemory(from: leaves)
        }
        var next = leaves == nil ? blocks.lowerBound : blocks.upperBound
        while let first = present.firstClear(in: next..<blocks.upperBound) {
            next = present.firstSet(in: first..<blocks.upperBound) ?? blocks.upperBound
            let run = (first - blocks.lowerBound)..<(next - blocks.lowerBound)
            let part = UnsafeRawBufferPointer(rebasing: bytes[(run.lowerBound * Blocks.size)..<min(bytes.count, run.upperBound * Blocks.size)])
            SHA256Hasher.hashBlocks(part) { table.set(run.lowerBound + $0, $1) }
        }
        return try content.withLock { content throws(StoreError) -> Int in
            var filled = 0
            var block = blocks.lowerBound
            while let first = present.firstClear(in: block..<blocks.upperBound) {
                let end = present.firstSet(in: first..<blocks.upperBound) ?? blocks.upperBound
                let run = first..<end
                for b in run where table.isZero(b - blocks.lowerBound) {
                    // Present when the hashing began, lost since.
                    table.set(b - blocks.lowerBound, leaf(of: b, in: bytes, from: blocks.lowerBound))
                }
                let start = (first - blocks.lowerBound) * Blocks.size
                let part = UnsafeRawBufferPointer(rebasing: bytes[start..<min(bytes.count, start + run.count * Blocks.size)])
                try hold(run, table.slice((first - blocks.lowerBound)..<(end - blocks.lowerBound)), &content)
                try write(run, part, table.slice((first - blocks.lowerBound)..<(end - blocks.lowerBound)), &content)
                filled += publish(run)
                noteRefetched(run, &content)
                block = end
            }
            if filled > 0 { core.markDirty(self) }
            return filled
        }
    }

    /// Data, then leaves, then bits.
    private func write(_ run: Range<Int>, _ bytes: UnsafeRawBufferPointer, _ leaves: UnsafeRawBufferPointer, _ content: inout Content) throws(StoreError) {
        for attempt in 0... {
            try becomePartial(&content)
            do throws(Errno) {
                let data = try openData()
                let side = try openSide()
                try SystemCalls.pwriteAll(data.descriptor, bytes, at: Blocks.offset(run.lowerBound))
                try SystemCalls.pwriteAll(side.descriptor, leaves, at: sidecar.leafOffset(run.lowerBound))
                let words = AtomicBitmap.words(of: run)
                for word in words { content.written[word] |= AtomicBitmap.mask(word, run) }
                do throws(Errno) {
                    try writeWords(words, of: content.written, to: side.descriptor, at: sidecar.writtenOffset)
                } catch {
                    for word in words { content.written[word] &= ~AtomicBitmap.mask(word, run) }
                    throw error
                }
                content.dirtyWords = content.dirtyWords.isEmpty ? words : min(content.dirtyWords.lowerBound, words.lowerBound)..<max(content.dirtyWords.upperBound, words.upperBound)
                return
            } catch {
                // Somebody removed the files under us: begin again with new ones, once.
                guard error == .noSuchFileOrDirectory && attempt == 0 else {
                    throw StoreError(.system, error, paths.data, "cannot store \(bytes.count) bytes of an object")
                }
                core.events.corruptBlocks.add(content.written.nonzeroBitCount)
                wipe(&content, keepingHoles: true)
            }
        }
    }

    /// Refuses blocks that are not the content's where that can be told: the files of an object that was complete are still
    /// open under other descriptions, and whoever fills it now need not be who filled it first.
    private func hold(_ run: Range<Int>, _ leaves: UnsafeRawBufferPointer, _ content: inout Content) throws(StoreError) {
        guard content.isCertified, phase.load(ordering: .acquiring) == .partial else { return }
        let known = LeafTable(blockCount: Self.leafBatch)
        defer { withExtendedLifetime(known) {} }
        var block = run.lowerBound
        while block < run.upperBound {
            let batch = block..<min(block + Self.leafBatch, run.upperBound)
            _ = try StoreError.wrap(paths.side, "cannot read the digests of an object") { () throws(Errno) in try copyLeaves(batch, into: known.bytes) }
            let start = (block - run.lowerBound) * Digest.length
            if !known.slice(0..<batch.count).elementsEqual(leaves[start..<(start + batch.count * Digest.length)]) {
                return try refuse(unlessDamaged: &content)
            }
            block = batch.upperBound
        }
    }

    /// Either the bytes are wrong, or the leaves that say so are damaged: then nothing can be told any more, and all goes.
    private func refuse(unlessDamaged content: inout Content) throws(StoreError) {
        let root = try StoreError.wrap(paths.side, "cannot read the digests of an object") { () throws(Errno) in try sidecarRoot() }
        if VerityDigest.contentDigest(root: root, size: size) == id {
            core.events.wrongContents.add()
            throw StoreError(.wrongContent, Errno(rawValue: 74 /* EBADMSG */), paths.data, "the bytes delivered for an object are not its content")
        }
        core.events.corruptBlocks.add(content.written.nonzeroBitCount)
        wipe(&content, keepingHoles: true)
    }

    /// The root of what the sidecar has as leaves.
    private func sidecarRoot() throws(Errno) -> Digest {
        let builder = VerityTreeBuilder()
        try eachBatch { blocks, leaves throws(Errno) in
            _ = try copySidecarLeaves(blocks, into: leaves)
            builder.add(leaves: UnsafeRawBufferPointer(leaves))
        }
        return builder.finish()
    }

    private func noteRefetched(_ blocks: Range<Int>, _ content: inout Content) {
        guard !content.lost.isEmpty else { return }
        var again = 0
        for block in blocks where content.lost.remove(block) != nil { again += 1 }
        core.events.refetchedBlocks.add(again)
    }
}
