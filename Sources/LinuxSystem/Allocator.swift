import CLinux

/// The C library's allocator.
public enum Allocator {
    /// Keeps up to `most` bytes of freed memory at the end of a heap, and takes allocations of up to `largest` bytes from the heaps (mallopt(3)).
    ///
    /// By default an answer of 256 KiB from the network is memory that the kernel maps, clears and takes back each time: 40 page faults for
    /// each MB that is filled. Call at the start of a process that moves much data, before it has threads.
    public static func keepFreed(largest: Int32, most: Int32) { clinux_keep_freed(largest, most) }
}
