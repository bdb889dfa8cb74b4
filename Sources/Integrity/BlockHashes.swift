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
