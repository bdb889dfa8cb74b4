import struct LinuxSystem.MonotonicTime

/// The breaker of one origin: after failures nothing is asked for until a time, then one probe, and everything when
/// the probe comes through. So an outage costs one request per back-off, however many readers wait.
struct OriginCircuit {
    /// When the next request may go out; nil when the circuit is closed.
    private(set) var until: MonotonicTime?
    private var attempt = 0
    private var temporaryInRow = 0
    private var probe: FetchID?
    /// True while the origin itself said how long to wait: only the probe closes the circuit then.
    private var throttled = false

    /// Temporary failures in a row, of any units, that open the circuit.
    static let temporaryLimit = 4

    /// Whether a request may start now.
    func allows(_ now: MonotonicTime) -> Bool {
        guard let until else { return true }
        return now >= until && probe == nil
    }

    /// A request has started; in an open circuit it is the probe.
    mutating func started(_ id: FetchID) { if until != nil { probe = id } }

    /// An answer came, whatever was in it: the origin is there.
    mutating func answered(_ id: FetchID) {
        if until != nil && throttled && probe != id { return }
        throttled = false
        until = nil
        probe = nil
        attempt = 0
        temporaryInRow = 0
    }

    /// A temporary failure; opens the circuit only when it is one of many in a row, or the probe.
    /// Returns when requests may go out again, or nil if the circuit stays closed.
    mutating func temporary(_ id: FetchID, now: MonotonicTime, backOff: BackOff, random: Double) -> MonotonicTime? {
        temporaryInRow += 1
        if until == nil && temporaryInRow < Self.temporaryLimit { return nil }
        return failed(id, now: now, atLeast: 0, backOff: backOff, random: random)
    }

    /// The origin is unreachable or asks to wait at least `atLeast` milliseconds. Requests that were already on the
    /// wire when the circuit opened do not lengthen the back-off.
    mutating func failed(_ id: FetchID, now: MonotonicTime, atLeast: UInt64, backOff: BackOff, random: Double) -> MonotonicTime {
        // Only the probe starts while the circuit is open, so any other failure is an older request's.
        let known = until != nil && probe != id
        if probe == id { probe = nil }
        throttled = atLeast > 0 || (known && throttled)
        if known, let until {
            let later = max(until, now.adding(milliseconds: atLeast))
            self.until = later
            return later
        }
        let time = now.adding(milliseconds: max(atLeast, backOff.delay(attempt: attempt, random: random)))
        attempt += 1
        until = time
        return time
    }
}
