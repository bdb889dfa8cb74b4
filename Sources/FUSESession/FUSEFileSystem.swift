import FUSEProtocol

/// What answers the kernel's requests. A session calls it from its own threads, several at a time.
public protocol FUSEFileSystem: AnyObject, Sendable {
    /// Answers `request` through `reply`, or parks it. Before this returns the reply must be used, parked, or dropped
    /// (which answers EIO and counts as a fault). The request's names and bytes, and `buffer`, are good until then.
    ///
    /// `buffer` is resident, page-aligned memory of the calling thread for an answer's data: 1 MiB and a page, less for a
    /// request that is itself longer than 64 KiB.
    ///
    /// Called on a worker. It may read files that lie elsewhere, and must wait for nothing else: never for a loader, never
    /// for a notification, and never touch the session's own mount, whose answer would have to come from this thread.
    func handle(_ request: borrowing FUSERequest, _ reply: consuming FUSEReply, buffer: UnsafeMutableRawBufferPointer)

    /// The thread id (`header.pid`) behind the parked request `unique`; nil when it is not parked, not yet or not any more.
    /// Called on the thread that looks after interrupts.
    func processID(ofParked unique: UInt64) -> Int32?

    /// The caller of the parked request is dying: take it out of the table and answer EINTR. Nothing happens when it was
    /// answered meanwhile. Called on the thread that looks after interrupts.
    func interruptParked(unique: UInt64)
}
