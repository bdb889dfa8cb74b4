/// What a loader is asked to bring: the unit of transfer. Names a thing in one package, by index.
public struct LoadUnit: Hashable, Sendable {
    public enum Kind: UInt8, Sendable {
        /// A page of the package's index (object, extent and chunk tables), verified against the manifest.
        case indexPage
        /// A chunk of content as it lies at the source (compressed or not), verified against the index.
        case chunk
    }
    public var kind: Kind
    /// The page's or chunk's number, from 0.
    public var index: UInt64

    public init(_ kind: Kind, _ index: UInt64) {
        self.kind = kind
        self.index = index
    }
}

/// Why a unit is wanted; a lower raw value goes first (architecture §6, "strict order").
public enum LoadPriority: UInt8, Comparable, Sendable, CaseIterable {
    /// A reader is blocked on it.
    case demand = 0
    /// Somebody declared that he will wait for it (`incfs wait --path`, prefetch).
    case declared = 1
    /// A refused readahead window or detected sequential access.
    case readahead = 2
    /// The background fill.
    case background = 3

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// Where a unit's bytes lie.
public struct UnitLocation: Sendable, Equatable {
    /// The file at the origin, relative to the envelope's own address, as raw bytes (`/` between components).
    /// Empty means the envelope itself.
    public var path: [UInt8]
    /// Bytes from the start of that file.
    public var offset: UInt64
    /// Length in bytes, 1 or more.
    public var length: Int
    /// Bytes of the store's disk that keeping it takes, at most: the content, what rounding to blocks adds, and the store's own records.
    public var storeBytes: Int

    /// `storeBytes`: nil if it takes no more than `length`.
    public init(path: [UInt8], offset: UInt64, length: Int, storeBytes: Int? = nil) {
        self.path = path
        self.offset = offset
        self.length = length
        self.storeBytes = storeBytes ?? length
    }
}

/// What became of delivered bytes.
public enum Delivery: Sendable, Equatable {
    /// Verified and stored (or stored before).
    case stored
    /// The bytes do not match their digest: fetch again, from another source if there is one.
    case corrupt
    /// The store cannot take them (`ENOSPC`, `EIO`): the bytes are good, and who waited for them has been answered from memory.
    /// Try again later.
    case storageFailed(Int32)
}

/// The side of a volume that a loader works for. All calls are synchronous and may read and write the disk: never call
/// them on the cooperative pool. Callable from any thread.
public protocol LoadTarget: AnyObject, Sendable {
    /// Where `unit` lies; nil while the index page that says so is not there yet (it has been asked for by then: `indexPage(for:)`).
    func location(of unit: LoadUnit) -> UnitLocation?
    /// The index page that must be loaded before `location(of:)` can answer for `chunk`.
    func indexPage(forChunk chunk: UInt64) -> LoadUnit
    /// True when the unit is already stored, so that fetching it would be waste.
    func isPresent(_ unit: LoadUnit) -> Bool
    /// The loader has found that a requested unit is present: somebody else has stored it since (another mount of the same
    /// store). Or it could not be stored, and is asked for no more. Who still waits for it looks again, and asks again if need be.
    func found(_ unit: LoadUnit)
    /// Verifies, stores and publishes; wakes who waits. `source` names the origin for the log.
    func deliver(_ unit: LoadUnit, _ bytes: UnsafeRawBufferPointer, source: String) -> Delivery
    /// The answer is final: everybody who waits for the unit gets `errno` (a raw errno value), until somebody asks again.
    func fail(_ unit: LoadUnit, errno: Int32, reason: String)
    /// The next units that the background fill should fetch, in pack order, at most `limit`, starting behind `cursor`
    /// (0 at first; the cursor is opaque and is advanced). Empty: all is there, or all that is missing is in flight.
    func nextMissing(after cursor: inout UInt64, limit: Int) -> [LoadUnit]
    /// Bytes of content that the background fill may still add to the store without using up the space that is kept free;
    /// nil: no limit is known. A quick look at the file system.
    func roomForFill() -> UInt64?
    /// The loader's word on why readers wait ("connection refused by …; next try in 3 s"); nil when things go well.
    func setWaitReason(_ reason: String?)
}

/// A request from the data plane to the loader.
public struct LoadRequest: Sendable, Hashable {
    public var unit: LoadUnit
    public var priority: LoadPriority
    public init(unit: LoadUnit, priority: LoadPriority) {
        self.unit = unit
        self.priority = priority
    }
}
