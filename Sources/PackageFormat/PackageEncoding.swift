import BlockCodec
import Integrity

/// Puts an envelope together from its tables. The same input gives the same bytes.
///
/// The index is written page by page while the caller provides the file, so that it is in memory only once, as records.
public struct PackageEncoding {
    /// The tree's level: it is small, and every client downloads it before anything else.
    public static let treeCompressionLevel = 19

    public var manifest: PackageManifest
    public var objects: [ObjectRecord]
    public var extents: [ExtentRecord]
    public var chunks: [ChunkRecord]
    private let storedTree: [UInt8]

    /// - Parameters:
    ///   - manifest: identity and stored bytes; the totals, counts and sections are filled in here.
    ///   - tree: an encoded tree (`PackageTreeEncoder`).
    /// - Throws: `PackageError` when a limit of the format is passed.
    public init(manifest: PackageManifest, tree: EncodedTree, objects: [ObjectRecord], extents: [ExtentRecord], chunks: [ChunkRecord]) throws(PackageError) {
        self.manifest = manifest
        self.objects = objects
        self.extents = extents
        self.chunks = chunks
        try PackageManifest.check("tree length", UInt64(tree.bytes.count), atMost: PackageLimits.treeLength)
        // Above 8 MiB the highest level takes seconds for a few per cent.
        let compressor = ZstdCompressor(level: tree.bytes.count > 8 << 20 ? 9 : Self.treeCompressionLevel)
        storedTree = tree.bytes.withUnsafeBytes { raw in
            [UInt8](unsafeUninitializedCapacity: ZstdCompressor.bound(raw.count)) { buffer, count in
                count = compressor.compress(raw, into: UnsafeMutableRawBufferPointer(buffer))!
            }
        }
        self.manifest.files = tree.totals.files
        self.manifest.directories = tree.totals.directories
        self.manifest.symbolicLinks = tree.totals.symbolicLinks
        self.manifest.bytes = tree.totals.bytes
        self.manifest.dataBytes = tree.totals.dataBytes
        self.manifest.layout = IndexLayout(objects: UInt32(objects.count), extents: UInt32(extents.count), chunks: UInt32(chunks.count))
        self.manifest.tree = PackageSection(
            offset: 0, storedLength: UInt64(storedTree.count), length: UInt64(tree.bytes.count),
            digest: storedTree.withUnsafeBytes { SHA256Hasher.hash($0) })
        let layout = self.manifest.layout
        self.manifest.pageDigests = PackageSection(
            offset: UInt64(storedTree.count), storedLength: layout.pageCount * 32, length: layout.pageCount * 32, digest: .zero)
        self.manifest.index = PackageSection(
            offset: UInt64(storedTree.count) + layout.pageCount * 32, storedLength: layout.length, length: layout.length, digest: .zero)
        try self.manifest.validate()
    }

    /// Bytes of the envelope.
    public var envelopeLength: UInt64 {
        UInt64(PackagePrefix.length + manifest.encoded().count) + manifest.index.offset + manifest.index.storedLength
    }

    /// SHA-256 of the index. It does not depend on the manifest, so that packs can be named after it.
    public func indexDigest() -> Digest {
        var whole = SHA256Hasher()
        for page in 0..<Int(manifest.layout.pageCount) { encodedPage(page).withUnsafeBytes { whole.update($0) } }
        return whole.finish()
    }

    /// Writes the envelope through `write`, which is given bytes and their offset in the file: first the index, then the head.
    ///
    /// - Returns: the package's root digest.
    public mutating func write<Failure: Error>(_ write: (UnsafeRawBufferPointer, UInt64) throws(Failure) -> Void) throws(Failure) -> Digest {
        // The manifest's length depends on its strings only, so that every offset is known before a digest is.
        let prefix = PackagePrefix(requiredFeatures: manifest.requiredFeatures, manifestLength: manifest.encoded().count, signatureLength: 0)
        let layout = manifest.layout
        var whole = SHA256Hasher()
        var pageDigests = ByteWriter()
        for page in 0..<Int(layout.pageCount) {
            let bytes = encodedPage(page)
            bytes.withUnsafeBytes { whole.update($0); pageDigests.digest(SHA256Hasher.hash($0)) }
            try Self.pass(bytes, prefix.bodyOffset + manifest.index.offset + UInt64(page) * IndexLayout.pageSize, write)
        }
        manifest.index.digest = whole.finish()
        manifest.pageDigests.digest = pageDigests.bytes.withUnsafeBytes { SHA256Hasher.hash($0) }
        let encoded = manifest.encoded()
        try Self.pass(prefix.encoded() + encoded + storedTree + pageDigests.bytes, 0, write)
        return encoded.withUnsafeBytes { SHA256Hasher.hash($0) }
    }

    /// The whole envelope in memory, for small packages and tests.
    public mutating func encoded() -> [UInt8] {
        var file: [UInt8] = []
        _ = write { (bytes: UnsafeRawBufferPointer, offset: UInt64) in
            let end = Int(offset) + bytes.count
            if file.count < end { file.append(contentsOf: repeatElement(0, count: end - file.count)) }
            file.replaceSubrange(Int(offset)..<end, with: bytes)
        }
        return file
    }

    private func encodedPage(_ page: Int) -> [UInt8] {
        let layout = manifest.layout
        let start = UInt64(page) * IndexLayout.pageSize
        let end = start + UInt64(layout.length(ofPage: page))
        var writer = ByteWriter()
        var offset = start
        // Pages start at a record, because all record lengths divide the page's and the chunk table is aligned.
        while offset < end {
            if offset < layout.extentsOffset {
                objects[Int(offset) / ObjectRecord.length].write(to: &writer)
            } else if offset < layout.extentsOffset + UInt64(extents.count * ExtentRecord.length) {
                extents[Int(offset - layout.extentsOffset) / ExtentRecord.length].write(to: &writer)
            } else if offset < layout.chunksOffset {
                writer.zeros(Int(layout.chunksOffset - offset))
            } else {
                chunks[Int(offset - layout.chunksOffset) / ChunkRecord.length].write(to: &writer)
            }
            offset = start + UInt64(writer.bytes.count)
        }
        return writer.bytes
    }

    // `withUnsafeBytes` rethrows untyped; this keeps the type.
    private static func pass<Failure: Error>(_ bytes: [UInt8], _ offset: UInt64, _ write: (UnsafeRawBufferPointer, UInt64) throws(Failure) -> Void) throws(Failure) {
        let result: Result<Void, Failure> = bytes.withUnsafeBytes { raw in
            do throws(Failure) { return .success(try write(raw, offset)) } catch { return .failure(error) }
        }
        try result.get()
    }
}
