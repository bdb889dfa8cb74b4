import Glibc
import LinuxSystem

/// A directory that takes what programs write over a package (overlayfs): `upper` has it as plain files, `work` is the file system's own, and
/// whoever has the layer mounted holds the lock of the file `lock`.
public struct LayerDirectory: Sendable {
    public let path: FilePath

    public init(_ path: FilePath) { self.path = path }

    /// Where the layers of a store's packages are, one for each name that a package is run by.
    public static func parent(inStore store: FilePath) -> FilePath { store.appending("writable") }

    /// The layers in a store, by name.
    public static func all(inStore store: FilePath) -> [LayerDirectory] {
        let parent = parent(inStore: store)
        return ((try? SystemCalls.list(parent)) ?? []).map { String(decoding: $0, as: UTF8.self) }.sorted().map { LayerDirectory(parent.appending($0)) }
            .filter { (try? SystemCalls.status(of: $0.path, followSymbolicLinks: false))?.kind == .directory }
    }

    public var name: String { path.lastComponent?.string ?? "" }
    private var lock: FilePath { path.appending("lock") }

    /// Takes the layer for whoever holds the descriptor: two overlays over one directory would damage it. Makes the directory where it is not there.
    ///
    /// - Returns: nil when somebody else has it.
    public func claim() throws(Errno) -> OwnedDescriptor? {
        // It may be removed between being opened and being locked.
        for _ in 0..<8 {
            try SystemCalls.makeDirectories(path, mode: 0o700)
            let file = try SystemCalls.open(lock, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            do { try SystemCalls.lockExclusively(file.rawValue) } catch {
                if error == .resourceTemporarilyUnavailable { return nil }
                throw error
            }
            let own = try SystemCalls.status(of: file.rawValue)
            if let there = try? SystemCalls.status(of: lock, followSymbolicLinks: false), there.device == own.device, there.inode == own.inode { return file }
        }
        return nil
    }

    /// Whether a program or a mount has it now. Takes nothing.
    public var isClaimed: Bool {
        guard let file = try? SystemCalls.open(lock, flags: O_RDWR | O_NOFOLLOW) else { return false }
        return (try? SystemCalls.isLocked(file.rawValue)) == true
    }

    /// Bytes on disk of what was written.
    public var bytes: UInt64 { Self.bytes(below: path.appending("upper")) }

    private static func bytes(below path: FilePath) -> UInt64 {
        guard let status = try? SystemCalls.status(of: path, followSymbolicLinks: false) else { return 0 }
        guard status.kind == .directory else { return status.blocks * 512 }
        return ((try? SystemCalls.list(path)) ?? []).reduce(status.blocks * 512) { $0 + bytes(below: path.appending(bytes: $1)) }
    }

    /// Removes it with all that was written.
    ///
    /// - Returns: false when somebody has it: nothing is removed then.
    public func remove() throws(Errno) -> Bool {
        guard let held = try claim() else { return false }
        let directory = try SystemCalls.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        try SystemCalls.removeContents(of: directory.rawValue)
        try SystemCalls.removeDirectory(path)
        held.close()
        return true
    }
}
