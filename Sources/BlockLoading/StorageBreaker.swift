import LinuxSystem
import VolumeCore

/// Bytes that the store could not take (`ENOSPC`, `EIO`): they are kept, and one of them is tried again from time to
/// time; when it is stored, the others follow.
struct StorageBreaker {
    /// Units whose bytes wait, in the order in which they failed.
    private(set) var waiting: [LoadUnit] = []
    private(set) var retryAt: MonotonicTime?
    private(set) var reason: String?
    private var attempt = 0
    private var probing = false

    /// True while the store is known not to take bytes.
    var isOpen: Bool { retryAt != nil }

    mutating func hold(_ unit: LoadUnit) { waiting.append(unit) }

    /// `unit`: whose bytes are kept; nil if they are not, because enough others are there to try with.
    mutating func failed(_ unit: LoadUnit?, reason: String, now: MonotonicTime, backOff: BackOff, random: Double) {
        if let unit { waiting.append(unit) }
        self.reason = reason
        if retryAt != nil && !probing { return }
        probing = false
        retryAt = now.adding(milliseconds: backOff.delay(attempt: attempt, random: random))
        attempt += 1
    }

    /// Somebody waits for `unit` now: it is not held any more.
    mutating func release(_ unit: LoadUnit) { waiting.removeAll { $0 == unit } }

    /// The unit to try now, if it is time; `rank` tells which is most urgent (lower first).
    mutating func probe(_ now: MonotonicTime, rank: (LoadUnit) -> UInt8) -> LoadUnit? {
        guard let retryAt, now >= retryAt, !probing else { return nil }
        guard let i = waiting.indices.min(by: { rank(waiting[$0]) < rank(waiting[$1]) }) else {
            close()
            return nil
        }
        probing = true
        return waiting.remove(at: i)
    }

    /// The store took something: returns what waited.
    mutating func recovered() -> [LoadUnit] {
        defer { waiting.removeAll() }
        close()
        return waiting
    }

    /// When `probe` should be called next.
    var deadline: MonotonicTime? { probing ? nil : retryAt }

    private mutating func close() {
        retryAt = nil
        reason = nil
        attempt = 0
        probing = false
    }
}
