/// Computes the root of a file's Merkle tree as its blocks go by, in 36 KiB whatever the file's size.
///
/// Feed either leaf digests (`add`) or bytes (`update`), in file order, then call `finish`; the builder is empty again
/// afterwards and can be used for the next file. One thread at a time.
///
/// Invariant: level *l* holds fewer than 128 digests; the first `counts[l]` of its block are those of the subtrees
/// that are complete and not yet part of a complete subtree of level *l + 1*.
public final class VerityTreeBuilder {
    private let blocks: UnsafeMutableRawBufferPointer
    private var counts = InlineArray<9, Int>(repeating: 0)
    /// Leaves added since the last `finish`.
    public private(set) var leafCount: UInt64 = 0
    private var partial = SHA256Hasher()
    private var partialCount = 0
    private var byteCount: UInt64 = 0

    public init() {
        blocks = .allocate(byteCount: MerkleTree.blockSize * (MerkleTree.maximumLevels + 1), alignment: 64)
    }

    deinit { blocks.deallocate() }

    /// Adds the digest of the next data block (zero-padded to 4096 bytes if it is the last).
    public func add(leaf: Digest) { append(leaf, level: 0); leafCount += 1 }

    /// Adds digests that lie one after another, 32 bytes each.
    public func add(leaves: UnsafeRawBufferPointer) {
        precondition(leaves.count % Digest.length == 0)
        var offset = 0
        while offset < leaves.count {
            add(leaf: Digest(UnsafeRawBufferPointer(rebasing: leaves[offset..<(offset + Digest.length)])))
            offset += Digest.length
        }
    }

    /// Adds `count` data blocks of zeros (a hole). Costs the logarithm of `count`.
    public func add(zeroBlocks count: UInt64) {
        var rest = count
        while rest > 0 {
            var level = 0
            var span: UInt64 = 1
            while level + 1 < MerkleTree.maximumLevels && counts[level] == 0 && rest / UInt64(MerkleTree.fanOut) >= span {
                level += 1
                span *= UInt64(MerkleTree.fanOut)
            }
            append(MerkleTree.zeroSubtrees[level], level: level)
            leafCount += span
            rest -= span
        }
    }

    /// Adds the file's next bytes, cut anywhere. Not to be mixed with `add` within one block.
    public func update(_ bytes: UnsafeRawBufferPointer) {
        byteCount += UInt64(bytes.count)
        var rest = bytes
        while !rest.isEmpty {
            let n = min(MerkleTree.blockSize - partialCount, rest.count)
            partial.update(UnsafeRawBufferPointer(rebasing: rest[..<n]))
            partialCount += n
            rest = UnsafeRawBufferPointer(rebasing: rest[n...])
            if partialCount == MerkleTree.blockSize { closeBlock() }
        }
    }

    /// The root; all zero when nothing was added. Pads a last short block with zeros. The builder is empty afterwards.
    public func finish() -> Digest {
        if partialCount > 0 {
            partial.update(UnsafeRawBufferPointer(rebasing: ZeroBlock.bytes[..<(MerkleTree.blockSize - partialCount)]))
            closeBlock()
        }
        defer { reset() }
        guard leafCount > 0 else { return .zero }
        var level = 0
        var width = leafCount
        while width > 1 {
            if counts[level] > 0 { closeTreeBlock(level) }
            width = (width - 1) / UInt64(MerkleTree.fanOut) + 1
            level += 1
        }
        return Digest(UnsafeRawBufferPointer(rebasing: blocks[(level * MerkleTree.blockSize)..<(level * MerkleTree.blockSize + Digest.length)]))
    }

    /// The content digest of the bytes given to `update` since the last `finish`. The builder is empty afterwards.
    public func finishContentDigest() -> Digest {
        let size = byteCount
        return VerityDigest.contentDigest(root: finish(), size: size)
    }

    /// Forgets everything that was added.
    public func reset() {
        counts = InlineArray(repeating: 0)
        leafCount = 0
        byteCount = 0
        partialCount = 0
        partial = SHA256Hasher()
    }

    private func closeBlock() {
        add(leaf: partial.finish())
        partialCount = 0
    }

    private func append(_ digest: Digest, level: Int) {
        let place = level * MerkleTree.blockSize + counts[level] * Digest.length
        digest.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: blocks[place...]).copyMemory(from: $0) }
        counts[level] += 1
        if counts[level] == MerkleTree.fanOut { closeTreeBlock(level) }
    }

    private func closeTreeBlock(_ level: Int) {
        let start = level * MerkleTree.blockSize
        let used = UnsafeRawBufferPointer(rebasing: blocks[start..<(start + counts[level] * Digest.length)])
        let digest = SHA256Hasher.hashBlock(used)
        counts[level] = 0
        append(digest, level: level + 1)
    }
}
