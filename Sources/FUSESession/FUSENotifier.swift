import FUSEProtocol
import LinuxSystem
import Synchronization

/// Sends notifications, one after the other, in the order they were given, from a thread of its own: the kernel may hold a
/// STORE or an invalidation until a parked READ of the same pages is answered, and that thread must not be one that answers.
///
/// All functions may be called from any thread and return at once. Completions run on the notification thread after the
/// write returned, whatever came of it; when the session is over they still run, and nothing is written.
public final class FUSENotifier: Sendable {
    private enum Message: Sendable {
        case store(nodeID: UInt64, offset: UInt64, data: [UInt8])
        case invalidateInode(nodeID: UInt64, offset: Int64, length: Int64)
        case invalidateEntry(parent: UInt64, name: [UInt8], expireOnly: Bool)
        case delete(parent: UInt64, child: UInt64, name: [UInt8])
        case pollWakeup(kh: UInt64)
        case incrementEpoch
    }
    private struct Item: Sendable {
        let message: Message
        let completion: (@Sendable () -> Void)?
    }
    private struct State: Sendable {
        var queue: [Item] = []
        var closed = false
    }

    private let descriptor: CInt
    private let state = Condition(State())
    private let writtenCount = Atomic<UInt64>(0)
    private let failedCount = Atomic<UInt64>(0)

    init(descriptor: CInt) { self.descriptor = descriptor }

    /// Notifications that the kernel took.
    public var written: UInt64 { writtenCount.load(ordering: .relaxed) }
    /// Notifications that the kernel refused: mostly nodes and names that it does not have (ENOENT).
    public var failed: UInt64 { failedCount.load(ordering: .relaxed) }

    /// Pushes `data` into the page cache of the node at `offset`. Never past the end of the file, never over a page with a
    /// parked READ; whole pages but for the end of the file; at most 1 MiB. Mark the blocks present first, and answer the READ
    /// that asked for the window last.
    public func store(nodeID: UInt64, offset: UInt64, data: [UInt8], completion: (@Sendable () -> Void)? = nil) {
        enqueue(.store(nodeID: nodeID, offset: offset, data: data), completion)
    }

    /// Drops cached attributes and the pages from `offset`; `length` 0 is to the end, a negative `offset` spares the pages.
    public func invalInode(nodeID: UInt64, offset: Int64, length: Int64, completion: (@Sendable () -> Void)? = nil) {
        enqueue(.invalidateInode(nodeID: nodeID, offset: offset, length: length), completion)
    }

    /// Drops a cached name; with `expireOnly` it is only looked up again.
    public func invalEntry(parent: UInt64, name: [UInt8], expireOnly: Bool = false, completion: (@Sendable () -> Void)? = nil) {
        enqueue(.invalidateEntry(parent: parent, name: name, expireOnly: expireOnly), completion)
    }

    /// Says that a name is gone; watchers of the file itself see it.
    public func delete(parent: UInt64, child: UInt64, name: [UInt8], completion: (@Sendable () -> Void)? = nil) {
        enqueue(.delete(parent: parent, child: child, name: name), completion)
    }

    /// Wakes who sleeps in poll(2) on `kh`.
    public func pollWakeup(kh: UInt64, completion: (@Sendable () -> Void)? = nil) { enqueue(.pollWakeup(kh: kh), completion) }

    /// The same at once, on the calling thread, before what waits in the queue: this message alone never waits for anything in the kernel, and a
    /// thread between would double the time until somebody hears of a read. Nothing is written once the session is over.
    public func pollWakeupNow(kh: UInt64) {
        // With the lock held: afterwards the descriptor may be closed, and its number another file's.
        state.withLock { state in
            if !state.closed { count(write(.pollWakeup(kh: kh))) }
        }
    }

    /// Makes all cached names stale (7.44; refused by older kernels).
    public func incrementEpoch(completion: (@Sendable () -> Void)? = nil) { enqueue(.incrementEpoch, completion) }

    private func enqueue(_ message: Message, _ completion: (@Sendable () -> Void)?) {
        let closed = state.update { state -> Bool in
            if !state.closed { state.queue.append(Item(message: message, completion: completion)) }
            return state.closed
        }
        if closed { completion?() }
    }

    /// Ends `run` after the message that is being written; what still waits is not sent.
    func close() { state.update { $0.closed = true } }

    /// The thread's body.
    func run() {
        while true {
            let (batch, closed) = state.wait { state -> ([Item], Bool)? in
                guard !state.queue.isEmpty || state.closed else { return nil }
                defer { state.queue = [] }
                return (state.queue, state.closed)
            }!
            for item in batch {
                if !state.withLock({ $0.closed }) { count(write(item.message)) }
                item.completion?()
            }
            if closed { return }
        }
    }

    private func count(_ error: CInt) {
        if error == 0 { writtenCount.add(1, ordering: .relaxed) } else { failedCount.add(1, ordering: .relaxed) }
    }

    private func write(_ message: Message) -> CInt {
        switch message {
        case .store(let nodeID, let offset, let data):
            return data.withUnsafeBytes { bytes in
                send(room: 0, payload: bytes) { FUSENotification.store(nodeID: nodeID, offset: offset, size: UInt32(bytes.count), into: $0) }
            }
        case .invalidateInode(let nodeID, let offset, let length):
            return send { FUSENotification.invalidateInode(nodeID: nodeID, offset: offset, length: length, into: $0) }
        case .invalidateEntry(let parent, let name, let expireOnly):
            return name.withUnsafeBytes { bytes in
                send(room: bytes.count + 1) { FUSENotification.invalidateEntry(parent: parent, name: bytes, expireOnly: expireOnly, into: $0) }
            }
        case .delete(let parent, let child, let name):
            return name.withUnsafeBytes { bytes in
                send(room: bytes.count + 1) { FUSENotification.delete(parent: parent, child: child, name: bytes, into: $0) }
            }
        case .pollWakeup(let kh): return send { FUSENotification.pollWakeup(kh: kh, into: $0) }
        case .incrementEpoch: return send { FUSENotification.incrementEpoch(into: $0) }
        }
    }

    /// Encodes into scratch memory of the fixed size and `room`, and writes that with `payload` behind it.
    private func send(
        room: Int = 0, payload: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), _ encode: (UnsafeMutableRawBufferPointer) -> Int
    ) -> CInt {
        withUnsafeTemporaryAllocation(byteCount: FUSENotification.fixedSize + room, alignment: 8) { buffer in
            let length = encode(buffer)
            return DeviceWriter.message(descriptor, UnsafeRawBufferPointer(rebasing: buffer[..<length]), payload)
        }
    }
}
