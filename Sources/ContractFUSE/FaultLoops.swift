import LinuxSystem
import Synchronization

/// Threads that ask for a page that fails, again and again.
///
/// mlock(2), `MAP_POPULATE` and the like fault a page in; the kernel reads it with its lock given up, forgets the error, and
/// faults again, without end (measured on 6.18). A program's own access ends with SIGBUS at the second time, so that more than a
/// few failures of the same page by the same thread in a row are such a loop, if it is in one of those calls (`CallerStatus.isPopulating`).
final class FaultLoops: Sendable {
    private struct Loop: Sendable {
        var node: UInt64
        var offset: UInt64
        var count: Int
        var first: MonotonicTime
        var latest: MonotonicTime
        var isTold = false
    }
    private let loops = Mutex<[UInt32: Loop]>([:])

    /// After so many failures it is a loop.
    static let enough = 24
    /// A read that comes later than this after the failure before it is no part of a loop, in nanoseconds.
    static let close: UInt64 = 50_000_000
    /// After so many seconds of failures in a row it is a loop, however few they are: each may have waited for its block.
    static let longest: UInt64 = 5_000_000_000
    /// So many it must be: a program's own access ends after two.
    static let fewest = 4
    static let mostThreads = 4096

    /// True when this failure, of a read that came at `since`, makes it a loop.
    func failed(thread: UInt32, node: UInt64, offset: UInt64, since: MonotonicTime, now: MonotonicTime = .now) -> Bool {
        loops.withLock { loops in
            if loops.count >= Self.mostThreads { loops = [:] }
            var loop = Loop(node: node, offset: offset, count: 1, first: since, latest: now)
            if let last = loops[thread], last.node == node, last.offset == offset, since.since(last.latest) < Self.close {
                loop = last
                (loop.count, loop.latest) = (last.count + 1, now)
            }
            let isLoop = loop.count >= Self.enough || loop.count >= Self.fewest && now.since(loop.first) >= Self.longest
            let isNew = isLoop && !loop.isTold
            if isLoop { loop.isTold = true }
            loops[thread] = loop
            return isNew
        }
    }

    /// Whether the thread has failed since `time`.
    func goesOn(thread: UInt32, since time: MonotonicTime) -> Bool { loops.withLock { $0[thread].map { $0.latest > time } ?? false } }

    func forget(thread: UInt32) { loops.withLock { _ = $0.removeValue(forKey: thread) } }
}
