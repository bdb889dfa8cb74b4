import CCrypto

/// SHA-256 (FIPS 180-4) over libcrypto's context interface: a value of 112 bytes, no allocation per hash.
///
/// A value belongs to one thread at a time; the static functions are callable from anywhere.
public struct SHA256Hasher: Sendable {
    private var context = SHA256_CTX()

    /// Starts an empty message.
    public init() { SHA256_Init(&context) }

    /// Appends `bytes` to the message.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        SHA256_Update(&context, base, bytes.count)
    }

    /// The digest of what was appended, and an empty message again.
    public mutating func finish() -> Digest {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { out in
            _ = SHA256_Final(out.baseAddress!.assumingMemoryBound(to: UInt8.self), &context)
        }
        SHA256_Init(&context)
        return Digest(words: words)
    }

    /// The digest of `bytes`.
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> Digest {
        var hasher = SHA256Hasher()
        hasher.update(bytes)
        return hasher.finish()
    }

    /// The digest of `bytes` followed by zero bytes up to `length`: the hash of a file's last, short block.
    /// Traps if `bytes` is longer than `length` or `length` is above 4096.
    public static func hashBlock(_ bytes: UnsafeRawBufferPointer, paddedTo length: Int = MerkleTree.blockSize) -> Digest {
        precondition(bytes.count <= length && length <= MerkleTree.blockSize)
        var hasher = SHA256Hasher()
        hasher.update(bytes)
        hasher.update(UnsafeRawBufferPointer(rebasing: ZeroBlock.bytes[..<(length - bytes.count)]))
        return hasher.finish()
    }
}

/// 4096 zero bytes that live for ever.
enum ZeroBlock {
    // Safety: written before it is published by the lazy initialiser, only read afterwards.
    nonisolated(unsafe) static let bytes: UnsafeRawBufferPointer = {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: MerkleTree.blockSize, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        return UnsafeRawBufferPointer(memory)
    }()
}
