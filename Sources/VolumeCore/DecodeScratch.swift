import BlockCodec
import Integrity
import LinuxSystem
import Synchronization

/// A decoder, a chunk's worth of memory and room for its digests, lent to one thread at a time, so that a fill neither maps memory nor builds a context.
final class DecodeScratch: @unchecked Sendable {
    // Safety: out of the pool it belongs to one thread; in the pool nobody touches it.
    let decoder = ZstdDecompressor()
    let memory: AlignedBuffer
    /// Room for the digests of the blocks of a chunk.
    let leaves: AlignedBuffer

    private init(count: Int) {
        memory = AlignedBuffer(count: count)
        leaves = AlignedBuffer(count: (count + 4095) / 4096 * Digest.length)
    }

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
