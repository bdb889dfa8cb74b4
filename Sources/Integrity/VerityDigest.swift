/// The fs-verity file digest, which is this project's content digest: SHA-256 over a 256-byte descriptor of size and root
/// (`struct fsverity_descriptor`, kernel documentation filesystems/fsverity.rst). Equal to what `fsverity digest` prints.
///
///     OFFSET SIZE MEANING
///          0    1 version, 1
///          1    1 hash algorithm, 1 (SHA-256)
///          2    1 log2 of the block size, 12
///          3    1 salt size, 0
///          4    4 signature size, 0
///          8    8 file size in bytes
///         16   64 root, zero-padded; all zero for an empty file
///         80   32 salt, 0
///        112  144 reserved, 0
public enum VerityDigest {
    /// Bytes in the descriptor.
    public static let descriptorLength = 256

    /// The content digest of a file of `size` bytes whose tree has `root`.
    public static func contentDigest(root: Digest, size: UInt64) -> Digest {
        var hasher = SHA256Hasher()
        var head: (UInt64, UInt64) = (UInt64(0x000c_0101).littleEndian, size.littleEndian)
        withUnsafeBytes(of: &head) { hasher.update($0) }
        root.withUnsafeBytes { hasher.update($0) }
        hasher.update(UnsafeRawBufferPointer(rebasing: ZeroBlock.bytes[..<(descriptorLength - 16 - Digest.length)]))
        return hasher.finish()
    }

    /// The content digest of a file of `size` bytes from its blocks' digests, 32 bytes each, in file order.
    /// Traps unless there is one digest for each block.
    public static func contentDigest(leaves: UnsafeRawBufferPointer, size: UInt64) -> Digest {
        precondition(UInt64(leaves.count) == MerkleTree.blockCount(size: size) * UInt64(Digest.length))
        let builder = VerityTreeBuilder()
        builder.add(leaves: leaves)
        return contentDigest(root: builder.finish(), size: size)
    }

    /// The content digest of a file of `size` bytes from its blocks' digests, in file order.
    public static func contentDigest(leaves: UnsafeBufferPointer<Digest>, size: UInt64) -> Digest {
        // A digest is 32 bytes in memory order and nothing else, so that an array of them is what the tree hashes.
        contentDigest(leaves: UnsafeRawBufferPointer(leaves), size: size)
    }

    /// The content digest of bytes in memory.
    public static func contentDigest(of bytes: UnsafeRawBufferPointer) -> Digest {
        let builder = VerityTreeBuilder()
        builder.update(bytes)
        return builder.finishContentDigest()
    }
}
