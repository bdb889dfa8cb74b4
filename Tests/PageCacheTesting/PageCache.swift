import Glibc
import LinuxSystem

/// The kernel's copies of a file's pages.
public enum PageCache {
    /// Writes the file's pages to the disk and has them leave the page cache. posix_fadvise(2) skips a page that anybody holds at that moment
    /// (threads of the kernel look at pages too), so it is repeated until mincore(2) finds none. `EBUSY` if one stays.
    public static func drop(_ descriptor: CInt) throws {
        try SystemCalls.fdatasync(descriptor)
        let length = Int(try SystemCalls.status(of: descriptor).size)
        if length == 0 { return }
        guard let pages = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0), pages != MAP_FAILED else { throw Errno(rawValue: errno) }
        defer { munmap(pages, length) }
        var resident = [UInt8](repeating: 0, count: (length + 4095) / 4096)
        for _ in 0..<10_000 {
            SystemCalls.advise(descriptor, POSIX_FADV_DONTNEED)
            guard mincore(pages, length, &resident) == 0 else { throw Errno(rawValue: errno) }
            if resident.allSatisfy({ $0 & 1 == 0 }) { return }
            sched_yield()
        }
        throw Errno.resourceBusy
    }
}
