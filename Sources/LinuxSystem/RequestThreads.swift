/// Threads for requests whose handling may wait: as many as wait at a time, up to a limit, made when needed. What comes past the
/// limit waits for its turn.
public final class RequestThreads: Sendable {
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
    private let first: @Sendable () -> Void

    /// `first` is what each thread does before anything else.
    public init(name: String, limit: Int, first: @escaping @Sendable () -> Void = {}) {
        self.name = name
        self.limit = limit
        self.first = first
    }

    public func run(_ work: @escaping @Sendable () -> Void) {
        let grow = state.update { state -> Bool in
            state.queue.append(work)
            guard state.idle < state.queue.count, state.threads < limit else { return false }
            state.threads += 1
            return true
        }
        if grow { Thread(name: name) { self.serve() }.detach() }
    }

    /// Runs `work` on one of the threads and waits for what it returns. Not from one of them. After `stop` it is done all the same.
    public func perform<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> Value {
        let result = Condition<Value?>(nil)
        run {
            let value = work()
            result.update { $0 = value }
        }
        return result.wait { $0 }!
    }

    private func serve() {
        first()
        while true {
            state.withLock { $0.idle += 1 }
            let work = state.wait { state -> Work? in
                if state.queue.isEmpty && !state.stopped { return nil }
                state.idle -= 1
                if !state.queue.isEmpty { return .run(state.queue.removeFirst()) }
                state.threads -= 1
                return .end
            }
            guard case .run(let body) = work else { return }
            body()
        }
    }

    /// No thread waits for more; what is queued is still done.
    public func stop() { state.update { $0.stopped = true } }
}
