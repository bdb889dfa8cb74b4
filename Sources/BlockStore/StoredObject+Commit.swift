import LinuxSystem

extension StoredObject {
    /// Blocks that are being made durable: what was written when the data was about to be synced.
    private struct Batch {
        let words: Range<Int>
        let bits: [UInt64]
        let epoch: UInt64
        let isNew: Bool
    }

    /// Makes what was filled so far durable: data, then durable bits, then the sidecar, then the names.
    func commit() throws(StoreError) {
        let batch = content.withLock { content -> Batch? in
            let words = content.dirtyWords
            guard phase.load(ordering: .acquiring) == .partial, !words.isEmpty else { return nil }
            content.dirtyWords = 0..<0
            return Batch(
                words: words, bits: words.map { content.written[$0] & ~content.durable[$0] },
                epoch: epoch.load(ordering: .acquiring), isNew: content.isNew)
        }
        guard let batch else { return }
        do {
            try syncData(batch)
            try markDurable(batch)
            if batch.isNew { try syncNames() }
        } catch {
            // Completed or thrown away meanwhile: there is nothing left to commit.
            if error.errno == .noSuchFileOrDirectory && phase.load(ordering: .acquiring) != .partial { return }
            throw error
        }
    }

    private func syncData(_ batch: Batch) throws(StoreError) {
        let path = paths.data
        let lease: FileLease
        do { lease = try openData() } catch {
            retry(batch)
            throw StoreError(.system, error, path, "cannot open an object to make it durable")
        }
        do { try SystemCalls.fdatasync(lease.descriptor) } catch {
            // The kernel reports a failed write once and then forgets the pages: what they held must not count as stored.
            content.withLock { content in
                var lost: [Int] = []
                guard phase.load(ordering: .acquiring) == .partial else { return }
                for (word, bits) in zip(batch.words, batch.bits) {
                    var rest = bits & content.written[word]
                    while rest != 0 {
                        lost.append(word << 6 + rest.trailingZeroBitCount)
                        rest &= rest - 1
                    }
                }
                lose(lost, &content)
            }
            throw StoreError(.system, error, path, "the disk did not take the data of an object; it will be fetched again")
        }
    }

    private func markDurable(_ batch: Batch) throws(StoreError) {
        do {
            let lease = try openSide()
            let marked = try content.withLock { content throws(Errno) -> Bool in
                guard phase.load(ordering: .acquiring) == .partial, content.durable.count >= batch.words.upperBound else { return true }
                // A block was lost, and perhaps filled again, since the bits were taken: they may stand for unsynced data.
                guard epoch.load(ordering: .acquiring) == batch.epoch else { return false }
                for (word, bits) in zip(batch.words, batch.bits) { content.durable[word] |= bits & content.written[word] }
                try writeWords(batch.words, of: content.durable, to: lease.descriptor, at: sidecar.durableOffset)
                if batch.isNew { content.isNew = false }
                return true
            }
            if !marked { return retry(batch) }
            try SystemCalls.fdatasync(lease.descriptor)
        } catch {
            retry(batch)
            throw StoreError(.system, error, paths.side, "cannot make the state of an object durable")
        }
    }

    private func syncNames() throws(StoreError) {
        let paths = paths
        try StoreError.wrap(paths.partialDirectory, "cannot make the name of an object durable") { () throws(Errno) in
            try SystemCalls.syncDirectory(paths.partialDirectory)
            try SystemCalls.syncDirectory(core.layout.partial)
        }
    }

    /// Leaves the batch to the next commit.
    private func retry(_ batch: Batch) {
        content.withLock { content in
            guard phase.load(ordering: .acquiring) == .partial else { return }
            let words = content.dirtyWords.isEmpty ? batch.words
                : min(content.dirtyWords.lowerBound, batch.words.lowerBound)..<max(content.dirtyWords.upperBound, batch.words.upperBound)
            content.dirtyWords = words.clamped(to: 0..<content.written.count)
            for word in content.dirtyWords { content.durable[word] &= ~(batch.words.contains(word) ? batch.bits[word - batch.words.lowerBound] : 0) }
            core.markDirty(self)
        }
    }
}
