/// The one hash tree of this project: SHA-256, blocks of 4096 bytes, no salt. fs-verity and the Incremental FS
/// interface use the same (fsverity(1), kernel documentation filesystems/fsverity.rst).
public enum MerkleTree {
    /// Bytes in a data block and in a block of the tree.
    public static let blockSize = 4096
    /// Digests in a block of the tree.
    public static let fanOut = blockSize / Digest.length
    /// Levels that a file of 2^63 bytes needs above its leaves.
    public static let maximumLevels = 8

    /// Data blocks in a file of `size` bytes.
    public static func blockCount(size: UInt64) -> UInt64 { size / 4096 + (size % 4096 == 0 ? 0 : 1) }

    /// The digest of a data block of zeros.
    public static let zeroBlockDigest: Digest = zeroSubtrees[0]

    /// The digest of a full block of the lowest level of the tree over blocks of zeros.
    public static let zeroTreeBlockDigest: Digest = zeroSubtrees[1]

    /// The digests of full subtrees over zeros, by level: 1, 128, 128², … data blocks.
    static let zeroSubtrees: [Digest] = {
        var digests = [SHA256Hasher.hash(ZeroBlock.bytes)]
        while digests.count < maximumLevels {
            var hasher = SHA256Hasher()
            for _ in 0..<fanOut { digests.last!.withUnsafeBytes { hasher.update($0) } }
            digests.append(hasher.finish())
        }
        return digests
    }()
}
