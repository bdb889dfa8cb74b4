import FUSEProtocol
import FUSESession
import LinuxSystem
import Synchronization
import VolumeCore

/// Answers parked reads whose blocks have arrived. For a single page the loaded rest of its window is pushed into the page
/// cache first, then the read is answered: afterwards the reader would already have asked for the next page (field rule:
/// store ahead, answer last). A push that is stuck in the kernel for 20 ms does not hold the answer: the timer gives it.
public final class AnsweringReads: VolumeDelegate {
    /// The kernel's readahead window from the demanded page, in bytes.
    static let window: UInt64 = 128 * 1024
    /// The most that one push takes, with the page in front of it, in bytes.
    static let longestPush: UInt64 = 1 << 20
    /// After how many milliseconds a read is answered although its push has not returned.
    static let stuckMilliseconds: UInt64 = 20

    let volume: PackageVolume
    private let notifier = Mutex<FUSENotifier?>(nil)
    private let timer = Mutex<ReadTimer?>(nil)
    /// Reads that are out of the volume's table and not answered yet; whoever takes one out answers it.
    private let owed = Mutex<[UInt64: OwedRead]>([:])

    private struct OwedRead: Sendable {
        let read: PendingRead
        /// When its push began; nil before.
        var since: MonotonicTime?
    }

    init(volume: PackageVolume) { self.volume = volume }

    func attach(_ notifier: FUSENotifier) {
        self.notifier.withLock { $0 = notifier }
        timer.withLock { $0 = ReadTimer(answering: self, expires: volume.configuration.readTimeoutSeconds != nil) }
    }

    /// Ends the timer thread; the mount is gone.
    func stop() { timer.withLock { timer in defer { timer = nil }; return timer }?.stop() }

    public func fail(_ read: PendingRead, errno: Errno) {
        ParkedReply(descriptor: read.descriptor, unique: read.unique).error(errno)
    }

    public func answer(_ reads: [PendingRead]) {
        let notifier = self.notifier.withLock { $0 }
        // All of them before the first push: each keeps its pages locked until it is answered.
        owed.withLock { owed in for read in reads where !read.isDirect { owed[read.unique] = OwedRead(read: read) } }
        for read in reads {
            if read.isDirect { deliver(read) } else if notifier == nil || !push(read, notifier!, walking: volume.takeWalkedWindow(node: read.node, at: read.offset)) { finish(read.unique) }
        }
    }

    /// Answers a single-page read of present data that was never parked, with the rest of the window that it walks through.
    /// Waits for nothing: the push and the answer behind it are the notification thread's.
    func answer(_ read: PendingRead, pushingTo end: UInt64) {
        let notifier = self.notifier.withLock { $0 }
        owed.withLock { $0[read.unique] = OwedRead(read: read) }
        if notifier == nil || !push(read, notifier!, walking: end) { finish(read.unique) }
    }

    /// Starts the push of what is there behind `read` and before the end of its window: that of the refused window it walks
    /// through, or the usual length. False if there is nothing to push.
    private func push(_ read: PendingRead, _ notifier: FUSENotifier, walking refused: UInt64?) -> Bool {
        let node = volume.tree.node(Int(read.node))
        let start = read.offset + UInt64(read.size)
        let limit = min(max(refused ?? 0, read.offset + Self.window), read.offset + Self.longestPush)
        // A read as long as the window (a refused one that came again) has had all of it.
        guard start < node.size, start < limit else { return false }
        var end = start + volume.presentLength(node: node, from: start, limit: limit - start)
        if let parked = volume.firstParkedByte(ofNode: read.node, in: start..<max(end, start)) { end = min(end, parked) }
        if let locked = firstOwedByte(ofNode: read.node, from: start) { end = min(end, locked) }
        // Whole pages only, but for the end of the file.
        if end != node.size { end &= ~4095 }
        // The part of the window that is still to come is walked through as well.
        if let refused, end < refused { volume.walks(node: read.node, max(end, start)..<max(refused, start)) }
        guard end > start else { return false }
        let count = Int(end - start)
        let data = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            if case .bytes(let n) = volume.read(node: node, at: start, into: UnsafeMutableRawBufferPointer(buffer)) { initialized = n }
        }
        guard data.count == count else { return false }
        owed.withLock { $0[read.unique]?.since = .now }
        timer.withLock { $0 }?.kick()
        volume.statistics.pushedPages.add(UInt64((count + 4095) / 4096), ordering: .relaxed)
        notifier.store(nodeID: UInt64(read.node) + 1, offset: start, data: data) { [self] in finish(read.unique) }
        return true
    }

    /// The first byte from `start` on that an owed read covers: its page is locked in the kernel.
    private func firstOwedByte(ofNode node: UInt32, from start: UInt64) -> UInt64? {
        owed.withLock { owed in
            var first: UInt64?
            for entry in owed.values where entry.read.node == node && entry.read.offset + UInt64(entry.read.size) > start {
                let byte = max(entry.read.offset, start)
                first = min(first ?? byte, byte)
            }
            return first
        }
    }

    /// The push returned, or there was none.
    private func finish(_ unique: UInt64) {
        if let read = owed.withLock({ $0.removeValue(forKey: unique)?.read }) { deliver(read) }
    }

    /// Answers the reads whose push is stuck. Called by a timer thread. True while pushes are under way.
    func answerStuck(now: MonotonicTime) -> Bool {
        let (stuck, left) = owed.withLock { owed in
            var stuck: [PendingRead] = []
            var left = false
            for entry in owed.values {
                guard let since = entry.since else { continue }
                if now.since(since) >= Self.stuckMilliseconds * 1_000_000 { stuck.append(entry.read) } else { left = true }
            }
            for read in stuck { owed[read.unique] = nil }
            return (stuck, left)
        }
        for read in stuck { deliver(read) }
        return left
    }

    /// Damaged or dropped between arrival and reading: it is fetched again, but not for ever.
    private func lost(_ read: PendingRead, _ reply: ParkedReply) {
        var again = read
        again.losses += 1
        if again.losses < PendingRead.lossLimit { volume.park(again) } else { volume.gaveUp(again); reply.error(.ioError) }
    }

    private func deliver(_ read: PendingRead) {
        let node = volume.tree.node(Int(read.node))
        let reply = ParkedReply(descriptor: read.descriptor, unique: read.unique)
        let outcome = withUnsafeTemporaryAllocation(byteCount: min(Int(read.size), 1 << 20), alignment: 4096) { buffer -> ReadOutcome in
            let outcome = volume.read(node: node, at: read.offset, into: buffer)
            if case .bytes(let count) = outcome { reply.data(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
            return outcome
        }
        switch outcome {
        case .bytes: break
        case .missing: lost(read, reply)
        case .failed(let error): reply.error(error)
        }
    }
}
