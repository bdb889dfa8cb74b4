import LinuxSystem

/// A half-open range of blocks, as GET_FILLED_BLOCKS reports them.
public struct FilledRange: Hashable, Sendable {
    public var begin: UInt32
    public var end: UInt32
}

/// The answer of GET_FILLED_BLOCKS.
public struct FilledAnswer: Sendable {
    public var ranges: [FilledRange] = []
    /// How far it was looked.
    public var reached: UInt32 = 0
    /// There was no room for another range: `ERANGE`.
    public var isCut = false
    /// The caller was interrupted: `EINTR`. A call from `reached` on finds the rest.
    public var isInterrupted = false
}

/// A series of calls on one descriptor that together look at the whole map: what they found repairs the counters.
public struct FilledScan: Sendable {
    var next: UInt32?
    var data: UInt32 = 0
    var hash: UInt32 = 0

    public init() {}
}

extension VolumeFile {
    public var totalBlocks: UInt32 { dataBlocks + hashBlocks }

    /// Entries looked at in one piece.
    static let scanPiece: UInt32 = 65536

    /// The present blocks of start ..< end (0 or too much: to the end of everything), at most `room` ranges. Reads the map, but for what of it is a hole,
    /// and asks `isInterrupted` before each piece of it. Throws what the disk says.
    public func filledRanges(
        start: UInt32, end wanted: UInt32, room: Int, scan: inout FilledScan, isInterrupted: () -> Bool = { false }
    ) throws(Errno) -> FilledAnswer {
        let total = totalBlocks
        let end = wanted == 0 || wanted > total ? total : wanted
        var answer = FilledAnswer()
        answer.reached = start
        // Counters that a damaged record set too high prove nothing.
        if counts.dataFilled == dataBlocks {
            // The kernel implementation reports an empty range for start == end; nobody can use it.
            guard start < end else { return answer }
            guard room > 0 else { answer.isCut = true; return answer }
            answer.ranges = [FilledRange(begin: start, end: end)]
            answer.reached = end
            return answer
        }
        guard start < end else {
            // The last entry was the one at which the call before was cut.
            if scan.next == start, start >= total { try finish(&scan) }
            return answer
        }
        if start == 0 { scan = FilledScan(); scan.next = 0 }
        let follows = scan.next == start
        var open: UInt32?
        var position = start
        func closed(_ begin: UInt32, _ end: UInt32) -> FilledRange { FilledRange(begin: begin, end: end) }
        while position < end, !answer.isCut {
            if isInterrupted() { answer.isInterrupted = true; break }
            let stored = try firstStored(position..<end)
            if stored > position, let begin = open {
                answer.ranges.append(closed(begin, position))
                open = nil
            }
            position = stored
            if position == end { break }
            let piece = position..<(end - position > Self.scanPiece ? position + Self.scanPiece : end)
            let map = try entries(piece)
            for (index, entry) in map.enumerated() {
                let block = piece.lowerBound + UInt32(index)
                if entry.isPresent {
                    if follows { if block < dataBlocks { scan.data += 1 } else { scan.hash += 1 } }
                    if open == nil {
                        guard answer.ranges.count < room else {
                            answer.isCut = true
                            answer.reached = block
                            break
                        }
                        open = block
                    }
                } else if let begin = open {
                    answer.ranges.append(closed(begin, block))
                    open = nil
                }
            }
            position = piece.upperBound
        }
        if let begin = open { answer.ranges.append(closed(begin, position)) }
        if !answer.isCut { answer.reached = position }
        if follows {
            // The block at which it was cut has been counted.
            scan.next = answer.isCut ? answer.reached + 1 : answer.reached
            if answer.reached >= total, !answer.isCut { try finish(&scan) }
        }
        return answer
    }

    /// The first of `blocks` whose entry is not wholly in a hole of the file (no block there is present), or their end.
    private func firstStored(_ blocks: Range<UInt32>) throws(Errno) -> UInt32 {
        guard mapBase != 0 else { return blocks.lowerBound }
        let first = place(ofEntry: blocks.lowerBound), end = place(ofEntry: blocks.upperBound)
        let data: UInt64
        do throws(Errno) { data = try SystemCalls.seek(descriptor, first, whence: 3 /* SEEK_DATA */) } catch {
            // A hole to the end of the file; that the map ends behind it shows when it is read.
            guard error == .noSuchAddressOrDevice, try SystemCalls.status(of: descriptor).size >= end else { return blocks.lowerBound }
            return blocks.upperBound
        }
        guard data > first else { return blocks.lowerBound }
        return data >= end ? blocks.upperBound : blocks.lowerBound + UInt32((data - first) / UInt64(BlockEntry.size))
    }

    /// Everything has been looked at.
    private func finish(_ scan: inout FilledScan) throws(Errno) {
        try repairCounts(data: scan.data, hash: scan.hash)
        scan = FilledScan()
    }
}
