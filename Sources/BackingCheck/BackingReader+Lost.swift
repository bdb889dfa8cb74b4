import LinuxSystem

/// Where the list of records cannot be followed.
struct BrokenLink {
    /// The link that leads nowhere.
    var place: UInt64
    /// The finding that says so.
    var finding: Int
    /// Where no other record is found that it could lead to, the list may end there.
    var mayEnd: Bool
}

/// A record that nothing leads to.
struct LostRecord {
    var place: UInt64
    var what: String
    func repair(_ link: UInt64) -> BackingRepair { .write(BackingBytes.bytes(place, 8), at: link) }
}

extension BackingReader {
    /// The most bytes that are looked through: more than the largest hash tree has. And the most that is found.
    static let mostSearched: UInt64 = 2 << 30
    static let mostLost = 16
    private static let window = 1 << 16

    /// The most bytes, but zeros before and behind, that a list may be led over: those of one damaged record. More may be a signature, without which the file
    /// would be believed unchecked.
    static let mostSkipped = longestRecord

    /// Looks for what the list of records went on with: that with which nothing else is wrong but, perhaps, another link; of several that which
    /// brings most.
    mutating func mend(_ broken: BrokenLink) throws(Errno) {
        func trial(_ target: UInt64) throws(Errno) -> BackingReader? {
            let trial = try BackingReader(bytes.with(linkAt: broken.place, to: target), isTrial: true, mostRuns: mostRuns)
            let damage = trial.findings.count { $0.severity == .damage }
            return damage == 0 || damage == 1 && trial.broken != nil && trial.structure.records.count > structure.records.count ? trial : nil
        }
        guard let lost = try lostRecords(behind: broken.place <= 24 ? 0 : broken.place - 7) else { return }
        var best: (record: LostRecord, certificates: Int)?
        for record in lost {
            guard let trial = try trial(record.place), try trial.isSkippable(before: record.place) else { continue }
            if trial.structure.certificates > best?.certificates ?? -1 { best = (record, trial.structure.certificates) }
        }
        if let best {
            findings[broken.finding].remedy = "lead it to the \(best.record.what) record at \(String(place: best.record.place))"
            findings[broken.finding].repair = best.record.repair(broken.place)
        } else if lost.isEmpty, broken.mayEnd, try trial(0) != nil {
            findings[broken.finding].remedy = "end the list before it"
            findings[broken.finding].repair = .write(BackingBytes.bytes(0, 8), at: broken.place)
        }
    }

    /// Whether no more belongs to nothing in front of a record than a damaged one would.
    private func isSkippable(before place: UInt64) throws(Errno) -> Bool {
        var skipped = 0
        for gap in structure.gaps where gap.lowerBound < place {
            guard gap.upperBound - gap.lowerBound <= 1 << 16 else { return false }
            let between = try bytes.read(gap.lowerBound, Int(gap.upperBound - gap.lowerBound))
            if let first = between.firstIndex(where: { $0 != 0 }), let last = between.lastIndex(where: { $0 != 0 }) { skipped += last + 1 - first }
        }
        return skipped <= Self.mostSkipped
    }

    /// Records in bytes that belong to nothing, behind `place`, which may go on the list: all their fields are as the file's own writer would have set them,
    /// and there is no other of their kind. Without a block map only that is looked for, and a signature, which may come before it. nil: there are more bytes,
    /// or records, than are looked through.
    func lostRecords(behind place: UInt64) throws(Errno) -> [LostRecord]? {
        var lost: [LostRecord] = []
        // Those of old kernels have links to both sides.
        if structure.isOld { return lost }
        var searched: UInt64 = 0
        for gap in structure.gaps where gap.upperBound > place {
            var start = max(gap.lowerBound, place + 1)
            while let data = bytes.nextData(start), max(data, start) + 35 <= gap.upperBound {
                start = max(data, start)
                searched += UInt64(Self.window)
                if searched > Self.mostSearched { return nil }
                let piece = try bytes.read(start, Int(min(UInt64(Self.window + Self.longestRecord), gap.upperBound - start)))
                for index in 0..<min(Self.window, piece.count) where piece[index] != 0 && piece[index] <= 5 {
                    let at = start + UInt64(index)
                    guard let size = Self.sizes[piece[index]], index + size <= piece.count, try isRecord(Array(piece[index..<index + size]), at: at) else { continue }
                    if lost.count == Self.mostLost { return nil }
                    lost.append(LostRecord(place: at, what: Self.names[piece[index]] ?? ""))
                }
                start += UInt64(Self.window)
            }
        }
        return lost
    }

    private func isRecord(_ record: [UInt8], at offset: UInt64) throws(Errno) -> Bool {
        func number(_ at: Int, _ size: Int) -> UInt64 { BackingBytes.number(record, at, size) }
        func lies(_ place: UInt64, _ length: UInt64, before end: UInt64) -> Bool { place >= 56 && place <= end && length <= end - place }
        let next = number(7, 8)
        guard number(1, 2) == UInt64(record.count), number(3, 4) == 0, number(15, 8) == 0, next == 0 || next > offset && next < structure.length else { return false }
        if structure.mapBase == nil, record[0] != 1, record[0] != 3 { return false }
        switch record[0] {
        case 1:
            let entries = number(31, 4)
            guard structure.mapBase == nil, entries > 0, entries == structure.dataBlocks || entries == structure.dataBlocks + structure.treeBlocks else { return false }
            return lies(number(23, 8), entries * 10, before: structure.length)
        case 3:
            let (blobSize, blob, treeSize, tree) = (number(23, 4), number(27, 8), number(35, 4), number(39, 8))
            guard structure.signature == nil, blobSize <= 8096, lies(blob, blobSize, before: offset), treeSize == structure.treeBlocks * 4096, treeSize == 0 || lies(tree, treeSize, before: offset) else { return false }
            var root: [UInt8]?
            guard Self.fault(in: try bytes.read(blob, Int(blobSize)), root: &root) == nil else { return false }
            // Without a root it is one that was never finished.
            return root?.contains { $0 != 0 } ?? false
        case 4: return structure.status == nil && number(23, 4) <= structure.dataBlocks && number(27, 4) <= structure.treeBlocks && record[31...].allSatisfy { $0 == 0 }
        case 5: return structure.veritySignature == nil && number(23, 4) > 0 && number(23, 4) <= 16128 && lies(number(27, 8), number(23, 4), before: offset)
        default: return false
        }
    }
}
