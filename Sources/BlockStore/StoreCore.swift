import Integrity
import LinuxSystem
import Synchronization

/// What a store's objects share. Objects keep it alive; `PlainStore` is its public face.
final class StoreCore: Sendable {
    private struct Entry {
        weak var object: StoredObject?
        let description: Digest
        let serial: UInt64
    }
    private struct Cache {
        /// All that is open of one content: once, or once for each description of it.
        var entries: [Digest: [Entry]] = [:]
        var nextSerial: UInt64 = 1
    }

    let layout: StoreLayout
    let options: StoreOptions
    let boot: BootID
    let events: StoreEvents
    let files: EvictionClock<FileSlot>
    let leafTables: EvictionClock<LeafSlot>
    let slabs: SlabStore
    /// The largest window of `DiskReadahead`, in blocks.
    let readAheadLimit: Int
    private let cache = Mutex(Cache())
    /// Objects with blocks that are not durable yet; kept alive until they are.
    private let dirty = Mutex<[ObjectIdentifier: StoredObject]>([:])

    init(directory: FilePath, options: StoreOptions) throws(StoreError) {
        let layout = StoreLayout(root: directory)
        for path in [directory, layout.objects, layout.partial, layout.slabs, layout.packages] {
            try StoreError.wrap(path, "cannot create a directory of the store") { () throws(Errno) in try SystemCalls.makeDirectories(path) }
        }
        self.layout = layout
        self.options = options
        boot = options.boot ?? .current
        readAheadLimit = (try? SystemCalls.status(of: directory)).map { DiskReadaheadLimit.blocks(device: $0.device) } ?? DiskReadaheadLimit.range.lowerBound
        events = StoreEvents()
        files = EvictionClock(capacity: max(16, options.maxOpenFiles))
        leafTables = EvictionClock(capacity: options.maxLeafMemory)
        slabs = try SlabStore(layout: layout, options: options, boot: boot, files: files, events: events)
    }

    /// The one instance for `id` as `description` has it; not opened yet if it is new.
    func instance(_ id: Digest, _ description: Digest, size: UInt64) -> StoredObject {
        // The strong reference leaves the lock before it can be the last one: deinit takes the lock.
        cache.withLock { cache in
            for entry in cache.entries[id] ?? [] where entry.description == description { if let object = entry.object { return object } }
            let object = StoredObject(id: id, describedBy: description, size: size, core: self, serial: cache.nextSerial)
            cache.entries[id, default: []].append(Entry(object: object, description: description, serial: cache.nextSerial))
            cache.nextSerial += 1
            return object
        }
    }

    /// Called when an instance ends, or could not be opened.
    func forget(_ id: Digest, serial: UInt64) {
        cache.withLock { cache in
            cache.entries[id]?.removeAll { $0.serial == serial }
            if cache.entries[id]?.isEmpty == true { cache.entries[id] = nil }
        }
    }

    /// The same content under other descriptions.
    func siblings(of object: StoredObject) -> [StoredObject] {
        cache.withLock { cache in (cache.entries[object.id] ?? []).compactMap { $0.serial == object.serial ? nil : $0.object } }
    }

    /// True while anybody holds an object of this content.
    func isOpen(_ id: Digest) -> Bool { cache.withLock { Self.isOpen(id, $0) } }

    private static func isOpen(_ id: Digest, _ cache: Cache) -> Bool { cache.entries[id]?.contains { $0.object != nil } ?? false }

    /// Removes the files of a content, unless somebody holds an object of it: with the lock held, so that whoever opens it next
    /// finds all of them gone. Returns the bytes on disk.
    func removeUnlessOpen(_ id: Digest, _ paths: [FilePath]) -> UInt64 {
        cache.withLock { cache in
            guard !Self.isOpen(id, cache) else { return 0 }
            var freed: UInt64 = 0
            for path in paths {
                guard let status = try? SystemCalls.status(of: path, followSymbolicLinks: false), (try? SystemCalls.unlink(path)) != nil else { continue }
                freed += status.blocks * 512
            }
            return freed
        }
    }

    func markDirty(_ object: StoredObject) { dirty.withLock { $0[ObjectIdentifier(object)] = object } }

    /// Takes the objects that wait for a commit.
    func takeDirty() -> [StoredObject] {
        dirty.withLock { dirty in
            if dirty.isEmpty { return [] }
            let taken = Array(dirty.values)
            dirty.removeAll()
            return taken
        }
    }
}
