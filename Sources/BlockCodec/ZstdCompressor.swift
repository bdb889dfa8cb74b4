import CZstd

/// Compresses one buffer into one Zstandard frame (RFC 8878) with its content size and without a checksum. The same bytes at the same
/// level give the same frame with the same libzstd. One thread at a time; the context is reused from call to call.
public final class ZstdCompressor {
    /// The levels that libzstd knows without its slow-memory "ultra" ones.
    public static let levels = 1...19

    private let context: OpaquePointer

    /// Traps if `level` is not in `levels` or there is no memory for the context.
    public init(level: Int) {
        precondition(Self.levels.contains(level))
        guard let context = ZSTD_createCCtx() else { fatalError("out of memory: Zstandard context") }
        self.context = context
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, CInt(level))
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 0)
    }

    deinit { ZSTD_freeCCtx(context) }

    /// Compresses `source` into `destination` and returns the frame's length; nil when the frame does not fit, so that a
    /// destination one byte shorter than the source asks "is it worth it?".
    public func compress(_ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer) -> Int? {
        let result = ZSTD_compress2(context, destination.baseAddress, destination.count, source.baseAddress, source.count)
        return ZSTD_isError(result) == 0 ? result : nil
    }

    /// The longest frame that `count` bytes can become.
    public static func bound(_ count: Int) -> Int { ZSTD_compressBound(count) }
}
