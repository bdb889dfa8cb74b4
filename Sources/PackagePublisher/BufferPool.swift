import Synchronization

/// Buffers of one size that are used again: fresh large allocations cost a page fault for each 4 KiB.
final class BufferPool: @unchecked Sendable {
    // Safety: the list is guarded by the mutex; a buffer belongs to whoever took it, and is given back by the `deinit` of the work that uses it.
    private struct Free: @unchecked Sendable { var list: [UnsafeMutableRawBufferPointer] = [] }
    private let free = Mutex(Free())
    let size: Int

    init(size: Int) { self.size = size }

    deinit { free.withLock { for buffer in $0.list { buffer.deallocate() } } }

    func take() -> UnsafeMutableRawBufferPointer {
        free.withLock { $0.list.popLast() } ?? .allocate(byteCount: size, alignment: 4096)
    }

    func give(_ buffer: UnsafeMutableRawBufferPointer) { free.withLock { $0.list.append(buffer) } }
}
