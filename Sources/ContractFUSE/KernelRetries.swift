import ContractVolume
import LinuxSystem
import Synchronization

/// On a mount without readahead a read of one missing page is one attempt. Newer kernels make two READs of it all the same: the
/// first as a readahead of one page, and when that fails a second one, by the same thread at once, for the page itself. The
/// second gets the first one's answer, without a wait and without a record.
///
/// A page that failed stays in the page cache, not up to date; the next program that wants it asks for it once. So a page is
/// remembered as failed until it is read.
///
/// Such a page may be evicted, which nobody tells us, and then the kernel makes two READs again. Where a READ fails without a wait, the next one of
/// the same page by the same thread is taken for the kernel's second also then, if it comes at once: a program that asks again as
/// fast as that gets the same answer without a record. After a wait it is not: a program's second try must wait again.
final class KernelRetries: Sendable {
    private struct Page: Hashable, Sendable {
        var node: UInt64
        var offset: UInt64
    }
    private struct Failure: Sendable {
        var page: Page
        var error: Errno
        var time: MonotonicTime
        /// Nanoseconds in which the second READ is to come.
        var window: UInt64
    }
    private struct State: Sendable {
        var byThread: [UInt32: Failure] = [:]
        var failed: Set<Page> = []
    }
    /// How soon the kernel asks again: in the same system call, so that only a busy machine makes it late.
    static let soon: UInt64 = 2_000_000_000
    /// The same for a page that had failed before.
    static let atOnce: UInt64 = 10_000_000
    /// Bounds for what is remembered of threads and of pages.
    static let mostThreads = 4096, mostPages = 1 << 16

    private let isOn: Bool
    private let state = Mutex(State())

    init(isOn: Bool) { self.isOn = isOn }

    /// The answer for a READ that is the kernel's second.
    func take(thread: UInt32, node: UInt64, offset: UInt64) -> Errno? {
        guard isOn else { return nil }
        return state.withLock { state in
            guard let failure = state.byThread.removeValue(forKey: thread) else { return nil }
            guard failure.page == Page(node: node, offset: offset), MonotonicTime.now.since(failure.time) < failure.window else { return nil }
            return failure.error
        }
    }

    /// `waited`: the block was waited for until the time was over.
    func failed(thread: UInt32, node: UInt64, offset: UInt64, _ error: Errno, waited: Bool) {
        guard isOn else { return }
        state.withLock { state in
            if state.failed.count >= Self.mostPages { state.failed = [] }
            let isNew = state.failed.insert(Page(node: node, offset: offset)).inserted
            guard isNew || !waited else { return }
            if state.byThread.count >= Self.mostThreads { state.byThread = [:] }
            state.byThread[thread] = Failure(page: Page(node: node, offset: offset), error: error, time: .now, window: isNew ? Self.soon : Self.atOnce)
        }
    }

    func succeeded(node: UInt64, offset: UInt64) {
        guard isOn else { return }
        state.withLock { _ = $0.failed.remove(Page(node: node, offset: offset)) }
    }
}
