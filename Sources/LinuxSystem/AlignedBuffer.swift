import Glibc

/// Page-aligned anonymous memory, pre-faulted on request and, as far as `RLIMIT_MEMLOCK` allows, locked: a page fault while
/// the kernel copies a request would turn into EIO for somebody's program.
public final class AlignedBuffer: @unchecked Sendable {
    // Safety: the memory is plain bytes; whoever owns the buffer decides which thread touches it.
    public let bytes: UnsafeMutableRawBufferPointer

    /// Maps `count` bytes, rounded up to whole pages. Traps if the system has no memory left.
    public init(count: Int, resident: Bool = false) {
        let length = (max(count, 1) + 4095) & ~4095
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | (resident ? MAP_POPULATE : 0)
        guard let base = mmap(nil, length, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
            fatalError("out of memory: mmap of \(length) bytes")
        }
        bytes = UnsafeMutableRawBufferPointer(start: base, count: length)
        if resident { _ = mlock(base, length) }
    }

    /// Gives the pages back to the system; the content reads as zero afterwards.
    public func releasePages() { _ = madvise(bytes.baseAddress, bytes.count, MADV_DONTNEED) }

    deinit { munmap(bytes.baseAddress, bytes.count) }
}
