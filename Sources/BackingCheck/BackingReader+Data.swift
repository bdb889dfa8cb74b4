import CLZ4
import CZstd
import Integrity
import LinuxSystem

extension BackingReader {
    /// Decodes every stored block and compares it with the hash tree, if there is one. Blocks that are alike make one finding.
    /// Throws only what reading the file throws.
    public mutating func checkData() throws(Errno) {
        guard !isDamaged, let base = structure.mapBase else { return }
        var tree = structure.signature.map { BackingTree($0, dataBlocks: structure.dataBlocks) }
        var trouble = BackingTrouble()
        for index in 0..<structure.dataBlocks {
            let entry = try bytes.read(base + index * 10, 10)
            let offset = BackingBytes.number(entry, 0, 6), stored = BackingBytes.number(entry, 6, 2)
            guard offset != 0, stored != 0 else { continue }
            let whole = Int(min(4096, structure.size - index * 4096))
            let fault: String?
            if let plain = Self.decode(try bytes.read(offset, Int(stored)), compression: BackingBytes.number(entry, 8, 2), whole: whole) {
                fault = try tree?.fault(of: index, plain, in: bytes)
            } else {
                fault = "cannot be decompressed"
            }
            if let fault { trouble.add(index, at: offset, fault) }
        }
        for (first, count, offset, fault) in trouble.runs {
            let subject = String(blocks: first, count: count)
            find(.damage, at: offset, "\(subject.prefix(1).uppercased() + subject.dropFirst()): \(fault) (EBADMSG).")
        }
    }

    /// A block, filled up with zeros; nil when it cannot be decompressed.
    static func decode(_ stored: [UInt8], compression: UInt64, whole: Int) -> [UInt8]? {
        if stored.isEmpty { return nil }
        var plain = [UInt8](repeating: 0, count: 4096)
        let count: Int = plain.withUnsafeMutableBytes { out in
            stored.withUnsafeBytes { source in
                switch compression {
                case 0:
                    let count = min(whole, source.count)
                    out.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<count]))
                    return count
                case 1: return Int(LZ4_decompress_safe(source.baseAddress!.assumingMemoryBound(to: CChar.self), out.baseAddress!.assumingMemoryBound(to: CChar.self), CInt(source.count), CInt(whole)))
                default:
                    // One frame; what lies behind it does not count.
                    let frame = ZSTD_findFrameCompressedSize(source.baseAddress, source.count)
                    guard ZSTD_isError(frame) == 0 else { return -1 }
                    let count = ZSTD_decompress(out.baseAddress, whole, source.baseAddress, frame)
                    return ZSTD_isError(count) == 0 ? count : -1
                }
            }
        }
        return count == whole ? plain : nil
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
    mutating func fault(of block: UInt64, _ plain: [UInt8], in file: BackingBytes) throws(Errno) -> String? {
        var expected = root
        for level in levels.indices.reversed() {
            var inLevel = block
            for _ in 0...level { inLevel /= 128 }
            let number = starts[level] + inLevel
            if recent[level]?.number != number {
                let bytes = try file.read(offset + number * 4096, 4096)
                recent[level] = (number, bytes, bytes.withUnsafeBytes { SHA256Hasher.hash($0) }.bytes)
            }
            guard let node = recent[level], node.bytes.count == 4096 else { return "hash block \(number) cannot be read" }
            guard node.digest == expected else {
                return node.bytes.contains { $0 != 0 } ? "hash block \(number) above is not the one that was signed" : "hash block \(number) above has not been stored"
            }
            var child = block
            for _ in 0..<level { child /= 128 }
            let at = Int(child % 128) * 32
            expected = Array(node.bytes[at..<at + 32])
        }
        return plain.withUnsafeBytes { SHA256Hasher.hash($0) }.bytes == expected ? nil : "not what was signed"
    }
}

/// Blocks with something wrong, neighbours of one fault together.
struct BackingTrouble {
    private(set) var runs: [(first: UInt64, count: UInt64, offset: UInt64, fault: String)] = []

    mutating func add(_ block: UInt64, at offset: UInt64, _ fault: String) {
        if let last = runs.last, last.first + last.count == block, last.fault == fault { runs[runs.count - 1].count += 1 } else { runs.append((block, 1, offset, fault)) }
    }
}
