import Glibc
import Integrity
import LinuxSystem

extension StoredObject {
    /// Reads every present block from the disk, past the page cache as far as it lets go of them, and checks it. Bad blocks
    /// are missing afterwards. Independent of the store's `verify` option: without it blocks that do not read whole are bad.
    ///
    /// - Parameter progress: called after each piece with blocks done and blocks in all.
    /// - Returns: the runs of bad blocks, ascending.
    /// - Throws: `.system` for errors that say nothing about the content (no descriptor left, …).
    public func verifyAll(progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }) throws(StoreError) -> [Range<Int>] {
        var bad: [Int] = []
        if let lease = try? openData() { SystemCalls.advise(lease.descriptor, POSIX_FADV_DONTNEED) }
        let memory = AlignedBuffer(count: Self.leafBatch * Blocks.size)
        defer { withExtendedLifetime(memory) {} }
        let buffer = memory.bytes
        var first = 0
        while first < blockCount {
            let end = min(first + Self.leafBatch, blockCount)
            while let start = present.firstSet(in: first..<end) {
                let stop = present.firstClear(in: start..<end) ?? end
                bad += try verify(start..<stop, buffer)
                first = stop
            }
            first = end
            progress(end, blockCount)
        }
        return Blocks.runs(bad)
    }

    private func verify(_ blocks: Range<Int>, _ buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> [Int] {
        var bad: [Int] = []
        var rest = blocks
        while !rest.isEmpty {
            let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(rest.count * Blocks.size)])
            switch read(into: wanted, at: Blocks.offset(rest.lowerBound)) {
            case .bytes: return bad
            case .corrupt(let blocks):
                bad += blocks
                rest = min(blocks.upperBound, rest.upperBound)..<rest.upperBound
            case .missing(let block):
                // The read that found the first bad block took all of this range with it.
                if present.isSet(block) { continue }
                if !bad.isEmpty || isLost(block) { bad.append(block) }
                rest = (block + 1)..<rest.upperBound
            case .failed(let errno):
                throw StoreError(.system, errno, paths.data, "cannot verify an object")
            }
        }
        return bad
    }

    private func isLost(_ block: Int) -> Bool { content.withLock { $0.lost.contains(block) } }
}
