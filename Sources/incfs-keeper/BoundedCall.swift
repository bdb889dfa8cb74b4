import LinuxSystem

/// A call that may hang in the kernel (umount2(2) can, while a notification is stuck), made on a thread of its own so that the
/// keeper gets back to its daemon: only the daemon's successor can end the hang.
enum BoundedCall {
    static let limitMilliseconds: UInt64 = 12_000

    private enum State<Value> {
        case running
        case done(Value)
        case abandoned
    }

    /// The result of `body`, or nil when it takes longer. What it brings later goes to `late`, on its own thread.
    static func run<Value: Sendable>(
        _ name: String, late: @escaping @Sendable (Value) -> Void = { _ in }, _ body: @escaping @Sendable () -> Value
    ) -> Value? {
        let state = Condition<State<Value>>(.running)
        Thread(name: name) {
            let value = body()
            let isLate = state.update { state in
                if case .abandoned = state { return true }
                state = .done(value)
                return false
            }
            if isLate { late(value) }
        }.detach()
        let deadline = MonotonicTime.now.adding(milliseconds: limitMilliseconds)
        let value = state.wait(until: deadline) { state -> Value? in
            if case .done(let value) = state { return value }
            return nil
        }
        if let value { return value }
        return state.withLock { state in
            if case .done(let value) = state { return value }
            state = .abandoned
            return nil
        }
    }
}
