import FUSEProtocol
import LinuxSystem
import Synchronization

/// Readahead that was refused because something in it is missing. The same window again, from the same thread, with no single
/// page in between and within a second, is demand in disguise (newer kernels may read larger folios): that one is parked.
final class RefusedReadahead: Sendable {
    private struct Window: Sendable {
        var node: UInt64
        var offset: UInt64
        var size: UInt32
        var time: MonotonicTime
    }
    private let windows = Mutex<[UInt32: Window]>([:])
    static let mostThreads = 4096

    /// True when this one is to be refused.
    func refuse(thread: UInt32, node: UInt64, _ read: FUSERead) -> Bool {
        let now = MonotonicTime.now
        return windows.withLock { windows in
            if let last = windows.removeValue(forKey: thread), last.node == node, last.offset == read.offset, last.size == read.size,
                now.since(last.time) < 1_000_000_000
            { return false }
            if windows.count >= Self.mostThreads { windows = [:] }
            windows[thread] = Window(node: node, offset: read.offset, size: read.size, time: now)
            return true
        }
    }

    func sawPage(thread: UInt32) { windows.withLock { _ = $0.removeValue(forKey: thread) } }
}
