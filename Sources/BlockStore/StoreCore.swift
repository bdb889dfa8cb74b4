import Integrity
import LinuxSystem
import Synchronization

/// What a store's objects share. Objects keep it alive; `PlainStore` is its public face.
final class StoreCore: Sendable {
    private struct Entry {
        weak var object: StoredObject?
        let serial: UInt64
    }
    private struct Cache {
        var entries: [Digest: Entry] = [:]
        var nextSerial: UInt64 = 1
    }

    let layout: StoreLayout
    let options: StoreOptions
    let boot: BootID
    let events: StoreEvents
    let files: EvictionClock<FileSlot>
    let leafTables: EvictionClock<LeafSlot>
    let slabs: SlabStore
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
        events = StoreEvents()
        files = EvictionClock(capacity: max(16, options.maxOpenFiles))
        leafTables = EvictionClock(capacity: options.maxLeafMemory)
        slabs = try SlabStore(layout: layout, options: options, boot: boot, files: files, events: events)
    }

    /// The one instance for `id`; not opened yet if it is new.
    func instance(_ id: Digest, size: UInt64) -> StoredObject {
        // The strong reference leaves the lock before it can be the last one: deinit takes the lock.
        cache.withLock { cache in
            if let object = cache.entries[id]?.object { return object }
            let object = StoredObject(id: id, size: size, core: self, serial: cache.nextSerial)
            cache.entries[id] = Entry(object: object, serial: cache.nextSerial)
            cache.nextSerial += 1
            return object
        }
    }

    /// Called when an instance ends, or could not be opened.
    func forget(_ id: Digest, serial: UInt64) {
        cache.withLock { cache in
            if cache.entries[id]?.serial == serial { cache.entries[id] = nil }
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
