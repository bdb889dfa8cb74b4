import Glibc

/// CLOCK_MONOTONIC (clock_gettime(2)), in nanoseconds.
public struct MonotonicTime: Comparable, Hashable, Sendable {
    public var nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    public static var now: MonotonicTime {
        var value = timespec()
        clock_gettime(CLOCK_MONOTONIC, &value)
        return MonotonicTime(nanoseconds: UInt64(value.tv_sec) * 1_000_000_000 + UInt64(value.tv_nsec))
    }

    public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }
    public func adding(milliseconds: UInt64) -> Self { Self(nanoseconds: nanoseconds &+ milliseconds &* 1_000_000) }
    /// Nanoseconds since `earlier`, 0 if it is later.
    public func since(_ earlier: Self) -> UInt64 { nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0 }
}
