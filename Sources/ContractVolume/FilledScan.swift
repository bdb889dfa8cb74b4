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

    /// The present blocks of start ..< end (0 or too much: to the end of everything), at most `room` ranges.
    public func filledRanges(start: UInt32, end wanted: UInt32, room: Int, scan: inout FilledScan) throws(Errno) -> FilledAnswer {
        let total = totalBlocks
        let end = wanted == 0 || wanted > total ? total : wanted
        var answer = FilledAnswer()
        answer.reached = start
        if hasAllData {
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
            let piece = position..<min(end, position + Self.scanPiece)
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
        if let begin = open { answer.ranges.append(closed(begin, end)) }
        if !answer.isCut { answer.reached = end }
        if follows {
            // The block at which it was cut has been counted.
            scan.next = answer.isCut ? answer.reached + 1 : answer.reached
            if answer.reached >= total, !answer.isCut { try finish(&scan) }
        }
        return answer
    }

    /// Everything has been looked at.
    private func finish(_ scan: inout FilledScan) throws(Errno) {
        try repairCounts(data: scan.data, hash: scan.hash)
        scan = FilledScan()
    }
}
