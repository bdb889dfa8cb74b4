import CLZ4
import CZstd
import Synchronization

/// Decodes blocks as they are stored in backing files and images. Callable from any thread; allocates nothing once its contexts are made.
public enum BlockDecoder {
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

    /// Decodes `source` into the start of `target`, which is as long as is wanted. Returns the bytes decoded, possibly fewer; nil for
    /// anything that is no block of that compression, or is one of more bytes.
    public static func decode(_ source: UnsafeRawBufferPointer, _ compression: BlockCompression, into target: UnsafeMutableRawBufferPointer) -> Int? {
        guard let start = source.baseAddress, let room = target.baseAddress else { return nil }
        switch compression {
        case .lz4:
            let count = LZ4_decompress_safe(
                start.assumingMemoryBound(to: CChar.self), room.assumingMemoryBound(to: CChar.self), CInt(source.count), CInt(target.count))
            return count >= 0 ? Int(count) : nil
        case .zstandard:
            guard ZstdFrame.isDecodable(source, room: target.count) else { return nil }
            // One frame; what lies behind it does not count.
            let frame = ZSTD_findFrameCompressedSize(start, source.count)
            guard ZSTD_isError(frame) == 0 else { return nil }
            let context = contexts.withLock { $0.popLast() } ?? Context()
            defer { contexts.withLock { if $0.count < mostContexts { $0.append(context) } } }
            let count = ZSTD_decompressDCtx(context.pointer, room, target.count, start, frame)
            return ZSTD_isError(count) == 0 ? count : nil
        }
    }
}
