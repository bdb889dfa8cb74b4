import Integrity

/// The unit of presence and of hashing.
enum Blocks {
    static let size = MerkleTree.blockSize

    /// Blocks in `size` bytes.
    static func count(_ size: UInt64) -> Int { Int(MerkleTree.blockCount(size: size)) }

    static func offset(_ block: Int) -> UInt64 { UInt64(block) * UInt64(size) }

    /// The content digest of at most 16 KiB in memory, without allocating: their tree is one block or less.
    static func smallContentDigest(_ bytes: UnsafeRawBufferPointer) -> Digest {
        let blocks = count(UInt64(bytes.count))
        precondition(blocks <= 4)
        var leaves = InlineArray<4, Digest>(repeating: .zero)
        SHA256Hasher.hashBlocks(bytes) { leaves[$0] = $1 }
        var root = leaves[0]
        if blocks > 1 {
            root = withUnsafeBytes(of: &leaves) { SHA256Hasher.hashBlock(UnsafeRawBufferPointer(rebasing: $0[..<(blocks * Digest.length)])) }
        }
        return VerityDigest.contentDigest(root: root, size: UInt64(bytes.count))
    }

    /// The runs of neighbours in an ascending list.
    static func runs(_ blocks: [Int]) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for block in blocks {
            if let last = runs.last, last.upperBound == block {
                runs[runs.count - 1] = last.lowerBound..<(block + 1)
            } else {
                runs.append(block..<(block + 1))
            }
        }
        return runs
    }
}
