import LinuxSystem

/// One block to store.
public struct FillBlock: Sendable {
    public var index: UInt32
    /// The bytes in the buffer that comes with the batch.
    public var data: Range<Int>
    public var compression: UInt8
    public var isHash: Bool

    public init(index: UInt32, data: Range<Int>, compression: UInt8, isHash: Bool) {
        self.index = index
        self.data = data
        self.compression = compression
        self.isHash = isHash
    }
}

/// What became of a batch.
public struct FillResult: Sendable {
    /// Blocks from the start that are stored, or were before.
    public var processed = 0
    /// Why it went no further.
    public var error: Errno?
    /// Data blocks that were not there before.
    public var stored: [UInt32] = []
}

extension VolumeFile {
    /// Stores blocks in their order and stops at the first that cannot be. One that is there already is left as it is, and counts
    /// as processed; a hash block overwrites. When this returns, what was stored can be read and the counters are on disk.
    ///
    /// Errors: `ERANGE` behind the end, `EINVAL` for an unknown compression or no data, 524 for a hash block of a file without a
    /// tree, what the disk says.
    public func fill(_ blocks: [FillBlock], from buffer: UnsafeRawBufferPointer) -> FillResult {
        tail.withLock { tail in
            var result = FillResult()
            var index = 0
            while index < blocks.count, result.error == nil {
                do throws(Errno) {
                    if blocks[index].isHash {
                        try storeHash(blocks[index], buffer, &tail)
                        index += 1
                        result.processed = index
                    } else {
                        var end = index
                        while end < blocks.count, !blocks[end].isHash { end += 1 }
                        try storeData(blocks, index..<end, buffer, &tail, &result)
                        index = end
                    }
                } catch { result.error = error }
            }
            do throws(Errno) { try storeStatus(&tail) } catch { if result.error == nil { result.error = error } }
            return result
        }
    }

    /// A run of data blocks: their bytes in one append, then their entries.
    private func storeData(_ blocks: [FillBlock], _ range: Range<Int>, _ buffer: UnsafeRawBufferPointer, _ tail: inout Tail, _ result: inout FillResult) throws(Errno) {
        var offset = try SystemCalls.status(of: descriptor).size
        var new: [(block: UInt32, entry: BlockEntry)] = []
        new.reserveCapacity(range.count)
        var pieces: [Range<Int>] = []
        var highest: UInt32?
        var failure: Errno?
        var reached = range.lowerBound
        let start = offset
        let known = presence(of: blocks, range)
        for position in range {
            let block = blocks[position]
            if block.index >= dataBlocks || mapBase == 0 { failure = .outOfRange; break }
            if block.compression > 2 || block.data.isEmpty { failure = .invalidArgument; break }
            do throws(Errno) {
                // A batch is mostly in order: then none is in it twice.
                if let highest, block.index <= highest, new.contains(where: { $0.block == block.index }) { reached = position + 1; continue }
                let isThere: Bool
                if let known { isThere = known.isPresent(block.index) } else { isThere = try isPresent(block.index) }
                if isThere { reached = position + 1; continue }
            } catch { failure = error; break }
            if offset >> 48 != 0 { failure = .fileTooLarge; break }
            highest = max(highest ?? 0, block.index)
            new.append((block.index, BlockEntry(offset: offset, stored: UInt16(block.data.count), compression: block.compression)))
            offset += UInt64(block.data.count)
            if let last = pieces.last, last.upperBound == block.data.lowerBound { pieces[pieces.count - 1] = last.lowerBound..<block.data.upperBound } else { pieces.append(block.data) }
            reached = position + 1
        }
        if !new.isEmpty {
            var at = start
            do throws(Errno) {
                for piece in pieces {
                    try SystemCalls.pwriteAll(descriptor, UnsafeRawBufferPointer(rebasing: buffer[piece]), at: at)
                    at += UInt64(piece.count)
                }
                try writeEntries(new)
            } catch {
                undo(new, start)
                throw error
            }
            tail.dataFilled = Self.sum(tail.dataFilled, UInt32(new.count))
            result.stored += new.map(\.block)
        }
        result.processed = reached
        if let failure { throw failure }
    }

    /// The entries around a batch, in one read.
    private struct Presence {
        var first: UInt32
        var entries: [BlockEntry]
        func isPresent(_ block: UInt32) -> Bool { entries[Int(block - first)].isPresent }
    }
    /// A batch whose blocks are further apart than this, in entries, is looked up one by one.
    private static let widestBatch: UInt32 = 4096

    private func presence(of blocks: [FillBlock], _ range: Range<Int>) -> Presence? {
        var low = UInt32.max, high: UInt32 = 0
        for block in blocks[range] where block.index < dataBlocks { (low, high) = (min(low, block.index), max(high, block.index)) }
        guard low <= high, high - low < Self.widestBatch, let found = try? entries(low..<high + 1) else { return nil }
        return Presence(first: low, entries: found)
    }

    /// Counters come from the file and may say anything.
    private static func sum(_ counter: UInt32, _ more: UInt32) -> UInt32 {
        let (sum, overflow) = counter.addingReportingOverflow(more)
        return overflow ? .max : sum
    }

    /// The disk took a part of a batch: takes it back. Entries first, so that none leads behind the end.
    private func undo(_ new: [(block: UInt32, entry: BlockEntry)], _ start: UInt64) {
        let none = [UInt8](repeating: 0, count: BlockEntry.size)
        for (block, _) in new {
            guard let known = try? entries(block..<block + 1), known[0] != BlockEntry(offset: 0, stored: 0, compression: 0) else { continue }
            try? Self.write(descriptor, none, at: mapBase + UInt64(block) * UInt64(BlockEntry.size))
        }
        try? SystemCalls.truncate(descriptor, to: start)
    }

    /// Entries of neighbours go in one write for each page that they lie in; one that spans two pages goes in two (`RecordPlace`
    /// says why): first the part without which the block counts as missing.
    private func writeEntries(_ new: [(block: UInt32, entry: BlockEntry)]) throws(Errno) {
        let isSorted = zip(new, new.dropFirst()).allSatisfy { $0.block < $1.block }
        let sorted = isSorted ? new : new.sorted { $0.block < $1.block }
        let size = UInt64(BlockEntry.size)
        var index = 0
        while index < sorted.count {
            let place = mapBase + UInt64(sorted[index].block) * size
            let head = Int(min(size, RecordPlace.page - place % RecordPlace.page))
            if head < Int(size) {
                let bytes = sorted[index].entry.encoded
                let parts = [(Array(bytes[..<head]), place), (Array(bytes[head...]), place + UInt64(head))]
                // Up to 6 bytes are part of the offset, with no size yet; more have the size in them, so that the offset comes last.
                for (part, at) in head <= 6 ? parts : parts.reversed() { try Self.write(descriptor, part, at: at) }
                index += 1
                continue
            }
            let pageEnd = place / RecordPlace.page + 1
            var end = index + 1
            while end < sorted.count, sorted[end].block == sorted[end - 1].block + 1, mapBase + UInt64(sorted[end].block) * size + size <= pageEnd * RecordPlace.page { end += 1 }
            var bytes = [UInt8](repeating: 0, count: (end - index) * BlockEntry.size)
            bytes.withUnsafeMutableBytes { bytes in for (position, one) in sorted[index..<end].enumerated() { one.entry.encode(into: bytes, at: position * BlockEntry.size) } }
            try Self.write(descriptor, bytes, at: place)
            index = end
        }
    }

    private func storeHash(_ block: FillBlock, _ buffer: UnsafeRawBufferPointer, _ tail: inout Tail) throws(Errno) {
        guard let tree = tree.withLock({ $0 }), tree.shape.blocks > 0, tree.offset > 0 else { throw .kernelNotSupported }
        guard UInt64(block.index) * Geometry.blockSize + UInt64(block.data.count) <= tree.shape.blocks * Geometry.blockSize else { throw .outOfRange }
        // The entry would call a block stored of which nothing came.
        if block.data.isEmpty { throw .invalidArgument }
        let offset = tree.offset + UInt64(block.index) * Geometry.blockSize
        // A tree that was added later has no entries. The entry is looked at before anything is written: it may not be there.
        let known = block.index < hashBlocks ? try entries(dataBlocks + block.index..<dataBlocks + block.index + 1)[0] : nil
        do throws(Errno) {
            try SystemCalls.pwriteAll(descriptor, UnsafeRawBufferPointer(rebasing: buffer[block.data]), at: offset)
            verified.clear()
            if let known, !known.isPresent { try writeEntries([(dataBlocks + block.index, BlockEntry(offset: offset, stored: UInt16(Geometry.blockSize), compression: 0))]) }
        } catch {
            verified.clear()
            // Where nothing was stored before there were zeros. (What was stored and is half overwritten is found out by its hash.)
            if let known, !known.isPresent {
                try? Self.write(descriptor, [UInt8](repeating: 0, count: min(block.data.count, Int(Geometry.blockSize))), at: offset)
                if let entry = try? entries(dataBlocks + block.index..<dataBlocks + block.index + 1)[0], entry != known {
                    try? Self.write(descriptor, known.encoded, at: mapBase + (UInt64(dataBlocks) + UInt64(block.index)) * UInt64(BlockEntry.size))
                }
            }
            throw error
        }
        guard let known else { return }
        // The kernel implementation counts every time; a count above the total would tell nobody anything.
        if known.isPresent { return }
        tail.hashFilled = Self.sum(tail.hashFilled, 1)
    }
}

