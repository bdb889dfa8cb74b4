/// How long reads of one user wait (`struct`: 16 bytes, four 32-bit numbers, times in microseconds).
public struct UserTimeout: Hashable, Sendable {
    public var uid: UInt32
    /// What a read of a present block takes at least, on top of its own time.
    public var minTime: UInt32
    /// What a read of a missing block takes at least.
    public var minPending: UInt32
    /// What a read of a missing block takes at most; `UInt32.max` is the mount's own time-out.
    public var maxPending: UInt32

    public init(uid: UInt32, minTime: UInt32, minPending: UInt32, maxPending: UInt32) {
        self.uid = uid
        self.minTime = minTime
        self.minPending = minPending
        self.maxPending = maxPending
    }
}

/// The limits that one read keeps, in microseconds.
public struct ReadLimits: Hashable, Sendable {
    public var minTime: UInt64
    public var minPending: UInt64
    public var maxPending: UInt64

    public init(minTime: UInt64, minPending: UInt64, maxPending: UInt64) {
        self.minTime = minTime
        self.minPending = minPending
        self.maxPending = maxPending
    }
}

/// The time-outs per user. Pure.
public struct UserTimeouts: Sendable {
    /// The most bytes of a table, and the bytes of an entry.
    public static let mostBytes = 4096
    public static let entrySize = 16

    public private(set) var entries: [UserTimeout] = []

    public init() {}

    /// Replaces the table, if every entry is sound: a minimum above its maximum refuses all of it, and changes nothing.
    public mutating func replace(_ new: [UserTimeout]) -> Bool {
        guard new.count <= Self.mostBytes / Self.entrySize, new.allSatisfy({ $0.minPending <= $0.maxPending }) else { return false }
        entries = new
        return true
    }

    /// What holds for a read of `uid`: the first entry of that user, or the mount's time-out.
    public func limits(of uid: UInt32, mountTimeoutMilliseconds: UInt32) -> ReadLimits {
        let usual = UInt64(mountTimeoutMilliseconds) * 1000
        guard let entry = entries.first(where: { $0.uid == uid }) else { return ReadLimits(minTime: 0, minPending: 0, maxPending: usual) }
        return ReadLimits(
            minTime: UInt64(entry.minTime), minPending: UInt64(entry.minPending), maxPending: entry.maxPending == .max ? usual : UInt64(entry.maxPending))
    }

    /// The entries as bytes.
    public var encoded: [UInt8] {
        entries.flatMap { entry in [entry.uid, entry.minTime, entry.minPending, entry.maxPending].flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } } }
    }

    /// Entries from bytes, whose number must be a multiple of 16.
    public static func decode(_ bytes: UnsafeRawBufferPointer) -> [UserTimeout] {
        (0..<bytes.count / entrySize).map { index in
            func word(_ number: Int) -> UInt32 { UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index * entrySize + number * 4, as: UInt32.self)) }
            return UserTimeout(uid: word(0), minTime: word(1), minPending: word(2), maxPending: word(3))
        }
    }
}
