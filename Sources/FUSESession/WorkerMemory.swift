import FUSEProtocol
import LinuxSystem

/// One worker's memory, resident and locked: a page fault while the kernel copies a request or a reply would be an error
/// in somebody's program.
///
/// One allocation serves requests and answers. A device read must offer room for `max_write` bytes, although a request that
/// we serve has at most 64 KiB; what lies behind that is the answer's, and a longer request takes from it.
struct WorkerMemory: ~Copyable {
    /// Room for the requests that we read into, in bytes: names, extended attributes, ioctl arguments.
    static let requestRoom = 64 << 10
    /// Room for an answer's data: the longest READ, and a page.
    static let answerRoom = (1 << 20) + 4096

    private let memory = AlignedBuffer(count: requestRoom + answerRoom, resident: true)

    /// Where a request is read to.
    var request: UnsafeMutableRawBufferPointer { memory.bytes }

    /// Where the answer to a request of `length` bytes may be made; page-aligned.
    @inline(__always)
    func answer(behind length: Int) -> UnsafeMutableRawBufferPointer {
        let start = length <= Self.requestRoom ? Self.requestRoom : min((length + 4095) & ~4095, memory.bytes.count)
        return UnsafeMutableRawBufferPointer(rebasing: memory.bytes[start...])
    }
}
