import Glibc
import LinuxSystem

/// Tells whether memory of another process is there, so that copying it faults nothing in (`/proc/TID/pagemap`,
/// Documentation/admin-guide/mm/pagemap.rst of the kernel). What was there may be gone a moment later, by the hand of the process or for want of
/// memory: for what is to be quick, not for what has to be right. For one thread at a time.
public final class PresentPages: @unchecked Sendable {
    // Safety: used by one thread at a time.
    private static let pageSize: UInt64 = 4096
    private static let present: UInt64 = 1 << 63
    /// Pages that are asked for in one read, and reads for one answer: with more the other way is as quick.
    private static let window = 192
    private static let mostReads = 8
    private let entries: UnsafeMutableBufferPointer<UInt64>
    /// The table of the memory that the last thread had. It has no entries left when that memory is gone, with its last process or because that became another
    /// program; where somebody shares it (`CLONE_VM`) and the thread is another program's by now, what it says is not of that.
    private var table: CInt = -1
    private var thread: pid_t = 0

    public init() { entries = .allocate(capacity: Self.window) }
    deinit {
        entries.deallocate()
        if table >= 0 { SystemCalls.close(table) }
    }

    /// True when every page of the ranges is; false also where that cannot be told.
    func have(_ ranges: [(address: UInt64, count: Int)], of thread: pid_t) -> Bool {
        guard !ranges.isEmpty else { return true }
        if thread == self.thread, table >= 0, let answer = look(ranges) { return answer }
        self.thread = thread
        if table >= 0 { SystemCalls.close(table) }
        table = (try? SystemCalls.open(FilePath("/proc/\(thread)/pagemap"), flags: O_RDONLY).take()) ?? -1
        return table >= 0 ? look(ranges) ?? false : false
    }

    /// nil when the table has no entries.
    private func look(_ ranges: [(address: UInt64, count: Int)]) -> Bool? {
        var reads = 0, next = 0
        while next < ranges.count {
            // What follows closely is looked at in one read, though what lies between need not be there.
            let begin = next, first = ranges[begin].address / Self.pageSize
            var end = first
            while next < ranges.count {
                let pages = Self.pages(ranges[next])
                guard pages.lowerBound >= first, pages.upperBound - first <= UInt64(Self.window) else { break }
                end = max(end, pages.upperBound)
                next += 1
            }
            reads += 1
            guard next > begin, reads <= Self.mostReads else { return false }
            let raw = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(entries)[..<(Int(end - first) * 8)])
            guard let count = try? SystemCalls.pread(table, into: raw, at: first * 8), count > 0 else { return nil }
            guard count == raw.count else { return false }
            for range in ranges[begin..<next] {
                for page in Self.pages(range) where entries[Int(page - first)] & Self.present == 0 { return false }
            }
        }
        return true
    }

    private static func pages(_ range: (address: UInt64, count: Int)) -> Range<UInt64> {
        range.address / pageSize..<(range.address + UInt64(max(range.count, 1)) - 1) / pageSize + 1
    }
}
