/// How a block of the published interface, or of an image, is compressed: by itself, from what is in the file up to its end.
public enum BlockCompression: UInt8, Sendable {
    /// The block format of LZ4, without a frame.
    case lz4 = 1
    /// A frame of Zstandard (RFC 8878).
    case zstandard = 2
}
