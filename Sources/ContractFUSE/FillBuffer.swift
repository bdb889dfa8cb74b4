import ContractVolume
import LinuxSystem
import Synchronization

/// Memory for the data of one batch of blocks; kept from call to call.
final class FillBuffer: @unchecked Sendable {
    // Safety: used by the one thread that took it out of the pool.
    /// Blocks that are copied and stored in one piece: at 4 KiB half a megabyte.
    static let blocks = 128
    let bytes: UnsafeMutableRawBufferPointer

    private static let pool = Mutex<[FillBuffer]>([])
    /// Calls that come at a time usually; each keeps what a batch of its loader touched.
    private static let most = 2

    private init() { bytes = .allocate(byteCount: Self.blocks * Geometry.longestBlock, alignment: 4096) }
    deinit { bytes.deallocate() }

    static func with<Result>(_ body: (UnsafeMutableRawBufferPointer) throws(Errno) -> Result) throws(Errno) -> Result {
        let buffer = pool.withLock { $0.popLast() } ?? FillBuffer()
        defer { pool.withLock { if $0.count < most { $0.append(buffer) } } }
        return try body(buffer.bytes)
    }
}
