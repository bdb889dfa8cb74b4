import LinuxSystem
import Synchronization

/// Threads that ask for a page that fails, again and again.
///
/// mlock(2), `MAP_POPULATE` and the like fault a page in; the kernel reads it with its lock given up, forgets the error, and
/// faults again, without end (measured on 6.18). A program's own access ends with SIGBUS at the second time, so that more than a
/// few failures of the same page by the same thread in a row are such a loop.
final class FaultLoops: Sendable {
    private struct Loop: Sendable {
        var node: UInt64
        var offset: UInt64
        var count: Int
        var latest: MonotonicTime
    }
    private let loops = Mutex<[UInt32: Loop]>([:])

    /// After so many failures it is a loop.
    static let enough = 24
    /// Failures further apart than this are no loop, in nanoseconds.
    static let close: UInt64 = 50_000_000
    static let mostThreads = 4096

    /// True when this failure makes it a loop.
    func failed(thread: UInt32, node: UInt64, offset: UInt64) -> Bool {
        let now = MonotonicTime.now
        return loops.withLock { loops in
            if loops.count >= Self.mostThreads { loops = [:] }
            var loop = Loop(node: node, offset: offset, count: 1, latest: now)
            if let last = loops[thread], last.node == node, last.offset == offset, now.since(last.latest) < Self.close { loop.count = last.count + 1 }
            loops[thread] = loop
            return loop.count == Self.enough
        }
    }

    /// Whether the thread has failed since `time`.
    func goesOn(thread: UInt32, since time: MonotonicTime) -> Bool { loops.withLock { $0[thread].map { $0.latest > time } ?? false } }

    func forget(thread: UInt32) { loops.withLock { _ = $0.removeValue(forKey: thread) } }
}
