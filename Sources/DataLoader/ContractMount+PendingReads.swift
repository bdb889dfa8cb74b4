import CIncrementalFS
import Glibc
import LinuxSystem

extension ContractMount {
    /// The reads that wait for missing blocks, each once, as they begin; those that wait already come first. Ends when the task
    /// that iterates is cancelled, or the mount is gone. Several sequences of one mount share what comes: open the mount again
    /// for one that hears everything.
    ///
    /// A thread of its own waits (`.pending_reads`, poll(2)), never one of the cooperative pool. Reads that nobody has taken yet are
    /// kept: there are no more than there are readers.
    public func pendingReads() -> AsyncStream<PendingBlockRead> { stream(named: "pending-reads", control.commands) }

    /// The reads that the volume has answered, in order, as far as the read log reaches; see `pendingReads()`.
    public func pageReads() -> AsyncStream<PendingBlockRead> { stream(named: "page-reads", control.log) }

    private func stream(named name: String, _ descriptor: CInt) -> AsyncStream<PendingBlockRead> {
        AsyncStream { continuation in
            guard let stop = try? StopSignal() else { return continuation.finish() }
            continuation.onTermination = { _ in stop.set() }
            // The thread holds the mount, and so its descriptors.
            Thread(name: name) { [self] in
                let capacity = 128
                let reads = UnsafeMutablePointer<incfs_read>.allocate(capacity: capacity)
                defer { reads.deallocate() }
                while stop.waits(for: descriptor) {
                    let count = incfs_read_records(descriptor, control.record_size, 0, reads, capacity)
                    if count < 0 && count != -ETIMEDOUT && count != -EINTR && count != -EAGAIN { break }
                    for i in 0..<max(0, Int(count)) { continuation.yield(PendingBlockRead(reads[i])) }
                }
                continuation.finish()
            }.detach()
        }
    }
}
