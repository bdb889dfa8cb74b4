import LinuxSystem

/// Decides whether a daemon has been silent too long. Pure: times come from the caller.
public struct SilenceWatch: Sendable {
    /// Nanoseconds of silence that end a daemon; 0 never does.
    let limit: UInt64
    private var lastHeard: MonotonicTime
    private var lastLook: MonotonicTime
    /// The keeper looks at least this often, in milliseconds.
    public static let lookEvery: UInt64 = 1000

    public init(limitMilliseconds: UInt64, now: MonotonicTime) {
        limit = limitMilliseconds * 1_000_000
        lastHeard = now
        lastLook = now
    }

    public mutating func heard(at now: MonotonicTime) { lastHeard = max(lastHeard, now) }

    /// Call after all waiting messages have been taken. When the watcher itself was away (a stopped group of processes, a
    /// machine that was suspended, a long mount), the time away does not count: the daemon may have been stopped with it.
    public mutating func isSilent(at now: MonotonicTime) -> Bool {
        let away = now.since(lastLook)
        lastLook = now
        if away > 2 * Self.lookEvery * 1_000_000 { lastHeard = now }
        return limit > 0 && now.since(lastHeard) > limit
    }
}
