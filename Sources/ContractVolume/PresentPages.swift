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
    /// The table of the last process that was asked about. That of a process that has ended, or become another program, has no entries left.
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
        var reads = 0, index = 0
        while index < ranges.count {
            // What follows closely is looked at together.
            let first = ranges[index].address / Self.pageSize
            var end = first
            while index < ranges.count {
                let (address, count) = ranges[index]
                let last = (address + UInt64(max(count, 1)) - 1) / Self.pageSize
                guard address / Self.pageSize >= first, last - first < UInt64(Self.window) else { break }
                end = max(end, last + 1)
                index += 1
            }
            let pages = Int(end - first)
            reads += 1
            guard pages > 0, reads <= Self.mostReads else { return false }
            let raw = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(entries)[..<(pages * 8)])
            guard let count = try? SystemCalls.pread(table, into: raw, at: first * 8), count > 0 else { return nil }
            guard count == raw.count, entries[..<pages].allSatisfy({ $0 & Self.present != 0 }) else { return false }
        }
        return true
    }
}
