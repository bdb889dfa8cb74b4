import LinuxSystem
import Synchronization

/// A few chunk-sized buffers for decoding, so that a fill does not map memory each time.
final class BufferPool: Sendable {
    private static let kept = 4
    private let free = Mutex<[AlignedBuffer]>([])

    /// Calls `body` with at least `count` bytes of scratch memory.
    func withBuffer<Result>(count: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Result) rethrows -> Result {
        let buffer = free.withLock { free -> AlignedBuffer? in
            guard let i = free.lastIndex(where: { $0.bytes.count >= count }) else { return nil }
            return free.remove(at: i)
        } ?? AlignedBuffer(count: count)
        defer { free.withLock { if $0.count < Self.kept { $0.append(buffer) } } }
        return try body(UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<count]))
    }
}
