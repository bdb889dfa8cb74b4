import Integrity
import LinuxSystem

/// Blocks that are present and bad become missing, in memory and on disk.
extension StoredObject {
    /// Looks again at blocks that a reader found bad, with every writer kept out: a reader can meet a block that is just being
    /// lost and filled again. Returns the first run that is bad indeed; it and all other bad ones are missing from now on.
    func confirm(_ suspects: Range<Int>) throws(Errno) -> Range<Int>? {
        try content.withLock { content throws(Errno) -> Range<Int>? in
            let bad: [Int]
            if phase.load(ordering: .acquiring) == .slab {
                guard let place = structure.withLock({ $0.place }) else { return nil }
                bad = try isGoodInSlab(place) ? [] : Array(allBlocks)
            } else {
                bad = try badBlocks(suspects, hashing: core.options.verify, &content)
            }
            lose(bad, &content)
            return Blocks.runs(bad).first
        }
    }

    /// The present blocks of `blocks` that do not hold what their leaf says (with `hashing`) or cannot be read, ascending.
    func badBlocks(_ blocks: Range<Int>, hashing: Bool, _ content: inout Content) throws(Errno) -> [Int] {
        var bad: [Int] = []
        for block in blocks where present.isSet(block) {
            if phase.load(ordering: .acquiring) == .absent { break }
            if try !isGood(block, hashing: hashing, &content) { bad.append(block) }
        }
        // The check itself may have found the whole object beyond help, and counted it.
        return phase.load(ordering: .acquiring) == .absent ? [] : bad
    }

    private func isGood(_ block: Int, hashing: Bool, _ content: inout Content) throws(Errno) -> Bool {
        var whole = InlineArray<4096, UInt8>(repeating: 0)
        var leaf = Digest.zero
        return try withUnsafeMutableBytes(of: &whole) { whole throws(Errno) -> Bool in
            let bytes = UnsafeMutableRawBufferPointer(rebasing: whole[..<length(of: block)])
            do throws(Errno) {
                let lease = try openData()
                let count = try SystemCalls.preadAll(lease.descriptor, into: bytes, at: Blocks.offset(block))
                if !hashing { return count == bytes.count }
            } catch {
                guard error == .ioError || error == .noSuchFileOrDirectory else { throw error }
                return false
            }
            let known = try withUnsafeMutableBytes(of: &leaf) { target throws(Errno) in try copyLeaves(block..<(block + 1), into: target, &content) }
            return known && SHA256Hasher.hashBlock(UnsafeRawBufferPointer(bytes)) == leaf
        }
    }

    private func isGoodInSlab(_ place: SlabPlace) throws(Errno) -> Bool {
        var scratch = InlineArray<16384, UInt8>(repeating: 0)
        return try withUnsafeMutableBytes(of: &scratch) { scratch throws(Errno) -> Bool in
            let whole = UnsafeMutableRawBufferPointer(rebasing: scratch[..<Int(size)])
            do throws(Errno) {
                let lease = try place.file.open()
                let count = try SystemCalls.preadAll(lease.descriptor, into: whole, at: place.offset)
                return count == whole.count && (!core.options.verify || Blocks.smallContentDigest(UnsafeRawBufferPointer(whole)) == id)
            } catch {
                guard error == .ioError || error == .noSuchFileOrDirectory else { throw error }
                return false
            }
        }
    }

    /// Makes `bad` (ascending, present) missing: in memory at once, on disk as well as the disk allows. A bit that stays
    /// behind there is found out when its block is first read again.
    func lose(_ bad: [Int], _ content: inout Content) {
        guard !bad.isEmpty else { return }
        core.events.corruptBlocks.add(bad.count)
        content.lost.formUnion(bad)
        for run in Blocks.runs(bad) { withdraw(run) }
        switch phase.load(ordering: .acquiring) {
        case .slab:
            core.slabs.forget(id)
            structure.withLock { structure in
                structure.place = nil
                phase.store(.absent, ordering: .releasing)
            }
        case .complete:
            // Where the disk is too full for that now, the next fill does it.
            try? demote(&content)
        case .partial:
            for run in Blocks.runs(bad) {
                for word in AtomicBitmap.words(of: run) {
                    content.written[word] &= ~AtomicBitmap.mask(word, run)
                    content.durable[word] &= ~AtomicBitmap.mask(word, run)
                }
            }
            guard let lease = try? openSide() else { return }
            let words = AtomicBitmap.words(of: bad[0]..<(bad[bad.count - 1] + 1))
            try? writeWords(words, of: content.written, to: lease.descriptor, at: sidecar.writtenOffset)
            try? writeWords(words, of: content.durable, to: lease.descriptor, at: sidecar.durableOffset)
        case .absent:
            break
        }
    }
}
