import LinuxSystem
import Synchronization

/// One line of limited bandwidth that all connections share.
///
/// Each sender asks for one slice at a time and sends it when the line would have carried it; asking puts it behind
/// whoever asked before, so that busy connections take turns. A sender that wakes late is not punished: up to `burst` of
/// unused line is kept.
final class SharedLink: Sendable {
    /// Nanoseconds of unused line that can be caught up with: some times the error of a timer, little for a person.
    private static let burst: UInt64 = 20_000_000

    private let nanosecondsPerByte: Double?
    private let free = Mutex<UInt64>(0)

    /// nil is a line without limit.
    init(bytesPerSecond: Double?) { nanosecondsPerByte = bytesPerSecond.map { 1e9 / $0 } }

    /// Bytes to send at once: about 4 ms of line, so that several connections look simultaneous.
    var sliceLength: Int {
        guard let nanosecondsPerByte else { return 256 * 1024 }
        return max(1024, min(256 * 1024, Int(4e6 / nanosecondsPerByte)))
    }

    /// Reserves the line for `count` bytes. Returns when they would have arrived, in nanoseconds on the monotonic clock.
    func reserve(_ count: Int, now: UInt64) -> UInt64 {
        guard let nanosecondsPerByte else { return now }
        return free.withLock { free in
            free = max(free, now > Self.burst ? now - Self.burst : 0) + UInt64(Double(count) * nanosecondsPerByte)
            return free
        }
    }

    /// Waits until the line has carried `count` bytes.
    func carry(_ count: Int) async throws {
        let now = MonotonicTime.now.nanoseconds
        let arrival = reserve(count, now: now)
        if arrival > now { try await Task.sleep(nanoseconds: arrival - now) }
    }
}
