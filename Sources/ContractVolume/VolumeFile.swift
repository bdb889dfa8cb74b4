import Glibc
import Integrity
import LinuxSystem
import Synchronization

/// A backing file that is open: its geometry, its block map, its tree. One object for each file of a backing directory, whoever
/// opens it. Callable from any thread.
///
/// Invariants: data is written before the entry that leads to it, a record before the link to it; appends happen under
/// `tail`; the counters on disk equal those in memory whenever no call is under way.
public final class VolumeFile: Sendable {
    /// What is appended to, and counted.
    struct Tail: Sendable {
        var dataFilled: UInt32 = 0
        var hashFilled: UInt32 = 0
        /// What the status record says, and where it is; 0 where there is none yet.
        var storedData: UInt32 = 0
        var storedHash: UInt32 = 0
        var statusAt: UInt64 = 0
        /// The place of the last link: the header's field or that of the last record.
        var lastLink: UInt64 = BackingRecord.firstField
    }

    /// The tree and what certifies it; may come later, by enabling verity.
    struct Tree: Sendable {
        var root: Digest
        var shape: TreeShape
        /// Where it lies; 0 for a file of one block.
        var offset: UInt64
        var blobOffset: UInt64
        var blobSize: UInt32
    }

    struct VeritySignature: Sendable {
        var offset: UInt64
        var size: UInt32
    }

    let descriptor: CInt
    public let identity: FileID
    public let size: UInt64
    /// The entries of the map: data blocks first, then those of the tree.
    public let dataBlocks: UInt32
    public let hashBlocks: UInt32
    /// 0: there is no map.
    let mapBase: UInt64
    let tail: Mutex<Tail>
    let tree: Mutex<Tree?>
    let veritySignature: Mutex<VeritySignature?>
    let verified = VerifiedBlocks()
    private let instance = VolumeFile.instances.wrappingAdd(1, ordering: .relaxed).newValue
    private static let instances = Atomic<UInt32>(0)

    init(_ parsed: BackingParser, descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor.take()
        identity = parsed.identity
        size = parsed.size
        dataBlocks = parsed.dataBlocks
        hashBlocks = parsed.mapEntries > parsed.dataBlocks ? parsed.mapEntries - parsed.dataBlocks : 0
        mapBase = parsed.mapBase
        tail = Mutex(parsed.tail)
        tree = Mutex(parsed.tree)
        veritySignature = Mutex(parsed.veritySignature)
    }

    deinit { SystemCalls.close(descriptor) }

    /// What a read of a block waits for.
    public func key(of block: UInt32) -> BlockKey { BlockKey(file: identity, block: block, instance: instance) }

    /// GET_BLOCK_COUNT: what the counters say, not what the map says.
    public var counts: (dataFilled: UInt32, hashFilled: UInt32) { tail.withLock { ($0.dataFilled, $0.hashFilled) } }
    public var hasAllData: Bool { tail.withLock { $0.dataFilled >= dataBlocks } }
    public var hasTree: Bool { tree.withLock { $0 != nil } }

    /// The entries of a range of the map. `EIO` where the map is shorter than it promised.
    func entries(_ range: Range<UInt32>) throws(Errno) -> [BlockEntry] {
        guard mapBase != 0 else { throw .noData }
        let bytes = try Self.read(descriptor, at: mapBase + UInt64(range.lowerBound) * UInt64(BlockEntry.size), count: range.count * BlockEntry.size)
        guard bytes.count == range.count * BlockEntry.size else { throw .ioError }
        return bytes.withUnsafeBytes { raw in (0..<range.count).map { BlockEntry(raw, at: $0 * BlockEntry.size) } }
    }

    /// Where an entry of the map is in the file.
    func place(ofEntry entry: UInt32) -> UInt64 { mapBase + UInt64(entry) * UInt64(BlockEntry.size) }

    /// Whether a data block is there.
    public func isPresent(_ block: UInt32) throws(Errno) -> Bool {
        switch look(for: block) {
        case .bytes: true
        case .missing: false
        case .failed(_, let error): throw error
        }
    }

    /// The same without an error to throw: what a read of the block would come to, but for the data itself. Allocates nothing.
    public func look(for block: UInt32) -> BlockOutcome {
        guard block < dataBlocks else { return .failed(block, .invalidArgument) }
        guard mapBase != 0 else { return .failed(block, .noData) }
        return withUnsafeTemporaryAllocation(byteCount: BlockEntry.size, alignment: 8) { bytes in
            do throws(Errno) {
                guard try SystemCalls.preadAll(descriptor, into: bytes, at: place(ofEntry: block)) == bytes.count else { return .failed(block, .ioError) }
            } catch { return .failed(block, error) }
            return BlockEntry(UnsafeRawBufferPointer(bytes), at: 0).isPresent ? .bytes : .missing(block)
        }
    }

    /// What lies there, fewer bytes at the end of the file: nothing behind it, wherever a record leads.
    static func read(_ descriptor: CInt, at offset: UInt64, count: Int) throws(Errno) -> [UInt8] {
        guard offset <= UInt64(Int64.max) - UInt64(count) else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: Errno?
        let got = bytes.withUnsafeMutableBytes { buffer -> Int in
            do throws(Errno) { return try SystemCalls.preadAll(descriptor, into: buffer, at: offset) } catch { failure = error; return 0 }
        }
        if let failure { throw failure }
        return got == count ? bytes : Array(bytes[..<got])
    }

    static func write(_ descriptor: CInt, _ bytes: [UInt8], at offset: UInt64) throws(Errno) {
        var failure: Errno?
        bytes.withUnsafeBytes { raw in do throws(Errno) { try SystemCalls.pwriteAll(descriptor, raw, at: offset) } catch { failure = error } }
        if let failure { throw failure }
    }

    /// Appends a record and links it; all of it or nothing. The caller holds `tail`.
    func append(_ record: [UInt8], _ tail: inout Tail) throws(Errno) -> UInt64 {
        let start = try SystemCalls.status(of: descriptor).size
        let place = RecordPlace.find(end: start, link: tail.lastLink, counts: record[0] == BackingRecord.Kind.status.rawValue)
        do throws(Errno) {
            try Self.write(descriptor, record, at: place)
            try Self.write(descriptor, BackingRecord.number(place), at: tail.lastLink)
        } catch {
            try? Self.write(descriptor, BackingRecord.number(UInt64(0)), at: tail.lastLink)
            try? SystemCalls.truncate(descriptor, to: start)
            throw error
        }
        tail.lastLink = place + BackingRecord.nextField
        return place
    }

    /// Brings the status record up to the counters. The caller holds `tail`.
    func storeStatus(_ tail: inout Tail) throws(Errno) {
        guard tail.dataFilled != tail.storedData || tail.hashFilled != tail.storedHash else { return }
        if tail.statusAt == 0 {
            tail.statusAt = try append(BackingRecord.status(data: tail.dataFilled, hash: tail.hashFilled), &tail)
        } else {
            try Self.write(descriptor, BackingRecord.number(tail.dataFilled) + BackingRecord.number(tail.hashFilled), at: tail.statusAt + UInt64(BackingRecord.recordHeaderSize))
        }
        (tail.storedData, tail.storedHash) = (tail.dataFilled, tail.hashFilled)
    }

    /// A scan of the whole map has found so many blocks: counters that are lower are raised.
    public func repairCounts(data: UInt32, hash: UInt32) throws(Errno) {
        let failure = tail.withLock { tail -> Errno? in
            tail.dataFilled = max(tail.dataFilled, data)
            tail.hashFilled = max(tail.hashFilled, hash)
            do throws(Errno) { try storeStatus(&tail); return nil } catch { return error }
        }
        if let failure { throw failure }
    }

    /// Whether a name leads to this very file.
    public func isSame(as status: FileStatus) -> Bool {
        guard let own = try? SystemCalls.status(of: descriptor) else { return false }
        return own.inode == status.inode && own.device == status.device
    }

    /// All data is there: gives back what was set aside behind the end, and syncs.
    public func trim() throws(Errno) { try SystemCalls.truncate(descriptor, to: try SystemCalls.status(of: descriptor).size) }
    public func sync() throws(Errno) { try SystemCalls.fsync(descriptor) }
}
