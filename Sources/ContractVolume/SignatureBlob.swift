import Integrity
import LinuxSystem

/// The signature blob of a file (version 2), of which only the hashing section is looked at.
public struct SignatureBlob: Hashable, Sendable {
    public var root: Digest

    /// Reads a blob. nil for anything malformed: another version, algorithm or block size, sections that run past their ends, a
    /// root of fewer than 32 bytes. A salt is parsed and not used.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count <= Geometry.longestSignature, bytes.count >= 8 else { return nil }
        func word(_ offset: Int) -> UInt32 { BackingRecord.get(bytes, offset, UInt32.self) }
        guard word(0) == 2 else { return nil }
        let start = 8, length = Int(word(4))
        guard length <= bytes.count - start else { return nil }
        let end = start + length
        guard length >= 9, word(start) == 1, bytes[start + 4] == 12 else { return nil }
        let salt = Int(word(start + 5)), saltEnd = start + 9 + salt
        guard salt <= length, saltEnd + 4 <= end else { return nil }
        let rootSize = Int(word(saltEnd))
        guard rootSize >= Digest.length, rootSize <= length, saltEnd + 4 + rootSize == end else { return nil }
        root = bytes[(saltEnd + 4)...].withUnsafeBytes { Digest($0) }
    }

    /// The smallest blob for a root: what enabling verity stores.
    public static func minimal(root: Digest) -> [UInt8] {
        BackingRecord.number(UInt32(2)) + BackingRecord.number(UInt32(45)) + BackingRecord.number(UInt32(1)) + [12] + BackingRecord.number(UInt32(0))
            + BackingRecord.number(UInt32(32)) + root.bytes + BackingRecord.number(UInt32(0))
    }
}

/// The blocks of a hash tree: the top first, the leaves last.
public struct TreeShape: Hashable, Sendable {
    /// Blocks of each level, leaves first; empty for a file of one block or none.
    public var levels: [UInt64] = []
    public var blocks: UInt64 { levels.reduce(0, +) }

    public static let mostLevels = 8
    /// 1280 MiB.
    public static let mostBlocks: UInt64 = 1280 << 8

    /// nil when the tree would be too large.
    public init?(dataBlocks: UInt64) {
        var count = dataBlocks
        while count > 1 {
            count = (count + 127) / 128
            levels.append(count)
        }
        guard levels.count <= Self.mostLevels, blocks <= Self.mostBlocks else { return nil }
    }

    /// The number, in the tree, of the first block of `level` (0 are the leaves).
    public func start(of level: Int) -> UInt64 {
        // The levels above it stand in front. A loop, because a reduction allocates where it is not optimized.
        var start: UInt64 = 0, above = level + 1
        while above < levels.count {
            start += levels[above]
            above += 1
        }
        return start
    }
}
