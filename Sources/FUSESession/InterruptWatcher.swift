import LinuxSystem

/// The thread that looks after interrupted requests.
final class InterruptWatcher: Sendable {
    private struct State: Sendable {
        var arrived: [UInt64] = []
        var closed = false
    }
    private let state = Condition(State())

    /// A signal reached the caller of `unique`. Called by workers.
    func interrupted(_ unique: UInt64) { state.update { $0.arrived.append(unique) } }

    /// Ends `run`.
    func close() { state.update { $0.closed = true } }

    /// The thread's body. `look` finds the state of a request, `interrupt` gives it up.
    func run(graceMilliseconds: UInt64, look: (UInt64) -> InterruptWatch.Observation, interrupt: (UInt64) -> Void) {
        var watch = InterruptWatch(graceMilliseconds: graceMilliseconds)
        while true {
            // Nothing to hand over at a deadline: then only what is due is looked at.
            let (arrived, closed) = state.wait(until: watch.deadline) { state -> ([UInt64], Bool)? in
                guard state.closed || !state.arrived.isEmpty else { return nil }
                defer { state.arrived = [] }
                return (state.arrived, state.closed)
            } ?? ([], false)
            if closed { return }
            for unique in arrived { watch.add(unique, now: .now) }
            for unique in watch.due(now: .now) {
                if watch.observe(unique, look(unique), now: .now) == .interrupt { interrupt(unique) }
            }
        }
    }
}
