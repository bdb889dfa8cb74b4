import BlockCodec
import Integrity

/// The codecs on arrays.
enum Codec {
    static func digest(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { SHA256Hasher.hash($0) }.withUnsafeBytes { Array($0) } }

    static func compress(_ bytes: [UInt8]) -> [UInt8] {
        let compressor = ZstdCompressor(level: 3)
        return bytes.withUnsafeBytes { raw in
            [UInt8](unsafeUninitializedCapacity: ZstdCompressor.bound(raw.count)) { buffer, count in
                count = compressor.compress(raw, into: UnsafeMutableRawBufferPointer(buffer))!
            }
        }
    }

    static func decompress(_ bytes: [UInt8], count: Int) throws -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeBytes { source in try result.withUnsafeMutableBytes { try ZstdDecompressor().decompress(source, into: $0) } }
        return result
    }
}
