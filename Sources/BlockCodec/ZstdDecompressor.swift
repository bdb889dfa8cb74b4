import CZstd

/// Decodes single Zstandard frames into buffers of the exact size. Needs no window memory beyond its context (about 160 KiB),
/// whatever the frame asks for: the caller's buffer is the window. One thread at a time; the context is reused.
public final class ZstdDecompressor {
    private let context: OpaquePointer

    /// Traps if there is no memory for the context.
    public init() {
        guard let context = ZSTD_createDCtx() else { fatalError("out of memory: Zstandard context") }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Decodes `source`, one whole frame, into all of `destination`. On an error the destination's content is undefined.
    ///
    /// - Throws: `ZstdError`. Callers answer a reader with `EIO`.
    public func decompress(_ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer) throws(ZstdError) {
        let declared = ZSTD_getFrameContentSize(source.baseAddress, source.count)
        // ZSTD_CONTENTSIZE_UNKNOWN and ZSTD_CONTENTSIZE_ERROR are the two highest values.
        guard declared < UInt64.max - 1 else { throw .notAFrame }
        guard declared == UInt64(destination.count) else { throw .wrongContentSize(expected: destination.count, declared: declared) }
        let frame = ZSTD_findFrameCompressedSize(source.baseAddress, source.count)
        try Self.check(frame)
        guard frame == source.count else { throw .trailingBytes(extra: source.count - frame) }
        let result = ZSTD_decompressDCtx(context, destination.baseAddress, destination.count, source.baseAddress, source.count)
        try Self.check(result)
        guard result == destination.count else { throw .wrongContentSize(expected: destination.count, declared: UInt64(result)) }
    }

    private static func check(_ result: Int) throws(ZstdError) {
        if ZSTD_isError(result) != 0 { throw .corrupt(String(cString: ZSTD_getErrorName(result))) }
    }
}
