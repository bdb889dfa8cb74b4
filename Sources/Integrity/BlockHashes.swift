import CSHA256

extension SHA256Hasher {
    /// Two messages at once are worth while here.
    private static let pairs = sha256_two_is_fast()

    /// The digests of the blocks of `bytes`, from the first to the last: each of 4096 bytes, the last one as if zeros followed it
    /// (`hashBlock`). Two at a time where the processor gains by it. Allocates nothing.
    @inline(__always)
    public static func hashBlocks(_ bytes: UnsafeRawBufferPointer, _ body: (_ block: Int, Digest) -> Void) {
        let size = MerkleTree.blockSize
        var start = 0
        while pairs, bytes.count - start >= 2 * size {
            let (a, b) = hashTwo(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + size)]), UnsafeRawBufferPointer(rebasing: bytes[(start + size)..<(start + 2 * size)]))
            body(start / size, a)
            body(start / size + 1, b)
            start += 2 * size
        }
        while start < bytes.count {
            body(start / size, hashBlock(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + size, bytes.count)])))
            start += size
        }
    }

    /// The digest of `bytes`, and the digests of its blocks (as `hashBlocks` has them), 32 bytes each, at the start of `blocks`. Costs
    /// about as much as one of the two where the processor gains by it. Allocates nothing; traps if `blocks` is too short.
    public static func hash(_ bytes: UnsafeRawBufferPointer, blocks: UnsafeMutableRawBufferPointer) -> Digest {
        precondition(blocks.count >= (bytes.count + MerkleTree.blockSize - 1) / MerkleTree.blockSize * Digest.length)
        if pairs { return hashBoth(bytes, blocks) }
        hashBlocks(bytes) { block, digest in
            digest.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: blocks[(block * Digest.length)...]).copyMemory(from: $0) }
        }
        return hash(bytes)
    }

    /// The same, in one pass. Only where `sha256_two_works`, and `blocks` has the room.
    static func hashBoth(_ bytes: UnsafeRawBufferPointer, _ blocks: UnsafeMutableRawBufferPointer) -> Digest {
        guard let base = bytes.baseAddress, let blocks = blocks.baseAddress else { return hash(bytes) }
        var whole = Digest.zero
        withUnsafeMutableBytes(of: &whole) { whole in
            sha256_whole_and_blocks(base, bytes.count, whole.baseAddress!.assumingMemoryBound(to: UInt8.self), blocks.assumingMemoryBound(to: UInt8.self))
        }
        return whole
    }

    /// The digests of two messages of one length, a multiple of 64. Only where `sha256_two_works`.
    @usableFromInline
    static func hashTwo(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> (Digest, Digest) {
        precondition(a.count == b.count && a.count % 64 == 0)
        var first = Digest.zero, second = Digest.zero
        withUnsafeMutableBytes(of: &first) { first in
            withUnsafeMutableBytes(of: &second) { second in
                sha256_two(
                    a.baseAddress, b.baseAddress, a.count, first.baseAddress!.assumingMemoryBound(to: UInt8.self),
                    second.baseAddress!.assumingMemoryBound(to: UInt8.self))
            }
        }
        return (first, second)
    }
}
