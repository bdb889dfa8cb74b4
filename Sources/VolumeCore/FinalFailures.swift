import LinuxSystem

/// Units whose answer was final a moment ago. Who asks again within `lifetime` gets the same answer without another request:
/// a program, or the kernel (MAP_POPULATE does), may repeat a failed read thousands of times a second. Bounded; the owner
/// holds a lock.
public struct FinalFailures: Sendable {
    /// Nanoseconds that an answer is repeated; then the origin is asked again. 0: never repeated.
    let lifetime: UInt64
    /// The usual lifetime: a tenth of a second.
    public static let usualLifetime: UInt64 = 100_000_000
    /// Units remembered at most; all are forgotten when there are more.
    static let limit = 4096

    private var failures: [LoadUnit: (errno: Errno, time: MonotonicTime, reason: String)] = [:]

    init(lifetime: UInt64 = usualLifetime) { self.lifetime = lifetime }

    var isEmpty: Bool { failures.isEmpty }

    mutating func add(_ unit: LoadUnit, _ errno: Errno, reason: String, now: MonotonicTime) {
        if failures.count >= Self.limit { failures.removeAll() }
        failures[unit] = (errno, now, reason)
    }

    /// The answer that one of `units` had at `start` or later, as far as it is remembered: for who waits for a unit without a read.
    func answer(for units: [LoadUnit], since start: MonotonicTime) -> (errno: Errno, reason: String)? {
        for unit in units { if let failure = failures[unit], failure.time >= start { return (failure.errno, failure.reason) } }
        return nil
    }

    /// The answer that one of `units` had lately; nil if none had one.
    mutating func answer(for units: [LoadUnit], now: MonotonicTime) -> Errno? {
        if failures.isEmpty { return nil }
        for unit in units {
            guard let failure = failures[unit] else { continue }
            if now.since(failure.time) < lifetime { return failure.errno }
            failures[unit] = nil
        }
        return nil
    }

    mutating func forget(_ unit: LoadUnit) { failures[unit] = nil }
}
