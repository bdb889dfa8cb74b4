import LinuxSystem

/// The lines that a task has for the thread of its connection. The thread sleeps in poll(2) on `wake`.
final class ControlOutbox: Sendable {
    /// Progress lines kept for a client that does not read; older ones are dropped, as the newest says it all.
    private static let maximumProgressLines = 4
    /// Parts of a file kept for a client that does not read; then who writes waits.
    private static let maximumContentLines = 4

    private struct State {
        var content: [ContentReport] = []
        var progress: [ProgressReport] = []
        var answer: ControlReply?
        var closed = false
    }

    private let state = Condition(State())
    let wake: OwnedDescriptor

    init() throws(Errno) { wake = try SystemCalls.eventDescriptor() }

    func put(progress: ProgressReport) {
        state.withLock { state in
            if state.progress.count == Self.maximumProgressLines { state.progress.removeFirst() }
            state.progress.append(progress)
        }
        signal()
    }

    /// Blocks while enough is waiting to be written. Throws `CancellationError` after `close`.
    func put(content: [UInt8]) throws {
        let taken = state.wait { state -> Bool? in
            if state.closed { return false }
            guard state.content.count < Self.maximumContentLines else { return nil }
            state.content.append(ContentReport(content))
            return true
        }
        guard taken == true else { throw CancellationError() }
        signal()
    }

    func put(answer: ControlReply) {
        state.withLock { $0.answer = answer }
        signal()
    }

    /// Nobody reads any more: who waits to write content is let go.
    func close() { state.update { $0.closed = true } }

    /// Everything to write now; `finished` when the answer is among it.
    func take() -> (replies: [ControlReply], finished: Bool) {
        var count: UInt64 = 0
        withUnsafeMutableBytes(of: &count) { _ = try? SystemCalls.read(wake.rawValue, into: $0) }
        return state.update { state in
            let answer = state.answer
            let replies = state.content.map { ControlReply.content($0) } + state.progress.map { ControlReply.progress($0) } + (answer.map { [$0] } ?? [])
            state.content = []
            state.progress = []
            state.answer = nil
            return (replies, answer != nil)
        }
    }

    private func signal() {
        var one: UInt64 = 1
        // A full eventfd is awake already.
        withUnsafeBytes(of: &one) { _ = try? SystemCalls.write(wake.rawValue, $0) }
    }
}
