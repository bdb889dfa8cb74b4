import LinuxSystem
import Synchronization

/// Memory in which stored bytes lie between the disk and their reader. Kept from read to read, so that none is allocated for one.
final class ReadScratch: @unchecked Sendable {
    // Safety: used by the one thread that took it out of the pool.
    /// Blocks that are read in one piece: more than the kernel's usual readahead asks for.
    static let blocks = 64
    /// The most that so many blocks take in a backing file.
    let stored: UnsafeMutableRawBufferPointer
    /// One block of data, for a read that wants less of it, or one of a tree.
    let block: UnsafeMutableRawBufferPointer

    private static let pool = Mutex<[ReadScratch]>([])
    /// As many as threads usually read at a time.
    private static let most = 8

    private init() {
        // Mapped, and touched where it is used.
        stored = .allocate(byteCount: Self.blocks * Geometry.longestBlock, alignment: 4096)
        block = .allocate(byteCount: Int(Geometry.blockSize), alignment: 4096)
    }

    deinit {
        stored.deallocate()
        block.deallocate()
    }

    static func with<Result>(_ body: (ReadScratch) -> Result) -> Result {
        let scratch = pool.withLock { $0.popLast() } ?? ReadScratch()
        defer {
            pool.withLock { pool in
                if pool.capacity < most { pool.reserveCapacity(most) }
                if pool.count < most { pool.append(scratch) }
            }
        }
        return body(scratch)
    }
}
