import LinuxSystem
import VolumeCore

/// One thread per mount that answers reads whose push is stuck and ends reads whose time is over. Asleep while there is neither.
public final class ReadTimer: Sendable {
    /// How often time-outs are looked at, in milliseconds.
    static let expiryMilliseconds: UInt64 = 50

    private struct State: Sendable {
        var pushes = false
        var stopped = false
    }
    private let state = Condition(State())
    private let thread: Thread

    init(answering: AnsweringReads, expires: Bool) {
        let state = self.state
        thread = Thread(name: "read-timer") {
            while true {
                let active = state.withLock { $0.pushes }
                let deadline: MonotonicTime? = active
                    ? .now.adding(milliseconds: AnsweringReads.stuckMilliseconds)
                    : expires ? .now.adding(milliseconds: Self.expiryMilliseconds) : nil
                let stopped = state.wait(until: deadline) { state -> Bool? in
                    if state.stopped { return true }
                    return !active && state.pushes ? false : nil
                } ?? false
                if stopped { return }
                if expires { answering.volume.expire() }
                state.withLock { $0.pushes = false }
                if answering.answerStuck(now: .now) { state.withLock { $0.pushes = true } }
            }
        }
    }

    /// A push has started, and stands where `answerStuck` looks. Wakes the thread only if it sleeps: one that looks anyway sees it.
    func kick() {
        if state.withLock({ $0.pushes }) { return }
        state.update { $0.pushes = true }
    }

    /// Ends the thread.
    func stop() {
        state.update { $0.stopped = true }
        thread.join()
    }
}
