import struct LinuxSystem.MonotonicTime

/// The link's rate: bytes over the time in which something was in flight. It follows a faster sample at once and a
/// slower one slowly, because the scheduler itself holds back while readers are served.
struct RateEstimate {
    /// Bytes a second; 0 while unknown.
    private(set) var bytesPerSecond: UInt64 = 0
    private var bytes: UInt64 = 0
    private var busy: UInt64 = 0
    private var last: MonotonicTime?

    /// Shortest busy time that makes a sample.
    private static let sample: UInt64 = 50_000_000

    /// Counts the time since the last call as busy if something was in flight, and the bytes that have arrived.
    mutating func advance(to now: MonotonicTime, inFlight: Bool, arrived: Int) {
        if inFlight, let last { busy += now.since(last) }
        last = now
        bytes += UInt64(arrived)
        if busy < Self.sample || bytes == 0 { return }
        let current = UInt64(Double(bytes) * 1e9 / Double(busy))
        bytesPerSecond = current > bytesPerSecond ? current : (bytesPerSecond / 8) * 7 + current / 8
        bytes = 0
        busy = 0
    }

    /// Bytes that the link brings in `milliseconds`.
    func bytes(in milliseconds: UInt64) -> Int { Int(clamping: bytesPerSecond / 1000 * milliseconds) }
}
