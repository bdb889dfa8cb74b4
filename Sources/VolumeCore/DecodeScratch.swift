import BlockCodec
import LinuxSystem
import Synchronization

/// A decoder and a chunk's worth of memory, lent to one thread at a time, so that a fill neither maps memory nor builds a context.
final class DecodeScratch: @unchecked Sendable {
    // Safety: out of the pool it belongs to one thread; in the pool nobody touches it.
    let decoder = ZstdDecompressor()
    let memory: AlignedBuffer

    private init(count: Int) { memory = AlignedBuffer(count: count) }

    /// The idle ones of a volume; all have room for `count` bytes.
    final class Pool: Sendable {
        private static let kept = 4
        private let count: Int
        private let idle = Mutex<[DecodeScratch]>([])

        init(count: Int) { self.count = count }

        func borrow<Result>(_ body: (DecodeScratch) -> Result) -> Result {
            let scratch = idle.withLock { $0.popLast() } ?? DecodeScratch(count: count)
            defer { idle.withLock { if $0.count < Self.kept { $0.append(scratch) } } }
            return body(scratch)
        }
    }
}
