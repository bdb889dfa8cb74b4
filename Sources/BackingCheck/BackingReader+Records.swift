import LinuxSystem

extension BackingReader {
    /// Takes what a record says. The record has all the bytes that its type has.
    mutating func consider(_ record: BackingStructure.Record) throws(Errno) {
        func number(_ at: Int, _ size: Int) -> UInt64 { BackingBytes.number(record.bytes, at, size) }
        switch record.type {
        case 1:
            if structure.mapBase != nil { find(.warning, at: record.offset, "There is another block map record before this one, which alone counts.") }
            structure.mapBase = number(23, 8)
            structure.mapEntries = number(31, 4)
            if structure.mapEntries < structure.dataBlocks { find(.damage, at: record.offset + 31, "The block map has \(structure.mapEntries) entries for \(structure.dataBlocks) blocks.") }
            occupy(number(23, 8), structure.mapEntries * 10, "the block map", at: record.offset + 23)
        case 2: occupy(number(23, 8), number(31, 2), "the file attribute", at: record.offset + 23)
        case 3: try considerSignature(record)
        case 4:
            if structure.status != nil { find(.warning, at: record.offset, "There is another status record before this one, which alone counts.") }
            structure.status = BackingStructure.Status(record: record.offset, data: UInt32(number(23, 4)), hash: UInt32(number(27, 4)))
            if record.bytes[31..<55].contains(where: { $0 != 0 }) { find(.warning, at: record.offset + 31, "The spare fields of the status record are not 0.") }
        case 5:
            let size = number(23, 4)
            if size > 16128 { find(.damage, at: record.offset + 23, "The verity signature is said to have \(size) bytes; 16128 are the most.") }
            structure.veritySignature = (number(27, 8), UInt32(size))
            occupy(number(27, 8), size, "the verity signature", at: record.offset + 27)
        default: break
        }
    }

    /// Marks bytes as used. `place` is where the file says so.
    @discardableResult mutating func occupy(_ offset: UInt64, _ length: UInt64, _ what: String, at place: UInt64) -> Bool {
        guard length > 0 else { return true }
        let (end, overflow) = offset.addingReportingOverflow(length)
        guard !overflow, offset >= 56, end <= structure.length else {
            find(.damage, at: place, "\(what.prefix(1).uppercased() + what.dropFirst()) is said to be at \(String(place: offset)) with \(length) bytes; the file has room for it from 0x38 to \(String(place: structure.length)) only.")
            return false
        }
        structure.regions.append((offset..<end, what))
        return true
    }

    private mutating func considerSignature(_ record: BackingStructure.Record) throws(Errno) {
        func number(_ at: Int, _ size: Int) -> UInt64 { BackingBytes.number(record.bytes, at, size) }
        if structure.signature != nil { find(.warning, at: record.offset, "There is another signature record before this one, which alone counts.") }
        var signature = BackingStructure.Signature(
            record: record.offset, blobSize: UInt32(number(23, 4)), blobOffset: number(27, 8), treeSize: UInt32(number(35, 4)), treeOffset: number(39, 8))
        defer { structure.signature = signature }
        let fits = occupy(signature.blobOffset, UInt64(signature.blobSize), "the signature", at: record.offset + 27)
        occupy(signature.treeOffset, UInt64(signature.treeSize), "the hash tree", at: record.offset + 39)
        if signature.blobOffset >= record.offset { find(.damage, at: record.offset + 27, "The signature does not lie before its record.") }
        if signature.treeSize > 0, signature.treeOffset >= record.offset { find(.damage, at: record.offset + 39, "The hash tree does not lie before the signature record.") }
        let levels = BackingStructure.levels(structure.dataBlocks)
        if levels.count > 8 || structure.treeBlocks > 1280 << 8 { find(.damage, at: record.offset + 35, "The hash tree of so large a file would be over the limit of 1280 MiB.") }
        if UInt64(signature.treeSize) != structure.treeBlocks * 4096 {
            find(.damage, at: record.offset + 35, "The hash tree is said to have \(signature.treeSize) bytes; a file of this size has one of \(structure.treeBlocks * 4096).")
        }
        if signature.treeSize > 5 * 4096, signature.treeOffset % 4096 != 0, record.offset < structure.mapBase ?? .max {
            find(.warning, at: record.offset + 39, "A hash tree of more than five blocks starts at a multiple of 4096; this one is at \(String(place: signature.treeOffset)).")
        }
        if signature.treeSize == 0, signature.treeOffset != 0 { find(.warning, at: record.offset + 39, "There is no hash tree, and its place is \(String(place: signature.treeOffset)) instead of 0.") }
        guard fits else { return }
        guard signature.blobSize <= 8096 else { find(.damage, at: record.offset + 23, "The signature has \(signature.blobSize) bytes; 8096 are the most."); return }
        if structure.dataBlocks == 0 { find(.damage, at: record.offset, "An empty file has a signature.") }
        let blob = try bytes.read(signature.blobOffset, Int(signature.blobSize))
        if let fault = Self.fault(in: blob, root: &signature.root) { find(.damage, at: signature.blobOffset, "The signature cannot be read: \(fault).") }
    }

    /// What is wrong with a signature blob; nil, and its root, when nothing is.
    static func fault(in blob: [UInt8], root: inout [UInt8]?) -> String? {
        func number(_ at: Int) -> UInt64 { BackingBytes.number(blob, at, 4) }
        guard blob.count >= 8 else { return "it has \(blob.count) bytes" }
        guard number(0) == 2 else { return "its version is \(number(0)) instead of 2" }
        let end = 8 + number(4)
        guard end <= blob.count else { return "its hashing section runs past the end" }
        guard end >= 21 else { return "its hashing section is too short" }
        guard number(8) == 1 else { return "its hash algorithm \(number(8)) is not SHA-256" }
        guard blob[12] == 12 else { return "its block size is not 4096" }
        let salt = 17 + number(13)
        guard salt + 4 <= end else { return "its salt runs past the hashing section" }
        let rootSize = number(Int(salt))
        guard rootSize >= 32 else { return "its root hash has \(rootSize) bytes" }
        guard salt + 4 + rootSize == end else { return "its root hash does not end with the hashing section" }
        root = Array(blob[Int(salt) + 4..<Int(salt) + 36])
        return nil
    }

    /// What holds between the records.
    mutating func checkWhole() {
        let blocks = structure.dataBlocks
        guard structure.mapBase != nil else {
            if blocks > 0 { find(.damage, at: 24, "The file of \(structure.size) bytes has no block map: its creation was interrupted. Every read fails (ENODATA).") }
            return
        }
        // Fewer entries than blocks were found with the record.
        let extra = Int64(structure.mapEntries) - Int64(blocks), tree = structure.signature == nil ? 0 : Int64(structure.treeBlocks)
        if extra > 0, extra != tree {
            find(.damage, at: structure.mapBase, "The block map has \(extra) entries for the hash tree, which has \(tree) blocks.")
        }
    }

    /// No byte belongs to two things, and what is behind the last thing belongs to none.
    mutating func checkRegions(isTrial: Bool) throws(Errno) {
        let sorted = structure.regions.sorted { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        guard var last = sorted.first else { return }
        var isOverlaid = false
        for region in sorted.dropFirst() {
            if region.range.lowerBound < last.range.upperBound {
                // A repair would write over something else.
                isOverlaid = true
                for index in findings.indices { (findings[index].remedy, findings[index].repair) = (nil, nil) }
                find(.damage, at: region.range.lowerBound, "\(region.what.prefix(1).uppercased() + region.what.dropFirst()) and \(last.what) occupy the same bytes.")
            } else if region.range.lowerBound > last.range.upperBound { structure.gaps.append(last.range.upperBound..<region.range.lowerBound) }
            if region.range.upperBound > last.range.upperBound { last = region }
        }
        // Between runs that are not kept it is not known what is free.
        if structure.runs.count >= mostRuns { structure.gaps = [] }
        let end = max(last.range.upperBound, structure.storedEnd)
        if end < structure.length { structure.gaps.append(end..<structure.length) }
        if isOverlaid || isTrial { return }
        if let broken { return try mend(broken) }
        if end < structure.length, !isDamaged { try checkRest(from: end) }
    }

    /// Bytes at the end that belong to nothing. A record that nothing leads to may have been cut off the list; counters can be had from the map, others
    /// from nothing else.
    private mutating func checkRest(from end: UInt64) throws(Errno) {
        let rest = structure.length - end
        let message = "\(rest) byte\(rest == 1 ? "" : "s") at the end belong to nothing"
        let lost = try lostRecords(behind: structure.lastLink - 7)
        if let lost, !lost.contains(where: { $0.what != "status" }) {
            return find(.warning, at: end, "\(message): something was not appended to its end.", remedy: "cut them off", repair: .truncate(end))
        }
        let isSealed = BackingNames.attribute("user.incfs.verity", bytes.descriptor) != nil
        for record in lost ?? [] {
            var trial = try BackingReader(bytes.with(linkAt: structure.lastLink, to: record.place), isTrial: true)
            // What nobody was told of may have been half written.
            if !isSealed { try trial.checkData() }
            guard !trial.isDamaged, trial.structure.certificates > structure.certificates else { continue }
            return find(.warning, at: end, "\(message): nothing leads to the \(record.what) record at \(String(place: record.place)).", remedy: "lead the list to it", repair: record.repair(structure.lastLink))
        }
        mayHaveLost = true
        find(.warning, at: end, "\(message): something was not appended to its end, or cut off the list of records.")
    }

    /// The counters against the map. They may lag behind after a crash, and a hash block that came twice is counted twice.
    mutating func checkStatus() {
        guard structure.mapBase != nil, !isDamaged else { return }
        let data = structure.dataPresent, hash = structure.hashPresent
        let counters = BackingBytes.bytes(data, 4) + BackingBytes.bytes(hash, 4)
        guard let status = structure.status else {
            guard data + hash > 0 else { return }
            // Where the list goes on there may be one; and behind a new one at the end nothing that was lost would be found again.
            if mayHaveLost || findings.contains(where: { if case .write(_, structure.lastLink) = $0.repair { true } else { false } }) { return }
            // Kernels that wrote checksums had no such record.
            if structure.isOld { find(.note, at: nil, "No status record counts the stored blocks, as in all files of old kernels."); return }
            let record: [UInt8] = [4, 55] + [UInt8](repeating: 0, count: 21) + counters + [UInt8](repeating: 0, count: 24)
            find(.warning, at: nil, "\(data) data blocks and \(hash) hash blocks are stored, and no status record counts them.", remedy: "append one", repair: .append(record, linkedFrom: structure.lastLink))
            return
        }
        guard UInt64(status.data) != data || UInt64(status.hash) != hash else { return }
        let isOnlyRepeated = UInt64(status.data) == data && UInt64(status.hash) > hash
        find(isOnlyRepeated ? .note : .warning, at: status.record + 23, "The status record counts \(status.data) data blocks and \(status.hash) hash blocks; \(data) and \(hash) are stored.",
            remedy: "count again", repair: .write(counters, at: status.record + 23))
    }
}
