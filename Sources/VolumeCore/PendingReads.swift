import LinuxSystem

/// The table of parked reads (architecture §4.7): pure data, events in, reads to be answered out. The owner holds a lock
/// around each call and answers after it has left the lock.
///
/// Invariants:
/// * a read is in `reads` exactly while its answer is owed by the table; whoever takes it out answers it, once;
/// * each unit in `waiters` names only reads in `reads`, and each read's `units` are exactly the units that name it.
public struct PendingReads: Sendable {
    private struct Entry: Sendable {
        var read: PendingRead
        var units: [LoadUnit]
    }
    private var reads: [UInt64: Entry] = [:]
    private var waiters: [LoadUnit: [UInt64]] = [:]

    public init() {}

    /// Reads that wait now.
    public var count: Int { reads.count }

    /// Every waiting read with what it waits for, oldest first.
    public var all: [(read: PendingRead, units: [LoadUnit])] {
        reads.values.sorted { $0.read.since < $1.read.since }.map { ($0.read, $0.units) }
    }

    /// Parks `read` until one of `units` changes. A resent request (same `unique`) replaces the earlier record.
    public mutating func park(_ read: PendingRead, on units: [LoadUnit]) {
        _ = take(unique: read.unique)
        reads[read.unique] = Entry(read: read, units: units)
        for unit in units { waiters[unit, default: []].append(read.unique) }
    }

    /// Takes out the reads that waited for `unit`: it was stored, or it failed.
    public mutating func take(waitingFor unit: LoadUnit) -> [PendingRead] {
        guard let uniques = waiters[unit] else { return [] }
        return uniques.compactMap { take(unique: $0) }
    }

    /// Takes out one read: it is interrupted, or answered otherwise. Nil if it was answered before.
    public mutating func take(unique: UInt64) -> PendingRead? {
        guard let entry = reads.removeValue(forKey: unique) else { return nil }
        for unit in entry.units {
            guard var list = waiters[unit] else { continue }
            list.removeAll { $0 == unique }
            waiters[unit] = list.isEmpty ? nil : list
        }
        return entry.read
    }

    /// Takes out the reads whose deadline has passed.
    public mutating func takeExpired(at now: MonotonicTime) -> [PendingRead] {
        let expired = reads.values.filter { entry in entry.read.deadline.map { $0 <= now } ?? false }.map(\.read.unique)
        return expired.compactMap { take(unique: $0) }
    }

    /// Takes out everything: the mount is gone.
    public mutating func takeAll() -> [PendingRead] {
        let all = reads.values.map(\.read)
        reads.removeAll()
        waiters.removeAll()
        return all
    }

    /// The waiting read with this `unique`.
    public func read(unique: UInt64) -> PendingRead? { reads[unique]?.read }

    /// The units that somebody waits for.
    public var wantedUnits: [LoadUnit] { Array(waiters.keys) }

    /// The first byte in `range` of `node` that a parked read covers; pushes into the page cache must stop before it
    /// (a page with an unanswered READ is locked, and the pushing thread would block in the kernel).
    public func firstParkedByte(ofNode node: UInt32, in range: Range<UInt64>) -> UInt64? {
        var first: UInt64?
        for entry in reads.values where entry.read.node == node {
            let start = entry.read.offset
            let end = start + UInt64(entry.read.size)
            guard start < range.upperBound, end > range.lowerBound else { continue }
            let byte = max(start, range.lowerBound)
            first = min(first ?? byte, byte)
        }
        return first
    }
}
