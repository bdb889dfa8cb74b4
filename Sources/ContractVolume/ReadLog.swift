/// The ring of the latest block reads. Pure.
///
/// A page holds 1024 records: the kernel implementation's encoding, which nobody outside sees, holds at least that many of a
/// mostly sequential reader. Numbers of records start at 1 and start again when the log is reconfigured.
public struct ReadLog: Sendable {
    /// Where a descriptor stands.
    public struct Cursor: Hashable, Sendable {
        var generation: UInt64
        /// The number of the last record that it got.
        var last: UInt64
    }
    struct Entry: Sendable {
        var file: FileID
        var microseconds: UInt64
        var block: UInt32
        var uid: UInt32
    }

    public static let recordsPerPage = 1024
    /// Past this the ring grows no more: 16 MiB of records of a log of 400 pages.
    static let mostRecords = 409_600

    private var ring: [Entry] = []
    private var capacity: Int
    private var generation: UInt64 = 0
    /// The number of the latest record; 0 when there is none.
    private var head: UInt64 = 0

    public init(pages: UInt32) { capacity = Self.capacity(pages) }

    private static func capacity(_ pages: UInt32) -> Int { Int(min(UInt64(pages) * UInt64(recordsPerPage), UInt64(mostRecords))) }

    public var isOn: Bool { capacity > 0 }
    /// The position behind the latest record: where a new descriptor starts.
    public var end: Cursor { Cursor(generation: generation, last: head) }

    /// A remount with another size: empties the log and starts it again.
    public mutating func reconfigure(pages: UInt32) {
        capacity = Self.capacity(pages)
        ring = []
        head = 0
        generation += 1
    }

    /// A block was read, or its time was over.
    public mutating func append(_ file: FileID, block: UInt32, uid: UInt32, microseconds: UInt64) {
        guard capacity > 0 else { return }
        let entry = Entry(file: file, microseconds: microseconds, block: block, uid: uid)
        if ring.count < capacity { ring.append(entry) } else { ring[Int(head % UInt64(capacity))] = entry }
        head += 1
    }

    /// How many records a descriptor has not got.
    public func uncollected(_ cursor: Cursor) -> UInt64 {
        cursor.generation == generation ? head - cursor.last : head
    }

    /// At most `limit` records in the order of time. A descriptor that fell behind goes on with the oldest that is left; one of
    /// an earlier configuration starts with the first of this one.
    public func records(_ cursor: inout Cursor, limit: Int) -> [ReadRecord] {
        if cursor.generation != generation { cursor = Cursor(generation: generation, last: 0) }
        let oldest = head - UInt64(ring.count)
        if cursor.last < oldest { cursor.last = oldest }
        let count = min(UInt64(max(limit, 0)), head - cursor.last)
        var found: [ReadRecord] = []
        found.reserveCapacity(Int(count))
        for number in cursor.last..<cursor.last + count {
            let entry = ring[Int(number % UInt64(capacity))]
            found.append(ReadRecord(
                file: entry.file, microseconds: entry.microseconds, block: entry.block, serial: UInt32(truncatingIfNeeded: number + 1), uid: entry.uid))
        }
        cursor.last += count
        return found
    }
}
