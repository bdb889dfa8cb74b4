import HeapModule
import LinuxSystem

/// What a read waits for. Mapped files wait for blocks of their source.
public struct BlockKey: Hashable, Sendable {
    public var file: FileID
    public var block: UInt32
    /// Tells files of one id apart: one without a name that is still open, and one that was made anew.
    public var instance: UInt32

    /// `instance`: of no importance where there is one file of each id.
    public init(file: FileID, block: UInt32, instance: UInt32 = 0) {
        self.file = file
        self.block = block
        self.instance = instance
    }
}

/// The reads that wait for a block, in the order in which they began to. Pure.
///
/// Invariants: serials grow by 1 from 1; whoever takes an entry out answers it; an entry is out after `fill`, `expire` or `remove`. Those that
/// wait for one block are a list through their entries, in order: a waiter costs no allocation of its own.
public struct PendingReadTable<Waiter: Sendable>: Sendable {
    public struct Entry: Sendable {
        public var serial: UInt32
        public var key: BlockKey
        public var uid: UInt32
        public var since: MonotonicTime
        public var deadline: MonotonicTime
        public var waiter: Waiter
        /// The neighbours among those that wait for the same block; 0 is none.
        fileprivate var previous: UInt32 = 0
        fileprivate var next: UInt32 = 0
        public var record: ReadRecord {
            ReadRecord(file: key.file, microseconds: since.nanoseconds / 1000, block: key.block, serial: serial, uid: uid)
        }
    }
    private struct Line: Sendable {
        var first: UInt32
        var last: UInt32
    }
    private struct Deadline: Comparable, Sendable {
        var time: MonotonicTime
        var serial: UInt32
        static func < (a: Deadline, b: Deadline) -> Bool { (a.time, a.serial) < (b.time, b.serial) }
    }

    private var entries: [UInt32: Entry] = [:]
    private var byBlock: [BlockKey: Line] = [:]
    /// Serials in order; those that are not in `entries` are over.
    private var order: [UInt32] = []
    private var deadlines = Heap<Deadline>()
    /// The highest serial given so far.
    public private(set) var lastSerial: UInt32 = 0

    public init() {}

    public var count: Int { entries.count }
    /// The end of the first entry whose time will be over; may be of one that is out already.
    public var nextDeadline: MonotonicTime? { deadlines.min?.time }

    /// A read begins to wait.
    @discardableResult
    public mutating func add(_ key: BlockKey, uid: UInt32, since: MonotonicTime, deadline: MonotonicTime, waiter: Waiter) -> UInt32 {
        lastSerial = lastSerial == .max ? 1 : lastSerial + 1
        let serial = lastSerial
        var entry = Entry(serial: serial, key: key, uid: uid, since: since, deadline: deadline, waiter: waiter)
        if let line = byBlock[key] {
            entry.previous = line.last
            entries[line.last]!.next = serial
            byBlock[key] = Line(first: line.first, last: serial)
        } else {
            byBlock[key] = Line(first: serial, last: serial)
        }
        entries[serial] = entry
        order.append(serial)
        deadlines.insert(Deadline(time: deadline, serial: serial))
        if order.count > 64, order.count > entries.count * 2 { order.removeAll { entries[$0] == nil } }
        // Reads that were filled leave their deadlines behind, which may be far away.
        if deadlines.count > 64, deadlines.count > entries.count * 2 { deadlines = Heap(entries.values.map { Deadline(time: $0.deadline, serial: $0.serial) }) }
        return serial
    }

    /// The block is there: everybody who waits for it.
    public mutating func fill(_ key: BlockKey) -> [Entry] {
        guard let line = byBlock.removeValue(forKey: key) else { return [] }
        var found: [Entry] = []
        var serial = line.first
        while serial != 0, let entry = entries.removeValue(forKey: serial) {
            found.append(entry)
            serial = entry.next
        }
        return found
    }

    /// True when somebody waits for a block of `file`.
    public func hasWaiters(for key: BlockKey) -> Bool { byBlock[key] != nil }

    /// Those whose time is over.
    public mutating func expire(now: MonotonicTime) -> [Entry] {
        var over: [Entry] = []
        while let first = deadlines.min, first.time <= now {
            deadlines.removeMin()
            if let entry = remove(serial: first.serial) { over.append(entry) }
        }
        return over
    }

    /// Takes one out: it was interrupted.
    public mutating func remove(serial: UInt32) -> Entry? {
        guard let entry = entries.removeValue(forKey: serial) else { return nil }
        if entry.previous == 0, entry.next == 0 {
            byBlock[entry.key] = nil
            return entry
        }
        if entry.previous == 0 { byBlock[entry.key]!.first = entry.next } else { entries[entry.previous]!.next = entry.next }
        if entry.next == 0 { byBlock[entry.key]!.last = entry.previous } else { entries[entry.next]!.previous = entry.previous }
        return entry
    }

    public func entry(serial: UInt32) -> Entry? { entries[serial] }

    /// Everybody: the mount is gone.
    public mutating func removeAll() -> [Entry] {
        defer { self = PendingReadTable(after: lastSerial) }
        return Array(entries.values)
    }

    private init(after serial: UInt32) { lastSerial = serial }

    /// True when a read waits that a descriptor whose last record was `cursor` has not seen.
    public func isFresh(after cursor: UInt32) -> Bool {
        var index = firstIndex(after: cursor)
        while index < order.count {
            if entries[order[index]] != nil { return true }
            index += 1
        }
        return false
    }

    /// At most `limit` reads that still wait and are newer than `cursor`, oldest first; moves `cursor` to the last of them.
    public func records(after cursor: inout UInt32, limit: Int) -> [ReadRecord] {
        var found: [ReadRecord] = []
        var index = firstIndex(after: cursor)
        while index < order.count, found.count < limit {
            if let entry = entries[order[index]] {
                found.append(entry.record)
                cursor = entry.serial
            }
            index += 1
        }
        return found
    }

    private func firstIndex(after cursor: UInt32) -> Int {
        var low = 0, high = order.count
        while low < high {
            let middle = (low + high) / 2
            if order[middle] <= cursor { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
