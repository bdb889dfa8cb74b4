import Glibc
import Integrity
import LinuxSystem
import PackageFormat
import VolumeCore

/// What a store keeps of packages besides content: heads (manifest, tree, page digests) and index pages by root digest, and
/// which root an address had last. With these a mount needs no network.
///
///     STORE/packages/<root>/head     the envelope's first bytes, as many as PackageHead needs
///     STORE/packages/<root>/index    index pages, sparse
///     STORE/packages/<root>/used     empty; its time is that of the last use
///     STORE/addresses/<digest>       the root (64 digits) that the address with that SHA-256 had last
public struct PackageCache: Sendable {
    let store: FilePath

    public init(store: FilePath) { self.store = store }

    private func directory(_ root: Digest) -> FilePath { store.appending("packages").appending(root.description) }

    /// Where the index pages of a package are kept; its directory is made.
    public func indexFile(root: Digest) throws(Errno) -> FilePath {
        try SystemCalls.makeDirectories(directory(root))
        return directory(root).appending("index")
    }

    /// The verified head of the package with this root, if it is kept.
    public func head(root: Digest) -> PackageHead? {
        guard let bytes = read(directory(root).appending("head"), limit: 1 << 30) else { return nil }
        return bytes.withUnsafeBytes { try? PackageHead(parsing: $0, expectedRoot: root) }
    }

    /// Keeps the bytes of a verified head.
    public func keep(head bytes: UnsafeRawBufferPointer, root: Digest) throws(Errno) {
        try SystemCalls.makeDirectories(directory(root))
        try write(bytes, to: directory(root).appending("head"))
    }

    /// The packages that are kept: those that have a head.
    public func roots() -> [Digest] {
        ((try? SystemCalls.list(store.appending("packages"))) ?? []).compactMap { name in
            guard let root = Digest(hex: String(decoding: name, as: UTF8.self)),
                (try? SystemCalls.status(of: directory(root).appending("head"), followSymbolicLinks: false))?.kind == .regular else { return nil }
            return root
        }
    }

    /// Notes that the package is used now. A full disk may refuse; then the time stays.
    public func touch(root: Digest) {
        // Truncating sets the time even of an empty file (open(2)).
        _ = try? SystemCalls.open(directory(root).appending("used"), flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    }

    /// Seconds since 1970 when the package was last used.
    public func lastUse(root: Digest) -> Int64 {
        for name in ["used", "head"] {
            if let status = try? SystemCalls.status(of: directory(root).appending(name), followSymbolicLinks: false) { return status.modifiedSeconds }
        }
        return 0
    }

    /// Forgets a package: the head first, without which the rest is nothing.
    public func remove(root: Digest) throws(Errno) {
        try SystemCalls.unlink(directory(root).appending("head"), missingIsFine: true)
        try SystemCalls.removeTree(directory(root))
    }

    /// Removes what a removal left behind that was cut off, except what belongs to the packages in `roots`.
    public func removeRemains(except roots: Set<Digest>) {
        let kept = Set(self.roots()).union(roots)
        for name in (try? SystemCalls.list(store.appending("packages"))) ?? [] {
            guard let root = Digest(hex: String(decoding: name, as: UTF8.self)), !kept.contains(root) else { continue }
            try? SystemCalls.removeTree(directory(root))
        }
    }

    /// The index of a kept package, as far as its pages are here.
    public func index(root: Digest, head: PackageHead) -> PackageIndex { PackageIndex(head: head, keptAt: directory(root).appending("index")) }

    /// The root that `address` had when it was last opened.
    public func root(ofAddress address: String) -> Digest? {
        guard let bytes = read(addressFile(address), limit: 64) else { return nil }
        return Digest(hex: String(decoding: bytes, as: UTF8.self))
    }

    /// Remembers the root of an address.
    public func remember(root: Digest, ofAddress address: String) throws(Errno) {
        try SystemCalls.makeDirectories(store.appending("addresses"))
        let text = Array(root.description.utf8)
        let result = text.withUnsafeBytes { bytes -> Result<Void, Errno> in
            do throws(Errno) { return .success(try write(bytes, to: addressFile(address))) } catch { return .failure(error) }
        }
        try result.get()
    }

    private func addressFile(_ address: String) -> FilePath {
        let digest = Array(address.utf8).withUnsafeBytes { SHA256Hasher.hash($0) }
        return store.appending("addresses").appending(digest.description)
    }

    private func read(_ path: FilePath, limit: UInt64) -> [UInt8]? {
        do {
            let file = try SystemCalls.open(path, flags: O_RDONLY)
            let size = try SystemCalls.status(of: file.rawValue).size
            guard size <= limit else { return nil }
            var bytes = [UInt8](repeating: 0, count: Int(size))
            let descriptor = file.rawValue
            let n = try bytes.withUnsafeMutableBytes { try SystemCalls.preadAll(descriptor, into: $0, at: 0) }
            return n == bytes.count ? bytes : nil
        } catch { return nil }
    }

    /// Whole or not at all: a temporary name, then rename(2).
    private func write(_ bytes: UnsafeRawBufferPointer, to path: FilePath) throws(Errno) {
        let temporary = path.removingLastComponent().appending("\(path.lastComponent?.string ?? "file").\(getpid()).\(SystemCalls.threadID()).tmp")
        do throws(Errno) {
            let file = try SystemCalls.open(temporary, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try SystemCalls.pwriteAll(file.rawValue, bytes, at: 0)
            try SystemCalls.fdatasync(file.rawValue)
            file.close()
            try SystemCalls.rename(temporary, to: path)
        } catch {
            _ = try? SystemCalls.unlink(temporary, missingIsFine: true)
            throw error
        }
    }
}
