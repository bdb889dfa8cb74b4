import BlockStore
import Integrity
import LinuxSystem
import PackageFormat
import Synchronization

/// A mounted package without its front end: names and content, what is present, who waits, and `deliver`, the one way in
/// for blocks (architecture §1).
///
/// Threads: everything is callable from any thread; nothing here waits for a loader. Lock order: none nests; the table of
/// parked reads is left before anybody is answered.
public final class PackageVolume: Sendable {
    public let head: PackageHead
    public let tree: PackageTree
    public let index: PackageIndex
    public let store: PlainStore
    public let configuration: VolumeConfiguration
    /// Requests to the loader.
    public let requests = LoadRequestQueue()
    public let statistics = VolumeStatistics()

    let slots: ObjectSlots
    let pending = Mutex(PendingReads())
    let refused = Mutex(RefusedWindows())
    let finalFailures: Mutex<FinalFailures>
    let walked = Mutex(WalkedWindows())
    /// Windows in `walked`: spares a present read the lock.
    let walkedCount = Atomic<Int>(0)
    /// Chunks known to be stored whole; a clear bit means "look".
    let chunkPresent: AtomicBitmap
    /// Objects complete in the store: hashed whole, synced, renamed.
    let objectComplete: AtomicBitmap
    let completeCount = Atomic<Int>(0)
    /// Objects whose content cannot be right (the index is inconsistent or the digest of the whole differs): reads get EIO.
    let objectBad: AtomicBitmap
    /// Objects that a program has read from.
    let objectTouched: AtomicBitmap
    /// Bytes of each object counted in `presentBytes`, guarded by the mutex.
    let accounting: Mutex<Accounting>
    let waitReasonText = Mutex<String?>(nil)
    let failedReads = Mutex(FailedReads())
    let lastErrorText = Mutex<String?>(nil)
    let completion = Condition(CompletionQueue())
    let scratch: DecodeScratch.Pool
    /// What has just come, for its first reader.
    let arrived: ArrivedBytes
    /// Chunks that were asked for because of a reader: they are worth keeping in memory until it comes.
    let chunkExpected: AtomicBitmap
    let delegateBox = Mutex<(any VolumeDelegate)?>(nil)
    let indexFile: OwnedIndexFile?
    /// What the store could not take; the flag spares reads the lock.
    let unstored = Mutex(UnstoredPieces())
    let hasUnstored = Atomic(false)
    /// The store has refused something since it last took something: said once.
    let storeRefuses = Atomic(false)

    struct Accounting {
        var blocks: [UInt32]
        var presentBlocks: UInt64 = 0
    }

    /// Builds the volume of a verified package head over `store`. Index pages kept from an earlier run are taken in if they verify.
    public init(head: PackageHead, store: PlainStore, configuration: VolumeConfiguration) {
        self.head = head
        tree = head.tree
        index = PackageIndex(head: head)
        scratch = DecodeScratch.Pool(count: Int(head.manifest.chunkSize))
        arrived = ArrivedBytes(chunkSize: Int(head.manifest.chunkSize))
        self.store = store
        self.configuration = configuration
        finalFailures = Mutex(FinalFailures(lifetime: configuration.finalFailureLifetime))
        chunkSize = UInt64(head.manifest.chunkSize)
        chunkCount = UInt64(head.manifest.layout.chunks)
        objectCount = Int(head.manifest.layout.objects)
        let objects = objectCount
        var blocks: UInt64 = 0
        for object in 0..<objects { blocks += (head.tree.node(head.tree.node(forObject: object)).size + 4095) / 4096 }
        totalBlocks = blocks
        slots = ObjectSlots(count: objects, limit: configuration.resolvedObjectLimit)
        chunkPresent = AtomicBitmap(bitCount: Int(head.manifest.layout.chunks))
        chunkExpected = AtomicBitmap(bitCount: Int(head.manifest.layout.chunks))
        objectComplete = AtomicBitmap(bitCount: objects)
        objectBad = AtomicBitmap(bitCount: objects)
        objectTouched = AtomicBitmap(bitCount: objects)
        accounting = Mutex(Accounting(blocks: Array(repeating: 0, count: objects)))
        indexFile = configuration.indexCache.flatMap { OwnedIndexFile(path: $0) }
        indexFile?.load(into: index)
    }

    /// Who answers parked reads. Set before the first read; nil after the last (it usually holds the volume).
    public func setDelegate(_ delegate: (any VolumeDelegate)?) { delegateBox.withLock { $0 = delegate } }

    var delegate: (any VolumeDelegate)? { delegateBox.withLock { $0 } }

    /// Blocks of 4 KiB of all distinct content, holes included.
    public let totalBlocks: UInt64
    /// Objects in the package.
    public let objectCount: Int
    public var manifest: PackageManifest { head.manifest }
    /// Bytes of a full chunk.
    let chunkSize: UInt64
    /// Chunks in the package.
    public let chunkCount: UInt64

    /// True when every object is complete in the store.
    public var isComplete: Bool { completeCount.load(ordering: .acquiring) == objectCount }

    /// The first name of the file that holds object `number`, for messages.
    public func path(ofObject number: UInt32) -> String {
        guard Int(number) < tree.objectCount else { return "object \(number)" }
        return String(decoding: tree.path(of: tree.node(forObject: Int(number))), as: UTF8.self)
    }

    func report(_ level: VolumeEvent.Level, _ message: String) {
        if level != .info { lastErrorText.withLock { $0 = message } }
        configuration.onEvent(VolumeEvent(level: level, message: message))
    }
}
