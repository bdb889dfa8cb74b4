import CLZ4
import CZstd
import LinuxSystem
import Synchronization

/// Decodes a stored block. Each block is compressed by itself, from what is in the file up to its end.
enum BlockDecoder {
    /// A context of libzstd: to make one costs as much as to decode a block.
    private final class Context: @unchecked Sendable {
        // Safety: used by the one thread that took it out of the pool.
        let pointer: OpaquePointer
        init() {
            guard let made = ZSTD_createDCtx() else { fatalError("out of memory: Zstandard context") }
            pointer = made
        }
        deinit { ZSTD_freeDCtx(pointer) }
    }
    private static let contexts = Mutex<[Context]>([])
    /// As many as threads usually decode at a time.
    private static let mostContexts = 8

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
            let context = contexts.withLock { $0.popLast() } ?? Context()
            defer { contexts.withLock { if $0.count < mostContexts { $0.append(context) } } }
            let count = ZSTD_decompressDCtx(context.pointer, target.baseAddress, target.count, source.baseAddress, frame)
            guard ZSTD_isError(count) == 0 else { throw .badMessage }
            return count
        default: throw .notSupportedOnSocket
        }
    }
}
