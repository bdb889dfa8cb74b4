import Glibc
import Integrity
import LinuxSystem
import Synchronization

/// The small objects: whole contents one after another in slab files, found through an append-only log.
///
/// Invariants:
/// * An object's bytes are written before its record; a record's place is inside its slab.
/// * A slab's bytes are never written twice; what a torn or forgotten record leaves behind is lost space, not lost content.
/// * Whoever reads an object hashes it whole (`StoredObject+Slab`), so that neither a slab nor the log is trusted.
final class SlabStore: Sendable {
    struct State {
        var index: [Digest: SlabPlace] = [:]
        var files: [UInt64: SlabFile] = [:]
        /// Where the next object goes.
        var tailSlab: UInt64 = 0
        var tailOffset: UInt64 = 0
        /// Where the next record goes.
        var logEnd: UInt64 = 0
        /// Slabs with bytes that no commit covers yet.
        var dirty: Set<UInt64> = []
    }

    let layout: StoreLayout
    let options: StoreOptions
    let boot: BootID
    let files: EvictionClock<FileSlot>
    let events: StoreEvents
    private let log: OwnedDescriptor
    private let state: Mutex<State>

    /// Reads the log. Fails only where the log cannot be opened or read.
    init(layout: StoreLayout, options: StoreOptions, boot: BootID, files: EvictionClock<FileSlot>, events: StoreEvents) throws(StoreError) {
        self.layout = layout
        self.options = options
        self.boot = boot
        self.files = files
        self.events = events
        let path = layout.slabLog
        let log = try StoreError.wrap(path, "cannot open the list of small objects") { () throws(Errno) in
            try SystemCalls.open(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW)
        }
        var recovery = SlabRecovery(layout: layout, options: options, boot: boot, files: files, events: events)
        let recovered = try StoreError.wrap(path, "cannot read the list of small objects") { () throws(Errno) in
            try recovery.run(log.rawValue)
        }
        self.log = log
        state = Mutex(recovered)
    }

    /// Where `id` lies, if it does.
    func place(of id: Digest) -> SlabPlace? { state.withLock { $0.index[id] } }

    /// Forgets `id`, whose bytes turned out bad.
    func forget(_ id: Digest) { state.withLock { _ = $0.index.removeValue(forKey: id) } }

    /// Where every small object lies.
    var places: [Digest: SlabPlace] { state.withLock { $0.index } }

    /// Forgets the objects that `isUnneeded` names, and removes the slabs that have no other. Returns the bytes of those slabs.
    ///
    /// The log keeps the records of what is gone: a record whose slab is not there counts for nothing, and one of a slab that
    /// stays brings back an object that is still whole. Numbers are never given again, because the newest slab always exists.
    func remove(_ isUnneeded: (Digest) -> Bool) throws(StoreError) -> UInt64 {
        try state.withLock { state throws(StoreError) in
            for id in state.index.keys where isUnneeded(id) { state.index[id] = nil }
            var empty = Set(state.files.keys)
            for place in state.index.values { empty.remove(place.file.number) }
            if empty.contains(state.tailSlab) {
                let next = SlabFile(number: state.tailSlab + 1, path: layout.slab(state.tailSlab + 1), files: files)
                try StoreError.wrap(next.path, "cannot begin a new file for small objects") { () throws(Errno) in _ = try next.open() }
                state.files[next.number] = next
                state.tailSlab = next.number
                state.tailOffset = 0
            }
            var freed: UInt64 = 0
            for number in empty {
                let path = layout.slab(number)
                guard let status = try? SystemCalls.status(of: path, followSymbolicLinks: false), (try? SystemCalls.unlink(path)) != nil else { continue }
                freed += status.blocks * 512
                state.files[number] = nil
                state.dirty.remove(number)
            }
            return freed
        }
    }

    /// Stores a small object whose content was checked, unless it is there already.
    func append(_ id: Digest, _ bytes: UnsafeRawBufferPointer) throws(StoreError) -> SlabPlace {
        try state.withLock { state throws(StoreError) in
            if let place = state.index[id] { return place }
            if state.tailOffset > 0 && state.tailOffset + UInt64(bytes.count) > options.slabSize {
                state.tailSlab += 1
                state.tailOffset = 0
            }
            let number = state.tailSlab
            let file = state.files[number] ?? SlabFile(number: number, path: layout.slab(number), files: files)
            state.files[number] = file
            let place = SlabPlace(file: file, offset: state.tailOffset, size: UInt64(bytes.count))
            let logEnd = state.logEnd
            let record = SlabRecord(object: id, slab: number, offset: place.offset, size: place.size, boot: boot).bytes
            try StoreError.wrap(file.path, "cannot store a small object") { () throws(Errno) in
                let lease = try file.open()
                try SystemCalls.pwriteAll(lease.descriptor, bytes, at: place.offset)
            }
            try write(record, at: logEnd)
            state.logEnd = logEnd + UInt64(SlabRecord.length)
            // 64 bytes apart: objects do not share cache lines when they are copied and hashed.
            state.tailOffset = (place.offset + place.size + 63) & ~63
            state.dirty.insert(number)
            state.index[id] = place
            return place
        }
    }

    /// Makes what was appended so far durable: slabs, then the log, then a commit record. Says whether there was anything.
    func commit() throws(StoreError) -> Bool {
        let (dirty, end) = state.withLock { state in
            defer { state.dirty = [] }
            return (state.dirty.compactMap { state.files[$0] }, state.logEnd)
        }
        if dirty.isEmpty { return false }
        do throws(StoreError) {
            for file in dirty {
                try StoreError.wrap(file.path, "cannot make small objects durable") { () throws(Errno) in
                    let lease = try file.open()
                    try SystemCalls.fdatasync(lease.descriptor)
                }
            }
            try StoreError.wrap(layout.slabLog, "cannot make the list of small objects durable") { () throws(Errno) in
                try SystemCalls.fdatasync(log.rawValue)
                try SystemCalls.syncDirectory(layout.slabs)
            }
        } catch {
            state.withLock { state in for file in dirty { state.dirty.insert(file.number) } }
            throw error
        }
        try state.withLock { state throws(StoreError) in
            try write(SlabRecord(commitOf: end, boot: boot).bytes, at: state.logEnd)
            state.logEnd += UInt64(SlabRecord.length)
        }
        return true
    }

    private func write(_ record: [UInt8], at offset: UInt64) throws(StoreError) {
        do throws(Errno) {
            try record.withUnsafeBufferPointer { bytes throws(Errno) in try SystemCalls.pwriteAll(log.rawValue, UnsafeRawBufferPointer(bytes), at: offset) }
        } catch {
            throw StoreError(.system, error, layout.slabLog, "cannot note where a small object lies")
        }
    }
}
