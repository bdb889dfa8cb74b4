import Testing

@testable import PackageFormat

@Suite struct PackageManifestTests {
    static let prefix = PackagePrefix(manifestLength: 320, signatureLength: 0)

    static func parseManifest(_ bytes: [UInt8]) -> Result<PackageManifest, PackageError> {
        bytes.withUnsafeBytes { raw in
            do throws(PackageError) { return .success(try PackageManifest(parsing: raw, prefix: prefix)) } catch { return .failure(error) }
        }
    }

    static func sample() throws -> PackageManifest {
        var manifest = try SamplePackage().encoding().manifest
        manifest.source = .packed([.init(name: Array("one".utf8), size: 1), .init(name: [0xff, 0x80], size: 2)])
        return manifest
    }

    /// True if a manifest changed like this survives encoding and parsing unchanged.
    static func accepts(_ change: (inout PackageManifest) -> Void) throws -> Bool {
        var manifest = try sample()
        change(&manifest)
        guard let parsed = try? parseManifest(manifest.encoded()).get() else { return false }
        return parsed == manifest
    }

    @Test func truncatedAtEveryLengthAndOnePast() throws {
        let bytes = try Self.sample().encoded()
        #expect(throws: Never.self) { try Self.parseManifest(bytes).get() }
        for length in 0..<bytes.count { #expect(Self.parseManifest(Array(bytes.prefix(length))).failure != nil) }
        #expect(Self.parseManifest(bytes + [0]).failure == .malformed("1 bytes follow the manifest's last field"))
    }

    @Test func stringsAtTheirLimits() throws {
        let longest = String(repeating: "n", count: PackageLimits.nameLength)
        #expect(try Self.accepts { $0.name = longest; $0.release = longest })
        #expect(try !Self.accepts { $0.name = longest + "n" })
        #expect(try !Self.accepts { $0.release = longest + "n" })
        #expect(try Self.accepts { $0.release = "" })
        #expect(try Self.accepts { $0.name = "Grüße 🚀" })
        for bad in ["", ".", "..", "a/b", "a\nb", "a\u{0}b", "\u{7f}", "\u{9b}31m"] { #expect(try !Self.accepts { $0.name = bad }, "\(bad)") }
        for bad in ["a/b", "\u{1b}[2J"] { #expect(try !Self.accepts { $0.release = bad }) }
    }

    @Test func packsAtTheirLimits() throws {
        func packs(_ count: Int, _ name: [UInt8] = [65], size: UInt64 = 1) -> PackageManifest.Source { .packed(Array(repeating: .init(name: name, size: size), count: count)) }
        #expect(try Self.accepts { $0.source = packs(PackageLimits.packCount) })
        #expect(try !Self.accepts { $0.source = packs(PackageLimits.packCount + 1) })
        #expect(try Self.accepts { $0.source = packs(0) })
        #expect(try Self.accepts { $0.source = packs(1, [UInt8](repeating: 65, count: 255)) })
        #expect(try !Self.accepts { $0.source = packs(1, [UInt8](repeating: 65, count: 256)) })
        #expect(try Self.accepts { $0.source = packs(1, size: PackageLimits.fileSize) })
        #expect(try !Self.accepts { $0.source = packs(1, size: PackageLimits.fileSize + 1) })
        for bad in ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\u{0}"] { #expect(try !Self.accepts { $0.source = packs(1, Array(bad.utf8)) }, "\(bad)") }
    }

    @Test func basePathsStayRelative() throws {
        func source(_ path: String, note: String = "") -> PackageManifest.Source { .inPlace(basePath: Array(path.utf8), note: note) }
        for good in ["", "a", "a/b", "..", "../..", "../a/b", "...", "a/.hidden"] { #expect(try Self.accepts { $0.source = source(good) }, "\(good)") }
        for bad in ["/", "/etc", "a/..", "a/../b", "../a/..", "a//b", "a/", "/a", ".", "./a", "a/.", "a\u{0}b"] {
            #expect(try !Self.accepts { $0.source = source(bad) }, "\(bad)")
        }
        let component = String(repeating: "c", count: 255)
        let longest = Array(repeating: component, count: 15).joined(separator: "/") + "/" + String(repeating: "d", count: 255)
        #expect(longest.utf8.count == PackageLimits.basePathLength)
        #expect(try Self.accepts { $0.source = source(longest) })
        #expect(try !Self.accepts { $0.source = source("../" + longest.dropLast(2)) })
        #expect(try !Self.accepts { $0.source = source(component + "c") })
        #expect(try Self.accepts { $0.source = source("a", note: String(repeating: "n", count: PackageLimits.noteLength)) })
        #expect(try !Self.accepts { $0.source = source("a", note: String(repeating: "n", count: PackageLimits.noteLength + 1)) })
    }

    @Test func entriesStayInside() throws {
        for good in ["", "a", "bin/app", "...", "a/.hidden"] { #expect(try Self.accepts { $0.entry = Array(good.utf8) }, "\(good)") }
        for bad in ["/", "/bin/sh", "..", "../a", "a/..", "a/../b", "a//b", "a/", ".", "./a", "a\u{0}b"] {
            #expect(try !Self.accepts { $0.entry = Array(bad.utf8) }, "\(bad)")
        }
        let longest = Array(repeating: String(repeating: "c", count: 255), count: 16).joined(separator: "/")
        #expect(longest.utf8.count == PackageLimits.entryLength)
        #expect(try Self.accepts { $0.entry = Array(longest.utf8) })
        #expect(try !Self.accepts { $0.entry = Array((longest + "/d").utf8) })
        #expect(try Self.accepts { $0.entry = [0xff, 0x80]; $0.source = .inPlace(basePath: Array("a".utf8), note: "n") })
    }

    @Test func numbersAtTheirLimits() throws {
        for size in [UInt32(4096), 131_072, 4 << 20] { #expect(try Self.accepts { $0.chunkSize = size }) }
        for size in [UInt32(0), 1, 2048, 4095, 4097, 131_073, (4 << 20) + 1, 8 << 20, .max] { #expect(try !Self.accepts { $0.chunkSize = size }) }
        #expect(try Self.accepts { $0.time = .min; $0.sequence = .max })
        let limit = PackageLimits.fileSize
        #expect(try Self.accepts { $0.bytes = limit; $0.dataBytes = limit; $0.storedBytes = limit })
        #expect(try !Self.accepts { $0.bytes = limit + 1 })
        #expect(try !Self.accepts { $0.storedBytes = limit + 1 })
        #expect(try !Self.accepts { $0.dataBytes = $0.bytes + 1 })
        #expect(try !Self.accepts { $0.requiredFeatures = 1 })
    }

    @Test func sectionsAtTheirLimits() throws {
        func place(_ manifest: inout PackageManifest, tree: UInt64, layout: IndexLayout) {
            manifest.layout = layout
            manifest.tree.storedLength = tree
            manifest.pageDigests.offset = tree
            manifest.pageDigests.storedLength = layout.pageCount * 32
            manifest.pageDigests.length = layout.pageCount * 32
            manifest.index.offset = tree &+ layout.pageCount * 32
            manifest.index.storedLength = layout.length
            manifest.index.length = layout.length
        }
        let most = IndexLayout(objects: 0, extents: 0, chunks: UInt32(PackageLimits.indexPageCount * IndexLayout.pageSize / 64))
        #expect(try Self.accepts { place(&$0, tree: PackageLimits.treeLength, layout: most); $0.tree.length = PackageLimits.treeLength })
        #expect(try !Self.accepts { place(&$0, tree: PackageLimits.treeLength + 1, layout: most) })
        #expect(try !Self.accepts { $0.tree.length = PackageLimits.treeLength + 1 })
        #expect(try !Self.accepts { place(&$0, tree: 100, layout: IndexLayout(objects: 0, extents: 0, chunks: most.chunks + 1)) })
        #expect(try !Self.accepts { place(&$0, tree: 100, layout: IndexLayout(objects: .max, extents: .max, chunks: .max)) })
        #expect(try Self.accepts { place(&$0, tree: 100, layout: IndexLayout(objects: 0, extents: 0, chunks: 0)) })
        for change: (inout PackageManifest) -> Void in [
            { $0.tree.offset = 1 }, { $0.pageDigests.offset += 1 }, { $0.pageDigests.offset = .max }, { $0.pageDigests.storedLength = .max },
            { $0.pageDigests.length -= 1 }, { $0.index.offset -= 1 }, { $0.index.storedLength += 1 }, { $0.index.length = 0 }, { $0.tree.storedLength = .max },
        ] { #expect(try !Self.accepts(change)) }
    }

    @Test func fixedFieldsAndKinds() throws {
        let bytes = try Self.sample().encoded()
        func with(_ value: UInt32, at offset: Int) -> PackageError? { var bad = bytes; put(value, at: offset, in: &bad); return Self.parseManifest(bad).failure }
        #expect(with(2, at: 0) == .unsupportedVersion(2))
        #expect(with(8192, at: 24) == .malformed("the block size is 8192, not 4096"))
        #expect(with(4096, at: 32) == .malformed("the index page size is 4096, not 65536"))
        #expect(with(2, at: PackageManifest.sourceOffset) == .malformed("the kind of source is 2, not 0 or 1"))
        #expect(with(1, at: PackageManifest.sourceOffset) == .malformed("an in-place package has packs"))
        #expect(with(99, at: 100) == .malformed("the number of index pages does not follow from the tables"))
        #expect(with(1, at: PackageManifest.reservedOffset) == .malformed("a reserved byte of the manifest is not zero"))
        var placed = try Self.sample()
        placed.source = .inPlace(basePath: [65], note: "n")
        var other = placed.encoded()
        put(UInt32(0), at: PackageManifest.sourceOffset, in: &other)
        #expect(Self.parseManifest(other).failure == .malformed("a packed package has a base path or a note"))
    }
}
