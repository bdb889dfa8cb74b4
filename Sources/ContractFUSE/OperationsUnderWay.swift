import FUSESession
import Synchronization

/// A request that one of our threads works on. Only that thread answers it; a signal to its caller makes it come to an end.
final class Operation: Sendable {
    let reply: ParkedReply
    let thread: Int32
    private let interrupted = Atomic<Bool>(false)

    init(reply: ParkedReply, thread: Int32) {
        self.reply = reply
        self.thread = thread
    }

    /// Its caller is dying: looked at between two pieces of work.
    var isInterrupted: Bool { interrupted.load(ordering: .relaxed) }
    func interrupt() { interrupted.store(true, ordering: .relaxed) }
}

final class OperationsUnderWay: Sendable {
    private let operations = Mutex<[UInt64: Operation]>([:])

    func begin(_ reply: ParkedReply, thread: UInt32) -> Operation {
        let operation = Operation(reply: reply, thread: Int32(bitPattern: thread))
        operations.withLock { $0[reply.unique] = operation }
        return operation
    }

    func end(_ operation: Operation) { operations.withLock { $0[operation.reply.unique] = nil } }
    func thread(of unique: UInt64) -> Int32? { operations.withLock { $0[unique]?.thread } }
    func interrupt(_ unique: UInt64) { operations.withLock { $0[unique] }?.interrupt() }
}
