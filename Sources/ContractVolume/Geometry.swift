/// Blocks of a file and of its hash tree.
public enum Geometry {
    /// Bytes of a block, of data and of hashes.
    public static let blockSize: UInt64 = 4096
    /// The most data blocks (2³¹ − 1): 8 TiB.
    public static let mostDataBlocks = UInt64(Int32.max)
    /// Bytes of a signature blob, of a user attribute, of a name, of a compressed block, at most.
    public static let longestSignature = 8096
    public static let longestAttribute = 512
    public static let longestName = 255
    public static let longestBlock = 8192

    /// Data blocks of a file of `size` bytes.
    public static func dataBlocks(size: UInt64) -> UInt64 { size / blockSize + (size % blockSize == 0 ? 0 : 1) }
}
