import LinuxSystem

/// Threads for requests whose handling may wait: as many as wait at a time, up to a limit, made when needed. What comes past the
/// limit waits for its turn.
final class RequestThreads: Sendable {
    private enum Work: Sendable {
        case run(@Sendable () -> Void)
        case end
    }
    private struct State: Sendable {
        var queue: [@Sendable () -> Void] = []
        var idle = 0
        var threads = 0
        var stopped = false
    }
    private let state = Condition(State())
    private let name: String
    private let limit: Int

    init(name: String, limit: Int) {
        self.name = name
        self.limit = limit
    }

    func run(_ work: @escaping @Sendable () -> Void) {
        let grow = state.update { state -> Bool in
            state.queue.append(work)
            guard state.idle < state.queue.count, state.threads < limit else { return false }
            state.threads += 1
            return true
        }
        if grow { Thread(name: name) { self.serve() }.detach() }
    }

    private func serve() {
        while true {
            state.withLock { $0.idle += 1 }
            let work = state.wait { state -> Work? in
                if state.queue.isEmpty && !state.stopped { return nil }
                state.idle -= 1
                return state.queue.isEmpty ? .end : .run(state.queue.removeFirst())
            }
            guard case .run(let body) = work else { return }
            body()
        }
    }

    /// No thread waits for more; what is queued is still done.
    func stop() { state.update { $0.stopped = true } }
}
