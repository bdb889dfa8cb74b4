import Glibc

/// A mutex with a condition variable (pthread_cond_wait(3p)) around `State`, for threads that wait for each other.
/// Not for the cooperative pool: `wait` blocks.
public final class Condition<State>: @unchecked Sendable {
    // Safety: `state` is touched only with `mutex` held.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: State

    public init(_ state: sending State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` with the lock held, without waking anybody.
    public func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Runs `body` with the lock held, then wakes every waiter.
    public func update<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        // Unlocked first: who wakes up does not have to wait again.
        defer { pthread_mutex_unlock(mutex); pthread_cond_broadcast(condition) }
        return try body(&state)
    }

    /// The same, but wakes one waiter: where all wait for the same thing, and one of them is enough for what `body` brought.
    public func updateForOne<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex); pthread_cond_signal(condition) }
        return try body(&state)
    }

    /// Waits until `body` returns a value, or until `deadline`; then nil. `body` runs with the lock held, once per wake-up.
    public func wait<Result>(until deadline: MonotonicTime? = nil, _ body: (inout State) throws -> Result?) rethrows -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = try body(&state) { return result }
            if let deadline {
                var time = timespec(tv_sec: Int(deadline.nanoseconds / 1_000_000_000), tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
                if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { return try body(&state) }
            } else {
                pthread_cond_wait(condition, mutex)
            }
        }
    }
}
