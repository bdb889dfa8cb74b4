import BlockCodec
import Integrity

/// What one request from the start of an envelope brings: the manifest, the tree and the digests of the index's pages.
/// Everything in it was checked against the root digest before it was decoded. Immutable: callable from any thread.
public struct PackageHead: Sendable {
    /// How much to ask for first: the whole head of all but large packages comes with it.
    public static let firstRequestLength: UInt64 = 320 * 1024

    public let prefix: PackagePrefix
    /// SHA-256 of the manifest's bytes: names the package.
    public let root: Digest
    public let manifest: PackageManifest
    public let tree: PackageTree
    /// SHA-256 of each page of the index.
    public let pageDigests: [Digest]
    /// Bytes in the head: the index starts here.
    public let length: UInt64

    /// How many bytes from the envelope's start the head takes, as far as `bytes`, its first bytes, tell. Ask until the answer
    /// is not above what you have: the first 128 bytes tell the manifest's length, the manifest tells the rest.
    ///
    /// - Throws: `PackageError`; the manifest is not checked against any root here.
    public static func requiredLength(of bytes: UnsafeRawBufferPointer) throws(PackageError) -> UInt64 {
        if bytes.count < PackagePrefix.length {
            do { _ = try PackagePrefix(parsing: bytes) } catch .truncated(let needed, _) { return needed }
        }
        let prefix = try PackagePrefix(parsing: bytes)
        guard UInt64(bytes.count) >= prefix.bodyOffset else { return prefix.bodyOffset }
        return headLength(prefix, try PackageManifest(parsing: manifestBytes(bytes, prefix), prefix: prefix))
    }

    /// Parses an envelope's first bytes; bytes behind the head are ignored.
    ///
    /// - Parameter expectedRoot: the root digest that the package was asked for by, when it is known.
    /// - Throws: `PackageError`: wrong root, wrong digest of a section, or a rule that is broken.
    public init(parsing bytes: UnsafeRawBufferPointer, expectedRoot: Digest?) throws(PackageError) {
        prefix = try PackagePrefix(parsing: bytes)
        try Self.require(prefix.bodyOffset, bytes)
        let manifestBytes = Self.manifestBytes(bytes, prefix)
        root = SHA256Hasher.hash(manifestBytes)
        if let expectedRoot, expectedRoot != root { throw .wrongRoot(expected: expectedRoot, found: root) }
        let manifest = try PackageManifest(parsing: manifestBytes, prefix: prefix)
        length = Self.headLength(prefix, manifest)
        try Self.require(length, bytes)
        let body = UnsafeRawBufferPointer(rebasing: bytes[Int(prefix.bodyOffset)...])
        let storedTree = try Self.section(manifest.tree, body, .tree)
        let digests = try Self.section(manifest.pageDigests, body, .pageDigests)
        pageDigests = stride(from: 0, to: digests.count, by: Digest.length).map {
            Digest(UnsafeRawBufferPointer(rebasing: digests[$0..<($0 + Digest.length)]))
        }
        tree = try PackageTree(length: Int(manifest.tree.length)) { (destination) throws(PackageError) in
            do { try ZstdDecompressor().decompress(storedTree, into: destination) } catch {
                throw .malformed("its tree cannot be decoded: \(error)")
            }
        }
        self.manifest = manifest
        try checkTotals()
    }

    private func checkTotals() throws(PackageError) {
        let totals = TreeTotals(
            files: manifest.files, directories: manifest.directories, symbolicLinks: manifest.symbolicLinks,
            bytes: manifest.bytes, dataBytes: manifest.dataBytes)
        guard totals == tree.totals else { throw .malformed("the manifest's totals are not those of the tree") }
        guard tree.objectCount == Int(manifest.layout.objects) else { throw .malformed("manifest and tree name different numbers of objects") }
    }

    private static func headLength(_ prefix: PackagePrefix, _ manifest: PackageManifest) -> UInt64 {
        prefix.bodyOffset + manifest.pageDigests.offset + manifest.pageDigests.storedLength
    }

    private static func manifestBytes(_ bytes: UnsafeRawBufferPointer, _ prefix: PackagePrefix) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[PackagePrefix.length..<(PackagePrefix.length + prefix.manifestLength)])
    }

    private static func require(_ needed: UInt64, _ bytes: UnsafeRawBufferPointer) throws(PackageError) {
        guard UInt64(bytes.count) >= needed else { throw .truncated(needed: needed, available: UInt64(bytes.count)) }
    }

    private static func section(_ section: PackageSection, _ body: UnsafeRawBufferPointer, _ name: PackageError.Section) throws(PackageError) -> UnsafeRawBufferPointer {
        let bytes = UnsafeRawBufferPointer(rebasing: body[Int(section.offset)..<Int(section.offset + section.storedLength)])
        guard SHA256Hasher.hash(bytes) == section.digest else { throw .digestMismatch(name) }
        return bytes
    }
}
