import LinuxSystem

/// What a store holds: `incfs store list --json`.
public struct StoreReport: Codable, Hashable, Sendable {
    /// The store's directory.
    public var store: String
    public var packages: [StoredPackage]
    /// What programs have written over packages, by name.
    public var layers: [StoredLayer]
    /// Bytes on disk of all content, shared content once.
    public var bytesStored: UInt64
    /// Bytes that can still be written on the store's file system, and its size.
    public var bytesFree: UInt64
    public var bytesTotal: UInt64

    public init(store: String, packages: [StoredPackage], layers: [StoredLayer], bytesStored: UInt64, bytesFree: UInt64, bytesTotal: UInt64) {
        self.store = store
        self.packages = packages
        self.layers = layers
        self.bytesStored = bytesStored
        self.bytesFree = bytesFree
        self.bytesTotal = bytesTotal
    }
}

/// What programs have written over a package that was mounted or run with `--writable`.
public struct StoredLayer: Codable, Hashable, Sendable {
    /// The address's last component without `.incfs`, and a hash of store and address: the same for every release.
    public var name: String
    /// Its directory; what was written is in `upper` there.
    public var directory: String
    /// Bytes on disk.
    public var bytes: UInt64
    /// A program or a mount writes to it now.
    public var used: Bool

    public init(name: String, directory: String, bytes: UInt64, used: Bool) {
        self.name = name
        self.directory = directory
        self.bytes = bytes
        self.used = used
    }

    public init(_ layer: LayerDirectory) { self.init(name: layer.name, directory: layer.path.string, bytes: layer.bytes, used: layer.isClaimed) }
}

/// One package of a store.
public struct StoredPackage: Codable, Hashable, Sendable {
    public var name: String
    public var release: String
    /// 64 hexadecimal digits.
    public var root: String
    /// The bytes of all regular files.
    public var bytes: UInt64
    /// Bytes on disk; content that packages share counts for each of them.
    public var bytesStored: UInt64
    /// Everything is here.
    public var complete: Bool
    /// Seconds since 1970.
    public var lastUse: Int64
    /// Where it is mounted by this store's daemon.
    public var mountpoints: [String]
    /// It is not mounted and is still being fetched.
    public var filling: Bool

    public init(name: String, release: String, root: String, bytes: UInt64, bytesStored: UInt64, complete: Bool, lastUse: Int64, mountpoints: [String], filling: Bool) {
        self.name = name
        self.release = release
        self.root = root
        self.bytes = bytes
        self.bytesStored = bytesStored
        self.complete = complete
        self.lastUse = lastUse
        self.mountpoints = mountpoints
        self.filling = filling
    }
}

/// Removes packages from a store, and the content that no other package needs.
public struct StoreRemoveRequest: Codable, Hashable, Sendable {
    /// A package's name (every release of it), or its root digest or the first eight or more digits of it.
    public var names: [String]
    /// Everything that is neither mounted nor being fetched.
    public var unused: Bool
    /// The names are those of layers, or of what a layer's name begins with: what programs have written is removed, and no package.
    public var written: Bool

    public init(names: [String], unused: Bool = false, written: Bool = false) {
        self.names = names
        self.unused = unused
        self.written = written
    }
}

/// What was removed.
public struct StoreRemoveReport: Codable, Hashable, Sendable {
    public var packages: [StoredPackage]
    public var layers: [StoredLayer]
    /// Bytes on disk that are free now.
    public var bytesFreed: UInt64

    public init(packages: [StoredPackage], layers: [StoredLayer] = [], bytesFreed: UInt64) {
        self.packages = packages
        self.layers = layers
        self.bytesFreed = bytesFreed
    }
}
