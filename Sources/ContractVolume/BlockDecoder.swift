import CLZ4
import CZstd
import LinuxSystem

/// Decodes a stored block. Each block is compressed by itself, from what is in the file up to its end.
enum BlockDecoder {
    /// Decodes `source` into the start of `target`, which is as long as is wanted. Returns the bytes decoded, possibly fewer.
    /// `EBADMSG` for anything that is no block of that compression, `EOPNOTSUPP` for one that nobody knows.
    static func decode(_ source: UnsafeRawBufferPointer, compression: UInt8, into target: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        switch compression {
        case 1:
            let count = LZ4_decompress_safe(
                source.baseAddress!.assumingMemoryBound(to: CChar.self), target.baseAddress!.assumingMemoryBound(to: CChar.self), CInt(source.count), CInt(target.count))
            guard count >= 0 else { throw .badMessage }
            return Int(count)
        case 2:
            // One frame; what lies behind it does not count.
            let frame = ZSTD_findFrameCompressedSize(source.baseAddress, source.count)
            guard ZSTD_isError(frame) == 0 else { throw .badMessage }
            let count = ZSTD_decompress(target.baseAddress, target.count, source.baseAddress, frame)
            guard ZSTD_isError(count) == 0 else { throw .badMessage }
            return count
        default: throw .notSupportedOnSocket
        }
    }
}
