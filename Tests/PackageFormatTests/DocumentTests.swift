import Glibc
import Testing

@testable import PackageFormat

/// Holds docs/PACKAGE.md, the tables in the sources and the bytes that are written together.
@Suite struct DocumentTests {
    struct Row { var offset: Int; var size: Int?; var meaning: String }

    static let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

    static func text(_ path: String) throws -> String {
        let file = try #require(fopen(root + "/" + path, "r"), "\(root)/\(path) cannot be read")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while true { let c = getc(file); if c < 0 { break }; bytes.append(UInt8(c)) }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func rows(_ lines: [Substring]) -> [Row] {
        lines.compactMap { line in
            let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
            guard let offset = words.first.flatMap({ Int($0) }) else { return nil }
            if words.count == 3, let size = Int(words[1]) { return Row(offset: offset, size: size, meaning: String(words[2])) }
            return Row(offset: offset, size: nil, meaning: words.dropFirst().joined(separator: " "))
        }
    }

    /// The fenced blocks of the document that start with the table's head, cut where a line without a number starts another table.
    static func tables() throws -> [[Row]] {
        let blocks = try text("docs/PACKAGE.md").split(separator: "```", omittingEmptySubsequences: false).filter { $0.hasPrefix("\nOFFSET SIZE MEANING") }
        return blocks.flatMap { block in
            block.split(separator: "\n").dropFirst().split { Int($0.split(separator: " ").first ?? "") == nil }.map { rows(Array($0)) }
        }
    }

    @Test func offsetsFollowFromSizes() throws {
        let tables = try Self.tables()
        #expect(tables.count == 10)
        for table in tables {
            var next = 0
            for row in table {
                #expect(row.offset == next, "\(row.meaning)")
                next = row.offset + (row.size ?? 0)
            }
        }
        let lengths = tables.map { ($0.last?.offset ?? 0) + ($0.last?.size ?? 0) }
        #expect(lengths == [
            PackagePrefix.length, PackageManifest.fixedLength, 10, PackageSection.recordLength, TreeLayout.headerLength, TreeNode.length, TreeEntry.length,
            ObjectRecord.length, ExtentRecord.length, ChunkRecord.length,
        ])
    }

    @Test func sourcesHoldTheSameTables() throws {
        let document = try Self.text("docs/PACKAGE.md")
        var found = 0
        for file in ["PackagePrefix", "PackageManifest", "PackageSection", "TreeLayout", "TreeNode", "TreeEntry", "IndexRecords"] {
            let lines = try Self.text("Sources/PackageFormat/\(file).swift").split(separator: "\n", omittingEmptySubsequences: false)
            var inTable = false
            for line in lines {
                if line.contains("OFFSET SIZE MEANING") { inTable = true; found += 1; continue }
                guard line.hasPrefix("///") else { inTable = false; continue }
                if inTable, line.hasPrefix("///     ") { #expect(document.contains("\n" + line.dropFirst(8) + "\n"), "\(file): \(line)") }
            }
        }
        #expect(found == 9)
    }

    /// Distinct values, read back from the bytes at the documented offsets.
    @Test func writtenBytesLieWhereTheDocumentSays() throws {
        let tables = try Self.tables()
        let sample = try SamplePackage()
        let file = try sample.bytes()
        let head = try parse(file).get()
        func check(_ table: Int, at base: Int, in bytes: [UInt8], _ expected: [(String, UInt64)]) {
            for (meaning, value) in expected {
                guard let row = tables[table].first(where: { $0.meaning.hasPrefix(meaning) }), let size = row.size else { Issue.record("no field \(meaning)"); continue }
                let found = bytes[(base + row.offset)..<(base + row.offset + min(size, 8))].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                #expect(found == value, "\(meaning)")
            }
        }
        let m = head.manifest
        check(0, at: 0, in: file, [("magic", 0x014b_5053_4643_4e49), ("format", 1), ("manifest", UInt64(head.prefix.manifestLength)), ("signature", 0)])
        check(1, at: 128, in: file, [
            ("format", 1), ("sequence", 7), ("time", 1_700_000_000), ("block size", 4096), ("chunk size", 4096), ("index page size", 65_536), ("kind", 0), ("regular", 4),
            ("directories", 3), ("symbolic", 1), ("bytes", 20_105), ("data bytes", 16_009), ("stored", 8417), ("objects", 3), ("extents", 4), ("chunks", 5), ("index pages", 1),
            ("name", 6), ("release", 3), ("pack", 1), ("base", 0), ("note", 0),
        ])
        for (name, section) in [("section: tree", m.tree), ("section: page digests", m.pageDigests), ("section: index", m.index)] {
            let offset = try #require(tables[1].first { $0.meaning == name }).offset
            check(3, at: 128 + offset, in: file, [("offset", section.offset), ("stored", section.storedLength), ("length", section.length)])
        }
        let tree = sample.tree()
        check(4, at: 0, in: tree, [("node count", 8), ("entry count", 8), ("object count", 3), ("string", 36)])
        check(5, at: 64 + 2 * 64, in: tree, [
            ("kind", 1), ("mode", 0o644), ("link", 2), ("size", 5), ("data", 5), ("modification time, seconds", UInt64(bitPattern: -5)), ("modification time, nano", 999_999_999),
            ("object", 0), ("first entry", 0), ("entry count", 0), ("parent", 0), ("entry that", 0),
        ])
        check(5, at: 64 + 4 * 64, in: tree, [("kind", 3), ("object", 0xffff_ffff), ("symbolic link target: offset", 0), ("symbolic link target: length", 5), ("entry that", 3)])
        check(5, at: 64 + 1 * 64, in: tree, [("kind", 2), ("first entry", 4), ("entry count", 4), ("entry that", 1)])
        check(6, at: 64 + 8 * 64 + 4 * 16, in: tree, [("name:", 31), ("name length", 1), ("node", 6), ("directory", 1)])
        let index = Array(file.suffix(Int(m.layout.length)))
        check(7, at: 64, in: index, [("size", 20_000), ("first extent", 2), ("extent count", 2)])
        check(8, at: 192 + 32, in: index, [("offset in the object", 0), ("length", 100), ("first chunk", 0), ("offset in the first", 5), ("object", 2), ("flags", 0)])
        check(8, at: 192 + 96, in: index, [("offset in the object", 8192), ("length", 11_808), ("first chunk", 2)])
        check(9, at: 320 + 64, in: index, [("offset", 105), ("stored length", 500), ("raw", 4096), ("source", 0), ("first extent", 2), ("extent count", 1), ("codec", 1)])
    }
}
