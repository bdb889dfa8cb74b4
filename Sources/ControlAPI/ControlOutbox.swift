import LinuxSystem
import Synchronization

/// The lines that a task has for the thread of its connection. The thread sleeps in poll(2) on `wake`.
final class ControlOutbox: Sendable {
    /// Progress lines kept for a client that does not read; older ones are dropped, as the newest says it all.
    private static let maximumProgressLines = 4

    private struct State {
        var progress: [ProgressReport] = []
        var answer: ControlReply?
    }

    private let state = Mutex(State())
    let wake: OwnedDescriptor

    init() throws(Errno) { wake = try SystemCalls.eventDescriptor() }

    func put(progress: ProgressReport) {
        state.withLock { state in
            if state.progress.count == Self.maximumProgressLines { state.progress.removeFirst() }
            state.progress.append(progress)
        }
        signal()
    }

    func put(answer: ControlReply) {
        state.withLock { $0.answer = answer }
        signal()
    }

    /// Everything to write now; `finished` when the answer is among it.
    func take() -> (replies: [ControlReply], finished: Bool) {
        var count: UInt64 = 0
        withUnsafeMutableBytes(of: &count) { _ = try? SystemCalls.read(wake.rawValue, into: $0) }
        return state.withLock { state in
            let answer = state.answer
            let replies = state.progress.map { ControlReply.progress($0) } + (answer.map { [$0] } ?? [])
            state = State()
            return (replies, answer != nil)
        }
    }

    private func signal() {
        var one: UInt64 = 1
        // A full eventfd is awake already.
        withUnsafeBytes(of: &one) { _ = try? SystemCalls.write(wake.rawValue, $0) }
    }
}
