import BlockCodec
import Glibc
import Integrity
import LinuxSystem
import Testing

@testable import PackageFormat
@testable import PackagePublisher

/// Reads a package the slow, obvious way, checking every rule of docs/PACKAGE.md that spans tables.
struct UnpackedPackage {
    let head: PackageHead
    let index: PackageIndex
    /// Content of each object.
    private(set) var contents: [[UInt8]] = []
    /// Whether each byte of each object is data, block by block.
    private(set) var dataBlocks: [Set<Int>] = []

    init(_ envelope: FilePath, root: Digest? = nil, workshop: Workshop) throws {
        let file = try workshop.read(envelope)
        head = try file.withUnsafeBytes { try PackageHead(parsing: $0, expectedRoot: root) }
        index = PackageIndex(head: head)
        for page in 0..<index.pageCount {
            let range = index.pageRange(page)
            #expect(file[Int(range.offset)..<(Int(range.offset) + range.length)].withUnsafeBytes { index.install(page: page, bytes: $0) })
        }
        if index.pageCount > 0 { #expect(UInt64(file.count) == index.pageRange(index.pageCount - 1).offset + UInt64(index.pageRange(index.pageCount - 1).length)) }
        var sources: [[UInt8]: [UInt8]] = [:]
        let directory = envelope.removingLastComponent()
        for number in 0..<Int(index.layout.objects) {
            let object = try #require(try index.object(number))
            #expect(object.size < 1 << 30, "too large for this reader")
            contents.append([UInt8](repeating: 0, count: Int(object.size)))
            dataBlocks.append([])
            var end: UInt64 = 0
            for extent in object.extents {
                let record = try #require(try index.extent(extent))
                #expect(record.object == UInt32(number) && record.fileOffset >= end)
                try index.check(extent: extent, record, of: object)
                end = record.fileEnd
            }
        }
        var total: UInt64 = 0
        for number in 0..<Int(index.layout.chunks) {
            let chunk = try #require(try index.chunk(number))
            let path = try head.sourcePath(ofChunk: number, chunk)
            if sources[path] == nil { sources[path] = try workshop.read(path.split(separator: UInt8(ascii: "/")).reduce(directory) { $1.elementsEqual(".".utf8) ? $0 : $0.appending(bytes: Array($1)) }) }
            let stored = Array(sources[path]![Int(chunk.offset)..<(Int(chunk.offset) + Int(chunk.storedLength))])
            #expect(stored.withUnsafeBytes { SHA256Hasher.hash($0) } == chunk.digest)
            total += UInt64(chunk.storedLength)
            var raw = [UInt8](repeating: 0, count: Int(chunk.rawLength))
            switch chunk.codec {
            case .stored: raw = stored
            case .zstd: try raw.withUnsafeMutableBytes { out in try stored.withUnsafeBytes { try ZstdDecompressor().decompress($0, into: out) } }
            }
            for extent in chunk.extents {
                let record = try #require(try index.extent(extent))
                let place = try index.placement(ofExtent: extent, record, inChunk: number, chunk)
                let object = Int(record.object)
                contents[object].replaceSubrange(Int(place.fileOffset)..<(Int(place.fileOffset) + place.length), with: raw[place.offsetInChunk..<(place.offsetInChunk + place.length)])
                for block in stride(from: Int(place.fileOffset), to: Int(place.fileOffset) + place.length, by: 4096) {
                    #expect(dataBlocks[object].insert(block / 4096).inserted, "a block lies in two chunks")
                }
            }
        }
        #expect(total == head.manifest.storedBytes)
        for number in contents.indices {
            let digest = try index.object(number)?.digest
            #expect(contents[number].withUnsafeBytes { VerityDigest.contentDigest(of: $0) } == digest, "object \(number)")
        }
    }

    func node(_ path: String) throws -> Int {
        var node = 0
        for component in path.split(separator: "/") { node = try #require(Array(component.utf8).withUnsafeBytes { head.tree.lookup(directory: node, name: $0) }, "\(path) is missing") }
        return node
    }

    func content(_ path: String) throws -> [UInt8] {
        let number = try node(path)
        return head.tree.node(number).objectIndex.map { contents[$0] } ?? []
    }

    /// Compares everything with a directory, in both directions.
    func expectEquals(_ directory: FilePath, node: Int = 0, workshop: Workshop) throws {
        let tree = head.tree
        var left = try SystemCalls.list(directory).sorted { $0.lexicographicallyPrecedes($1) }[...]
        for entry in tree.entries(of: node) {
            let (name, child) = tree.entry(entry)
            #expect(left.popFirst() == Array(name))
            let path = directory.appending(bytes: Array(name))
            let status = try SystemCalls.status(of: path, followSymbolicLinks: false)
            let record = tree.node(child)
            #expect(UInt32(record.mode) == status.mode & 0o7777 && record.modifiedSeconds == status.modifiedSeconds && record.modifiedNanoseconds == status.modifiedNanoseconds, "\(path)")
            switch record.kind {
            case .directory:
                #expect(status.kind == .directory)
                try expectEquals(path, node: child, workshop: workshop)
            case .symbolicLink: #expect(try Array(tree.linkTarget(of: child)) == SystemCalls.readLink(path))
            case .regular:
                #expect(status.kind == .regular && record.size == status.size && UInt64(record.linkCount) == status.linkCount)
                let expected = try workshop.read(path)
                #expect(record.objectIndex.map { contents[$0] } ?? [] == expected, "\(path)")
            }
        }
        #expect(left.isEmpty)
    }
}
