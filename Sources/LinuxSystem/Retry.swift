import Glibc

/// For what tells nobody when it changes, and may not be waited for without end: the lock of another process, which may be stopped; a socket that somebody is about to make.
public enum Retry {
    /// Between two tries, in microseconds.
    static let pause: UInt32 = 10_000

    /// Tries, at least once, until `attempt` gives something or throws, or the time is over: then nil.
    public static func until<Value: ~Copyable, Failure: Error>(_ deadline: MonotonicTime, _ attempt: () throws(Failure) -> Value?) throws(Failure) -> Value? {
        while true {
            if let value = try attempt() { return value }
            if MonotonicTime.now >= deadline { return nil }
            usleep(pause)
        }
    }
}
