import Integrity
import LinuxSystem
import Synchronization

/// One object of the store: bytes that arrive block by block and are read as they come.
///
/// Invariants:
/// * A present bit is set (release) after the block's data and leaf were written; readers look first (acquire).
/// * `epoch` rises whenever present blocks become missing, so that a reader can tell that its bytes may be neither old nor new.
/// * `phase` leaves `.absent` before a block other than a hole becomes present.
///
/// Locks, in this order: `content` (writers; held while a filler writes), then `structure` (short: what and where the
/// object is). A read of present blocks whose files are open takes neither and allocates nothing.
/// Callable from any thread.
public final class StoredObject: Sendable {
    /// Where the content lies.
    enum Phase: UInt8, AtomicRepresentable {
        /// Nowhere: nothing but holes is present.
        case absent
        /// `partial/`, with a sidecar.
        case partial
        /// `objects/`, with its leaves.
        case complete
        /// In a slab.
        case slab
    }

    /// What `structure` protects, together with the files' names.
    struct Structure {
        var opened = false
        var place: SlabPlace?
        /// Blocks known to be zero, ascending, apart.
        var holes: [Range<Int>] = []
    }

    /// What `content` protects, together with writes to the object's files.
    struct Content {
        /// The bitmaps of the sidecar, 64 blocks a word. Empty unless the object is partial.
        var written = SparseWords()
        var durable = SparseWords()
        /// Words that may differ between the two.
        var dirtyWords: Range<Int> = 0..<0
        /// The sidecar's leaves are the name's, whether their blocks are present or not: the object was complete once.
        var isCertified = false
        /// The files' names are not synced yet.
        var isNew = false
        /// Blocks that were lost and not filled again.
        var lost: Set<Int> = []
    }

    /// The content digest (fs-verity, SHA-256, 4096): the object's name.
    public let id: Digest
    /// What its blocks are verified against while it is incomplete; see `PlainStore.object`.
    let origin: Digest
    /// Length in bytes.
    public let size: UInt64
    /// Blocks of 4096 bytes, the last one possibly shorter.
    public let blockCount: Int

    let core: StoreCore
    let serial: UInt64
    let present: AtomicBitmap
    let presentCount = Atomic<Int>(0)
    let phase = Atomic<Phase>(.absent)
    let epoch = Atomic<UInt64>(0)
    let isCompleting = Atomic<Bool>(false)
    let ahead = DiskReadahead()
    let data = FileSlot()
    let side = FileSlot()
    let leaves = LeafSlot()
    let content = Mutex(Content())
    let structure = Mutex(Structure())

    init(id: Digest, describedBy description: Digest, size: UInt64, core: StoreCore, serial: UInt64) {
        self.id = id
        origin = description
        self.size = size
        self.core = core
        self.serial = serial
        blockCount = Blocks.count(size)
        present = AtomicBitmap(bitCount: blockCount)
    }

    deinit {
        data.retire()
        side.retire()
        _ = leaves.evict()
        core.forget(id, serial: serial)
    }

    var sidecar: Sidecar { Sidecar(size: size, blockCount: blockCount) }
    var paths: ObjectPaths { core.layout.paths(id, origin) }
    var allBlocks: Range<Int> { 0..<blockCount }

    /// The bytes in `block`: 4096, fewer at the end.
    func length(of block: Int) -> Int { Int(min(UInt64(Blocks.size), size - Blocks.offset(block))) }

    // MARK: Presence

    /// True when `block` can be read. Lock-free. False for a block that the object does not have.
    @inline(__always)
    public func isPresent(block: Int) -> Bool { block >= 0 && block < blockCount && present.isSet(block) }

    /// True when all of `bytes`, as far as they lie inside the object, can be read. Lock-free.
    public func isPresent(bytes: Range<UInt64>) -> Bool {
        let end = min(bytes.upperBound, size)
        guard bytes.lowerBound < end else { return true }
        return present.allSet(Int(bytes.lowerBound / UInt64(Blocks.size))..<Blocks.count(end))
    }

    /// The first block of `blocks`, as far as the object has them, that cannot be read. Lock-free, 64 blocks a step.
    public func firstMissing(in blocks: Range<Int>) -> Int? { present.firstClear(in: blocks.clamped(to: allBlocks)) }

    /// The first block of `blocks`, as far as the object has them, that can be read. Lock-free, 64 blocks a step.
    public func firstPresent(in blocks: Range<Int>) -> Int? { present.firstSet(in: blocks.clamped(to: allBlocks)) }

    /// Blocks that can be read, holes included.
    public var presentBlocks: Int { presentCount.load(ordering: .relaxed) }

    /// True when the whole content was hashed, synced and named; an empty object always is.
    public var isComplete: Bool {
        if blockCount == 0 { return true }
        let phase = phase.load(ordering: .acquiring)
        return (phase == .complete || phase == .slab) && presentBlocks == blockCount
    }

    /// The complete file, opened for reading only: to be handed to the kernel or copied. Nil unless the object is complete
    /// and has a file of its own (small objects share one, empty ones have none).
    /// - Throws: `.system` when it cannot be opened.
    public func openCompleteFile() throws(StoreError) -> OwnedDescriptor? {
        guard blockCount > 0, isComplete, phase.load(ordering: .acquiring) == .complete else { return nil }
        let path = paths.complete
        do { return try SystemCalls.open(path, flags: Self.readOnly) } catch {
            if error == .noSuchFileOrDirectory && !isComplete { return nil }
            throw StoreError(.system, error, path, "cannot open a complete object")
        }
    }

    /// Closes the object's descriptors and drops its leaf digests until they are needed again.
    public func releaseResources() {
        data.retire()
        side.retire()
        _ = leaves.evict()
    }

    // MARK: Changing presence (with `content` held)

    /// Publishes `blocks`, whose data and leaves lie in place. Returns how many are new.
    func publish(_ blocks: Range<Int>) -> Int {
        let new = present.set(blocks)
        presentCount.wrappingAdd(new, ordering: .relaxed)
        return new
    }

    /// Takes `blocks` back. Returns how many were present.
    @discardableResult
    func withdraw(_ blocks: Range<Int>) -> Int {
        epoch.wrappingAdd(1, ordering: .acquiringAndReleasing)
        let gone = present.clear(blocks)
        presentCount.wrappingSubtract(gone, ordering: .relaxed)
        epoch.wrappingAdd(1, ordering: .acquiringAndReleasing)
        return gone
    }

    /// True when every block of `blocks` is known to be zero.
    func areHoles(_ blocks: Range<Int>) -> Bool {
        structure.withLock { structure in Self.covers(structure.holes, blocks) }
    }

    static func covers(_ holes: [Range<Int>], _ blocks: Range<Int>) -> Bool {
        hole(with: blocks.lowerBound, of: holes).map { $0.upperBound >= blocks.upperBound } ?? false
    }

    /// The one of `holes` that has `block`, by binary search.
    static func hole(with block: Int, of holes: [Range<Int>]) -> Range<Int>? {
        var low = 0
        var high = holes.count
        while low < high {
            let middle = (low + high) / 2
            if holes[middle].upperBound <= block { low = middle + 1 } else { high = middle }
        }
        return low < holes.count && holes[low].contains(block) ? holes[low] : nil
    }
}
