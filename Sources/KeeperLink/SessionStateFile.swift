import LinuxSystem
import Synchronization

/// The memory file of one mount: what a successor needs to go on serving it. The keeper creates and holds it, and
/// never looks into it; the daemon writes it.
///
/// Two slots of 32 KiB are written in turn, so that a write that was cut short leaves the one before it whole.
/// Each slot, little-endian:
///
///     OFFSET SIZE MEANING
///          0    4 magic "ICSS"
///          4    4 version, 1
///          8    8 write epoch of the daemon that wrote it
///         16    8 sequence number, from 1; its parity is the slot
///         24    4 length of the session record
///         28    4 length of the configuration
///         32    8 checksum: FNV-1a (64 bits) of the slot's used bytes, with this field as zero
///         40   24 zero
///         64      session record, then configuration
///
/// The newest whole slot counts. A daemon of an older epoch than the newest slot's may not write any more.
/// A process that was sent SIGKILL runs no further instruction of its own, and the keeper kills before it starts a
/// successor: between the check of the epoch and the write there is no room for a second writer.
public final class SessionStateFile: Sendable {
    /// Bytes of the whole file.
    public static let size = 64 << 10
    static let slotSize = size / 2
    static let headerSize = 64
    /// Bytes that session record and configuration have together.
    public static let capacity = slotSize - headerSize
    private static let magic: UInt32 = 0x5353_4349
    private static let version: UInt32 = 1

    /// What is kept.
    public struct Record: Sendable, Equatable {
        public var writeEpoch: UInt64
        /// The FUSE session's own record.
        public var session: [UInt8]
        /// The daemon's description of the mount.
        public var configuration: [UInt8]

        public init(writeEpoch: UInt64, session: [UInt8], configuration: [UInt8]) {
            self.writeEpoch = writeEpoch
            self.session = session
            self.configuration = configuration
        }
    }

    private let descriptor: CInt
    // Safety for slots: one write at a time in this process.
    private let writing = Mutex<Void>(())

    /// Uses the descriptor without owning it.
    public init(descriptor: CInt) { self.descriptor = descriptor }

    /// A new memory file of the right size, all zero (memfd_create(2)).
    public static func create(name: String) throws(Errno) -> OwnedDescriptor {
        let file = try SystemCalls.memoryFile(name)
        try SystemCalls.truncate(file.rawValue, to: UInt64(size))
        return file
    }

    /// The newest whole record; nil when nothing was ever written.
    /// Throws `.damaged` when something was written and neither slot is whole.
    public func read() throws(SessionStateError) -> Record? { try newest()?.record }

    /// Writes `record` into the older slot. Throws `.tooLarge` (EFBIG), `.superseded` (ESTALE) when a daemon of a later
    /// epoch has written, `.system` as pwrite(2). Callable from any thread.
    public func write(_ record: Record) throws(SessionStateError) {
        guard record.session.count + record.configuration.count <= Self.capacity else {
            throw .tooLarge(bytes: record.session.count + record.configuration.count, limit: Self.capacity)
        }
        try writing.withLock { _ throws(SessionStateError) in
            var sequence: UInt64 = 1
            // Both slots damaged: nothing can be lost by starting again.
            if case .some(let old) = try? newest() {
                guard old.record.writeEpoch <= record.writeEpoch else {
                    throw .superseded(byEpoch: old.record.writeEpoch)
                }
                sequence = old.sequence + 1
            }
            let bytes = Self.slot(record, sequence: sequence)
            var failure: Errno?
            bytes.withUnsafeBytes { buffer in
                do throws(Errno) {
                    try SystemCalls.pwriteAll(descriptor, buffer, at: (sequence & 1) * UInt64(Self.slotSize))
                } catch { failure = error }
            }
            if let failure { throw .system(failure) }
        }
    }

    private func newest() throws(SessionStateError) -> (record: Record, sequence: UInt64)? {
        var bytes = [UInt8](repeating: 0, count: Self.size)
        var failure: Errno?
        let count = bytes.withUnsafeMutableBytes { buffer -> Int in
            do throws(Errno) { return try SystemCalls.preadAll(descriptor, into: buffer, at: 0) } catch { failure = error; return 0 }
        }
        if let failure { throw .system(failure) }
        guard count == Self.size else { throw .damaged }
        let slots = [0, 1].map { Self.parse(bytes[$0 * Self.slotSize..<($0 + 1) * Self.slotSize], parity: UInt64($0)) }
        switch (slots[0], slots[1]) {
        case (let a?, let b?): return (a.record.writeEpoch, a.sequence) > (b.record.writeEpoch, b.sequence) ? a : b
        case (let a?, nil): return a
        case (nil, let b?): return b
        case (nil, nil):
            guard bytes.allSatisfy({ $0 == 0 }) else { throw .damaged }
            return nil
        }
    }

    private static func slot(_ record: Record, sequence: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerSize + record.session.count + record.configuration.count)
        bytes.append(littleEndian: magic)
        bytes.append(littleEndian: version)
        bytes.append(littleEndian: record.writeEpoch)
        bytes.append(littleEndian: sequence)
        bytes.append(littleEndian: UInt32(record.session.count))
        bytes.append(littleEndian: UInt32(record.configuration.count))
        bytes.append(contentsOf: [UInt8](repeating: 0, count: 32))
        bytes.append(contentsOf: record.session)
        bytes.append(contentsOf: record.configuration)
        var sum: [UInt8] = []
        sum.append(littleEndian: checksum(bytes[...]))
        bytes.replaceSubrange(32..<40, with: sum)
        return bytes
    }

    private static func parse(_ slot: ArraySlice<UInt8>, parity: UInt64) -> (record: Record, sequence: UInt64)? {
        var cursor = ByteCursor(slot)
        guard let magic = try? cursor.integer(UInt32.self), magic == Self.magic,
            let version = try? cursor.integer(UInt32.self), version == Self.version,
            let epoch = try? cursor.integer(UInt64.self),
            let sequence = try? cursor.integer(UInt64.self), sequence & 1 == parity, sequence < .max,
            let sessionLength = try? cursor.integer(UInt32.self),
            let configurationLength = try? cursor.integer(UInt32.self),
            Int(sessionLength) + Int(configurationLength) <= capacity,
            let sum = try? cursor.integer(UInt64.self),
            let _ = try? cursor.take(24),
            let session = try? cursor.take(Int(sessionLength)),
            let configuration = try? cursor.take(Int(configurationLength))
        else { return nil }
        guard sum == checksum(slot[..<configuration.endIndex]) else { return nil }
        return (Record(writeEpoch: epoch, session: Array(session), configuration: Array(configuration)), sequence)
    }

    /// FNV-1a over the bytes, the checksum's own field read as zero.
    private static func checksum(_ slot: ArraySlice<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for (index, byte) in slot.enumerated() {
            hash = (hash ^ UInt64((32..<40).contains(index) ? 0 : byte)) &* 0x0000_0100_0000_01B3
        }
        return hash
    }
}
