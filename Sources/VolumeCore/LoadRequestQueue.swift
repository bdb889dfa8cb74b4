import DequeModule
import Synchronization

/// The seam from the data plane to the control plane: a bounded queue of requests. Pushing never blocks.
///
/// Demands are never dropped (there is at most one per parked read, and those are bounded by the kernel); hints above
/// `hintLimit` are: a lost hint costs a round trip, not correctness. Callable from any thread.
public final class LoadRequestQueue: Sendable {
    /// Hints (anything but demands) kept at most.
    public static let hintLimit = 4096

    private struct State {
        var demands: Deque<LoadRequest> = []
        var hints: Deque<LoadRequest> = []
        var wake: (@Sendable () -> Void)?
        var closed = false
    }
    private let state = Mutex(State())

    public init() {}

    /// Adds a request and wakes the consumer.
    public func push(_ request: LoadRequest) { push(contentsOf: CollectionOfOne(request)) }

    /// Adds requests in order with one wake-up.
    public func push(contentsOf requests: some Collection<LoadRequest>) {
        if requests.isEmpty { return }
        let wake = state.withLock { state -> (@Sendable () -> Void)? in
            if state.closed { return nil }
            for request in requests {
                if request.priority == .demand {
                    state.demands.append(request)
                } else if state.hints.count < Self.hintLimit {
                    state.hints.append(request)
                }
            }
            return state.wake
        }
        wake?()
    }

    /// Takes everything, demands first.
    public func drain() -> [LoadRequest] {
        state.withLock { state in
            let all = Array(state.demands) + Array(state.hints)
            state.demands.removeAll(keepingCapacity: true)
            state.hints.removeAll(keepingCapacity: true)
            return all
        }
    }

    /// Sets who is called, from any thread and without locks held, after a push; it must not block.
    public func onPush(_ wake: @escaping @Sendable () -> Void) {
        let pending = state.withLock { state in
            state.wake = wake
            return !state.demands.isEmpty || !state.hints.isEmpty
        }
        if pending { wake() }
    }

    /// Drops everything; later pushes are ignored.
    public func close() {
        state.withLock { $0.closed = true; $0.demands.removeAll(); $0.hints.removeAll(); $0.wake = nil }
    }
}
