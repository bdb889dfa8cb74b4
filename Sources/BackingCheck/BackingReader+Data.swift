import BlockCodec
import Integrity
import LinuxSystem

extension BackingReader {
    /// Decodes every stored block and compares it with the hash tree, if there is one. Blocks that are alike make one finding.
    /// Throws only what reading the file throws.
    public mutating func checkData() throws(Errno) {
        guard !isDamaged, let base = structure.mapBase else { return }
        var tree = structure.signature.map { BackingTree($0, dataBlocks: structure.dataBlocks) }
        var trouble = BackingTrouble()
        var walk = BackingMapWalk(bytes, base: base, entries: structure.dataBlocks)
        while try walk.next() {
            for (index, entry) in walk.entries { try check(index, entry, &tree, &trouble) }
        }
        for (first, count, offset, fault) in trouble.runs {
            let subject = String(blocks: first, count: count)
            find(fault.severity, at: offset, "\(subject.prefix(1).uppercased() + subject.dropFirst()): \(fault.text).")
        }
    }

    private func check(_ index: UInt64, _ entry: ArraySlice<UInt8>, _ tree: inout BackingTree?, _ trouble: inout BackingTrouble) throws(Errno) {
        let offset = BackingBytes.number(entry, 0, 6), stored = BackingBytes.number(entry, 6, 2), compression = BackingBytes.number(entry, 8, 2) & 7
        guard offset != 0, stored != 0 else { return }
        let whole = Int(min(4096, structure.size - index * 4096))
        var plain = [UInt8](repeating: 0, count: 4096)
        guard let count = Self.decode(try bytes.read(offset, Int(compression == 0 ? stored : min(stored, 8192))), compression: compression, whole: whole, into: &plain) else {
            return trouble.add(index, at: offset, BackingFault(.damage, "cannot be decompressed (EBADMSG)"))
        }
        // A block that is stored as it is was looked at with the map.
        if count < whole, compression != 0 { trouble.add(index, at: offset, BackingFault(.note, "fewer bytes than the block has come out of it; the rest reads as zeros")) }
        guard var fault = try tree?.fault(of: index, plain, in: bytes) else { return }
        // A hash block may come after the data, where the map has an entry for it.
        if let missing = fault.missingHash, try hashBlockIsAwaited(missing) {
            fault = BackingFault(.note, "hash block \(missing) above has not been stored yet (EBADMSG until it is)")
        }
        trouble.add(index, at: offset, fault)
    }

    private func hashBlockIsAwaited(_ number: UInt64) throws(Errno) -> Bool {
        guard let base = structure.mapBase, structure.dataBlocks + number < structure.mapEntries else { return false }
        return try bytes.read(base + (structure.dataBlocks + number) * 10, 10).allSatisfy { $0 == 0 }
    }

    /// Decodes a block to the start of `plain`, which are zeros; how many bytes came of it. nil when it cannot be decoded.
    static func decode(_ stored: [UInt8], compression: UInt64, whole: Int, into plain: inout [UInt8]) -> Int? {
        if stored.isEmpty { return nil }
        return plain.withUnsafeMutableBytes { out in
            stored.withUnsafeBytes { source in
                guard compression != 0 else {
                    let count = min(whole, source.count)
                    out.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<count]))
                    return count
                }
                guard let known = BlockCompression(rawValue: UInt8(truncatingIfNeeded: compression)) else { return nil }
                guard let count = BlockDecoder.decode(source, known, into: UnsafeMutableRawBufferPointer(rebasing: out[..<whole])) else { return nil }
                // What a decoder leaves behind what it says is not the block's.
                UnsafeMutableRawBufferPointer(rebasing: out[count...]).initializeMemory(as: UInt8.self, repeating: 0)
                return count
            }
        }
    }
}

/// What is wrong with a block.
struct BackingFault: Hashable {
    var severity: BackingFinding.Severity
    var text: String
    /// The hash block that is nothing but zeros.
    var missingHash: UInt64?

    init(_ severity: BackingFinding.Severity, _ text: String, missingHash: UInt64? = nil) {
        self.severity = severity
        self.text = text
        self.missingHash = missingHash
    }
}

/// The hash tree of a file, from its root down.
struct BackingTree {
    private let root: [UInt8]
    private let offset: UInt64
    /// Blocks of each level, leaves first, and the number of its first block.
    private let levels: [UInt64]
    private var starts: [UInt64]
    /// The last block looked at of each level, and what it should be; neighbours share them.
    private var recent: [Int: (number: UInt64, bytes: [UInt8], digest: [UInt8])] = [:]

    init(_ signature: BackingStructure.Signature, dataBlocks: UInt64) {
        root = signature.root ?? []
        offset = signature.treeOffset
        levels = BackingStructure.levels(dataBlocks)
        starts = []
        var end = levels.reduce(0, +)
        for count in levels { end -= count; starts.append(end) }
    }

    /// What keeps a block from being believed; nil when it is the one that the root certifies.
    mutating func fault(of block: UInt64, _ plain: [UInt8], in file: BackingBytes) throws(Errno) -> BackingFault? {
        var expected = root
        for level in levels.indices.reversed() {
            var inLevel = block
            for _ in 0...level { inLevel /= 128 }
            let number = starts[level] + inLevel
            if recent[level]?.number != number {
                let bytes = try file.read(offset + number * 4096, 4096)
                recent[level] = (number, bytes, bytes.withUnsafeBytes { SHA256Hasher.hash($0) }.bytes)
            }
            guard let node = recent[level], node.bytes.count == 4096 else { return BackingFault(.damage, "hash block \(number) cannot be read (EIO)") }
            guard node.digest == expected else {
                return node.bytes.contains { $0 != 0 }
                    ? BackingFault(.damage, "hash block \(number) above is not the one that was signed (EBADMSG)")
                    : BackingFault(.damage, "hash block \(number) above has not been stored (EBADMSG)", missingHash: number)
            }
            var child = block
            for _ in 0..<level { child /= 128 }
            let at = Int(child % 128) * 32
            expected = Array(node.bytes[at..<at + 32])
        }
        return plain.withUnsafeBytes { SHA256Hasher.hash($0) }.bytes == expected ? nil : BackingFault(.damage, "not what was signed (EBADMSG)")
    }
}

/// Blocks with something wrong, neighbours of one fault together.
struct BackingTrouble {
    private(set) var runs: [(first: UInt64, count: UInt64, offset: UInt64, fault: BackingFault)] = []

    mutating func add(_ block: UInt64, at offset: UInt64, _ fault: BackingFault) {
        if let last = runs.last, last.first + last.count == block, last.fault == fault { runs[runs.count - 1].count += 1 } else { runs.append((block, 1, offset, fault)) }
    }
}
