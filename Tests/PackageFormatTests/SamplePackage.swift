import Integrity
import Testing

@testable import PackageFormat

/// A small package made by hand: a shared chunk with two files, a sparse file over three chunks, a hard link, a symbolic link, empty things.
///
///     node  path              object
///        0  .
///        1  dir
///        2  a.txt             0 (5 bytes, extent 0 in chunk 0), also dir/z-link
///        3  empty
///        4  link -> a.txt
///        5  dir/big           1 (20,000 bytes; a hole at 8192; extents 1 and 2 in chunks 1 to 3)
///        6  dir/b             2 (100 bytes, extent in chunk 0)
///        7  dir/none          (an empty directory)
struct SamplePackage {
    static let chunkSize: UInt32 = 4096
    var encoder = PackageTreeEncoder(rootMode: 0o755, modifiedSeconds: 1000, modifiedNanoseconds: 0)
    var manifest = PackageManifest(name: "sample", release: "1.0", sequence: 7, time: 1_700_000_000, chunkSize: chunkSize, source: .packed([.init(name: Array("sample.pack".utf8), size: 20_000)]))
    var objects: [ObjectRecord]
    var extents: [ExtentRecord]
    var chunks: [ChunkRecord]

    init() throws {
        func file(_ size: UInt64, _ data: UInt64, _ object: UInt32) -> TreeNode {
            var node = TreeNode(kind: .regular, mode: 0o644, linkCount: 0, size: size, dataBytes: data, modifiedSeconds: -5, modifiedNanoseconds: 999_999_999)
            node.object = object
            return node
        }
        let directory = TreeNode(kind: .directory, mode: 0o1777, linkCount: 0, modifiedSeconds: 1, modifiedNanoseconds: 2)
        let dir = encoder.add(directory)
        let a = encoder.add(file(5, 5, 0))
        let empty = encoder.add(file(0, 0, TreeNode.none))
        let link = try encoder.add(link: Array("a.txt".utf8), modifiedSeconds: 3, modifiedNanoseconds: 4)
        let big = encoder.add(file(20_000, 15_904, 1))
        let b = encoder.add(file(100, 100, 2))
        let none = encoder.add(directory)
        for (name, parent, node) in [("dir", 0, dir), ("a.txt", 0, a), ("empty", 0, empty), ("link", 0, link), ("z-link", dir, a), ("big", dir, big), ("b", dir, b), ("none", dir, none)] {
            try encoder.add(name: Array(name.utf8), in: parent, node: node)
        }
        func digest(_ n: UInt8) -> Digest { [n].withUnsafeBytes { SHA256Hasher.hash($0) } }
        objects = [
            ObjectRecord(digest: digest(1), size: 5, firstExtent: 0, extentCount: 1),
            ObjectRecord(digest: digest(2), size: 20_000, firstExtent: 2, extentCount: 2),
            ObjectRecord(digest: digest(3), size: 100, firstExtent: 1, extentCount: 1),
        ]
        extents = [
            ExtentRecord(fileOffset: 0, byteCount: 5, firstChunk: 0, offsetInChunk: 0, object: 0),
            ExtentRecord(fileOffset: 0, byteCount: 100, firstChunk: 0, offsetInChunk: 5, object: 2),
            ExtentRecord(fileOffset: 0, byteCount: 4096, firstChunk: 1, offsetInChunk: 0, object: 1),
            ExtentRecord(fileOffset: 8192, byteCount: 11_808, firstChunk: 2, offsetInChunk: 0, object: 1),
        ]
        func chunk(_ n: UInt8, _ offset: UInt64, _ stored: UInt32, _ raw: UInt32, _ extent: UInt32, _ count: UInt32 = 1) -> ChunkRecord {
            ChunkRecord(digest: digest(n), offset: offset, storedLength: stored, rawLength: raw, source: 0, firstExtent: extent, extentCount: count, codec: stored == raw ? .stored : .zstd)
        }
        chunks = [chunk(10, 0, 105, 105, 0, 2), chunk(11, 105, 500, 4096, 2), chunk(12, 605, 4096, 4096, 3), chunk(13, 4701, 100, 4096, 3), chunk(14, 4801, 3616, 3616, 3)]
        manifest.storedBytes = 8417
    }

    func encoding() throws -> PackageEncoding {
        try PackageEncoding(manifest: manifest, tree: encoder.encoded(objectCount: 3), objects: objects, extents: extents, chunks: chunks)
    }

    func bytes() throws -> [UInt8] {
        var encoding = try encoding()
        return encoding.encoded()
    }

    /// The tree's own bytes.
    func tree() -> [UInt8] { encoder.encoded(objectCount: 3).bytes }

    /// An index over the sample with every page installed.
    func index() throws -> PackageIndex {
        let file = try bytes()
        let index = PackageIndex(head: try parse(file).get())
        for page in 0..<index.pageCount {
            let range = index.pageRange(page)
            #expect(file[Int(range.offset)..<(Int(range.offset) + range.length)].withUnsafeBytes { index.install(page: page, bytes: $0) })
        }
        return index
    }
}

/// Parses a head and keeps the error's type.
func parse(_ bytes: [UInt8], root: Digest? = nil) -> Result<PackageHead, PackageError> {
    bytes.withUnsafeBytes { raw in
        do throws(PackageError) { return .success(try PackageHead(parsing: raw, expectedRoot: root)) } catch { return .failure(error) }
    }
}

func requiredLength(_ bytes: [UInt8]) -> Result<UInt64, PackageError> {
    bytes.withUnsafeBytes { raw in
        do throws(PackageError) { return .success(try PackageHead.requiredLength(of: raw)) } catch { return .failure(error) }
    }
}

func parseTree(_ bytes: [UInt8]) -> Result<PackageTree, PackageError> {
    do throws(PackageError) {
        return .success(try PackageTree(length: bytes.count) { (room) throws(PackageError) in room.copyBytes(from: bytes) })
    } catch { return .failure(error) }
}

extension Result {
    var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}

/// Overwrites a little-endian field.
func put<T: FixedWidthInteger>(_ value: T, at offset: Int, in bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<(offset + $0.count), with: $0) }
}
