import LinuxSystem

/// Rates over the last seconds, from totals that are looked at now and then. Pure; the owner holds a lock.
struct RateWindow: Sendable {
    /// Samples older than this do not count: 10 s.
    static let span: UInt64 = 10_000_000_000

    private struct Sample: Sendable {
        var time: MonotonicTime
        var bytes: UInt64
        var blocks: UInt64
    }
    private var samples: [Sample] = []

    /// Adds the totals of now; returns bytes and blocks a second since the oldest sample that counts.
    mutating func add(bytes: UInt64, blocks: UInt64, now: MonotonicTime) -> (bytes: Double, blocks: Double) {
        samples.removeAll { now.since($0.time) > Self.span }
        // Looks in quick succession would push the window's start forward: keep one sample each 200 ms.
        if samples.last.map({ now.since($0.time) >= 200_000_000 }) ?? true { samples.append(Sample(time: now, bytes: bytes, blocks: blocks)) }
        guard let first = samples.first else { return (0, 0) }
        let seconds = Double(now.since(first.time)) / 1e9
        guard seconds > 0 else { return (0, 0) }
        return (Double(bytes &- min(first.bytes, bytes)) / seconds, Double(blocks &- min(first.blocks, blocks)) / seconds)
    }
}
