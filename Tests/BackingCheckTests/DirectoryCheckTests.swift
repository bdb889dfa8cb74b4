import ContractVolume
import Glibc
import LinuxSystem
import Testing

@testable import BackingCheck

/// The strict reader: content with what is right, and exact about what is not.
@Suite struct DirectoryCheckTests {
    private func findings(_ root: FilePath, data: Bool = false) throws -> [BackingFinding] {
        try BackingDirectoryCheck(root, readsData: data).findings.filter { $0.severity != .note }
    }

    @Test func theGoldenDirectoryIsInOrder() throws {
        let data = try GoldenDirectory()
        let found = try findings(data.root)
        #expect(found.isEmpty, "\(found)")
    }

    /// The blocks that the kernel could not read are the ones that are found. What waits for its hash blocks is not damaged.
    @Test func dataThatCannotBeReadIsFound() throws {
        let data = try GoldenDirectory()
        let found = try BackingDirectoryCheck(data.root, readsData: true).findings.filter { $0.message.contains("EBADMSG") }
        let bad = Set(data.golden.files.filter { $0.readback.bad > 0 }.compactMap(\.finalPath))
        #expect(Set(found.map(\.path)) == bad)
        #expect(found.contains { $0.path == "signed_nohash" && $0.severity == .note && $0.message.contains("Blocks 0 to 29: hash block 0 above has not been stored yet") })
        #expect(Set(found.filter { $0.severity != .note }.map(\.path)) == ["signed_salt_used"])
    }

    @Test func oldFilesAreAccepted() throws {
        let place = try Scratch.directory("old")
        defer { try? Scratch.run(["rm", "-rf", place.string]) }
        let file = try SystemCalls.open(place.appending("old"), flags: O_RDWR | O_CREAT, mode: 0o644)
        try write(OldFile.bytes, 0, file.rawValue)
        try BackingAttributes.set(BackingAttributes.size, [12, 0, 0, 0, 0, 0, 0, 0], ofDescriptor: file.rawValue)
        #expect(try findings(place).isEmpty)
        // One bit of what the checksum covers.
        try write([0x6a], 0x88, file.rawValue)
        #expect(try findings(place).contains { $0.offset == 0x78 && $0.message.contains("checksum") })
        try write(OldFile.bytes, 0, file.rawValue)
        let directory = try BackingDirectory(place)
        let found = try SystemCalls.open(place.appending("old"), flags: SystemCalls.pathOnly)
        let opened = try directory.files.open(found.rawValue)
        var buffer = [UInt8](repeating: 0, count: 12)
        let outcome = buffer.withUnsafeMutableBytes { opened.file.read(from: 0, into: $0) }
        #expect(opened.size == 12 && outcome == .missing(0))
    }

    /// A file of old kernels with data: they had no status records, and marked what was complete.
    @Test func oldFilesWithDataAreInOrder() throws {
        let place = try Scratch.directory("oldData")
        defer { try? Scratch.run(["rm", "-rf", place.string]) }
        let file = try SystemCalls.open(place.appending("old"), flags: O_RDWR | O_CREAT, mode: 0o644)
        try write(OldFile.bytes + Array("hello, world".utf8), 0, file.rawValue)
        try write([1], 20, file.rawValue)
        try write([0x98, 0, 0, 0, 0, 0, 12, 0], 0x6b, file.rawValue)
        try BackingAttributes.set(BackingAttributes.size, [12, 0, 0, 0, 0, 0, 0, 0], ofDescriptor: file.rawValue)
        let found = try findings(place, data: true)
        #expect(found.isEmpty, "\(found)")
    }

    /// A backing file of `blocks` blocks as the kernel implementation lays it out, with nothing in it.
    private func file(_ name: [UInt8], in directory: FilePath, size: UInt64) throws -> CInt {
        let root = try SystemCalls.open(directory, flags: O_RDONLY | O_DIRECTORY)
        let file = try SystemCalls.open(name: name, in: root.rawValue, flags: O_RDWR | O_CREAT, mode: 0o644)
        let blocks = (size + 4095) / 4096, record = 56 + blocks * 10
        func number(_ value: UInt64, _ size: Int) -> [UInt8] { (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) } }
        try write(Array("INCFS\0\0\0".utf8) + number(1, 8) + number(56, 2) + number(4096, 2) + number(0, 4) + number(record, 8) + number(size, 8) + [UInt8](repeating: 7, count: 16), 0, file.rawValue)
        try write([1] + number(35, 2) + number(0, 20) + number(56, 8) + number(blocks, 4), record, file.rawValue)
        try BackingAttributes.set(BackingAttributes.size, number(size, 8), ofDescriptor: file.rawValue)
        return file.take()
    }

    /// Puts bytes at the end, and an entry to them in the map.
    private func store(_ bytes: [UInt8], block: UInt64, compression: UInt8, _ file: CInt) throws {
        let end = try SystemCalls.status(of: file).size
        try write(bytes, end, file)
        try write((0..<6).map { UInt8(truncatingIfNeeded: end >> (8 * UInt64($0))) } + [UInt8(bytes.count & 0xFF), UInt8(bytes.count >> 8), compression, 0], 56 + block * 10, file)
    }

    /// A mount reads zeros behind what is stored of a block; and of the last block no more than the file has.
    @Test func shortAndLongBlocksCanBeRead() throws {
        let place = try Scratch.directory("short")
        defer { try? Scratch.run(["rm", "-rf", place.string]) }
        let file = try file(Array("a".utf8), in: place, size: 3 * 4096 + 5)
        defer { SystemCalls.close(file) }
        // "abc" in LZ4; the tail in full.
        try store([0x30, 0x61, 0x62, 0x63], block: 0, compression: 1, file)
        try store([UInt8](repeating: 9, count: 4096), block: 3, compression: 0, file)
        func all() throws -> [BackingFinding] { try BackingDirectoryCheck(place, readsData: true).findings.filter { !$0.message.contains("status record") && $0.offset != nil } }
        let found = try all()
        #expect(found.count == 1 && found[0].severity == .note && found[0].message.contains("Block 0: fewer bytes"), "\(found)")
        // One that is too short as it is, is said to be; so is one that is longer than any block. The interface takes both: nothing is wrong.
        try store([1, 2], block: 1, compression: 0, file)
        try store([UInt8](repeating: 1, count: 5000), block: 2, compression: 0, file)
        #expect(try all().filter { $0.message.contains("stored as it is") }.map { "\($0.offset!) \($0.severity)" } == ["72 note", "82 note"])
        // A mount gives what it says.
        let opened = try FileTable(index: file).open(file).file
        for (block, start) in [(0, Array("abc".utf8)), (1, [1, 2])] as [(UInt32, [UInt8])] {
            var buffer = [UInt8](repeating: 0xAA, count: 4096)
            #expect(buffer.withUnsafeMutableBytes { opened.read(from: block, into: $0) } == .bytes)
            #expect(buffer == start + [UInt8](repeating: 0, count: 4096 - start.count))
        }
    }

    /// Names are bytes.
    @Test func aNameThatIsNoUTF8IsChecked() throws {
        let place = try Scratch.directory("bytes")
        defer { try? Scratch.run(["rm", "-rf", place.string]) }
        let file = try file([0x61, 0xFF], in: place, size: 4096)
        defer { SystemCalls.close(file) }
        try store([UInt8](repeating: 1, count: 4096), block: 0, compression: 0, file)
        let check = try BackingDirectoryCheck(place, readsData: true)
        let found = try #require(check.findings.first { $0.severity != .note })
        #expect(found.message.contains("no status record") && found.path == "a\u{FFFD}" && found.pathBytes == "61ff")
        try check.repair()
        #expect(try findings(place, data: true).isEmpty)
    }

    /// Nearly all of a large file's map is a hole: it is passed over, not read entry by entry.
    @Test(.timeLimit(.minutes(1))) func aFileOfATebibyteTakesNoTime() throws {
        let place = try Scratch.directory("large")
        defer { try? Scratch.run(["rm", "-rf", place.string]) }
        let file = try file(Array("large".utf8), in: place, size: 1 << 40)
        defer { SystemCalls.close(file) }
        try store([UInt8](repeating: 1, count: 4096), block: (1 << 28) - 1, compression: 0, file)
        try store([1], block: 1 << 20, compression: 2, file)
        let found = try findings(place, data: true).filter { !$0.message.contains("status record") }
        #expect(found.count == 1 && found[0].message.contains("Block 1048576: cannot be decompressed"), "\(found)")
    }

    private func write(_ bytes: [UInt8], _ offset: UInt64, _ descriptor: CInt) throws {
        try bytes.withUnsafeBytes { try SystemCalls.pwriteAll(descriptor, $0, at: offset) }
    }

    /// One fault each: where it is found, a word of the message, and whether a repair removes it.
    struct Fault: Sendable, CustomStringConvertible {
        var path: String
        var offset: UInt64
        var bytes: [UInt8]
        var found: UInt64?
        var word: String
        var isRepairable = false
        var description: String { "\(path) \(offset) \(word)" }
    }

    @Test(arguments: [
        Fault(path: "one_byte", offset: 0, bytes: [0], found: 0, word: "no backing file"),
        Fault(path: "one_byte", offset: 8, bytes: [2], found: 8, word: "version 2"),
        Fault(path: "one_byte", offset: 18, bytes: [0, 0x20], found: 18, word: "block size"),
        Fault(path: "one_byte", offset: 16, bytes: [57], found: 16, word: "57 bytes"),
        Fault(path: "one_byte", offset: 24, bytes: [0], found: 24, word: "no block map"),
        Fault(path: "one_byte", offset: 24, bytes: [0, 0, 1], found: 65536, word: "not there in full", isRepairable: true),
        Fault(path: "one_byte", offset: 66, bytes: [9], found: 66, word: "unknown type 9"),
        Fault(path: "one_byte", offset: 67, bytes: [56], found: 66, word: "56 bytes"),
        Fault(path: "one_byte", offset: 73, bytes: [66], found: 73, word: "not behind", isRepairable: true),
        Fault(path: "one_byte", offset: 73, bytes: [150], found: 150, word: "not there in full", isRepairable: true),
        Fault(path: "one_byte", offset: 73, bytes: [0], found: nil, word: "no status record", isRepairable: true),
        Fault(path: "one_byte", offset: 125, bytes: [7], found: 125, word: "counts 7", isRepairable: true),
        Fault(path: "one_byte", offset: 60, bytes: [0], found: nil, word: "", isRepairable: true),
        Fault(path: "one_byte", offset: 62, bytes: [0], found: 56, word: "half written", isRepairable: true),
        Fault(path: "one_byte", offset: 56, bytes: [0xFF, 0xFF], found: 56, word: "the file ends", isRepairable: true),
        Fault(path: "one_byte", offset: 64, bytes: [3], found: 64, word: "unknown flags 3"),
        Fault(path: "one_byte", offset: 157, bytes: [1, 2, 3], found: 157, word: "3 bytes at the end", isRepairable: true),
        Fault(path: "mapped_tail", offset: 24, bytes: [1], found: 24, word: "no multiple of 4096"),
        Fault(path: "mapped_tail", offset: 40, bytes: [1, 2, 3], found: 40, word: "is not there"),
        Fault(path: "signed_1blk", offset: 56, bytes: [3], found: 56, word: "version is 3"),
    ]) func faults(_ fault: Fault) throws {
        let data = try GoldenDirectory()
        let file = try SystemCalls.open(data.root.appending(fault.path), flags: O_RDWR)
        let before = try SystemCalls.contents(of: data.root.appending(fault.path))
        try write(fault.bytes, fault.offset, file.rawValue)
        let changed = try SystemCalls.contents(of: data.root.appending(fault.path))
        let check = try BackingDirectoryCheck(data.root, readsData: false)
        if fault.word.isEmpty { #expect(changed == before && check.damage + check.warnings == 0) } else {
            #expect(check.findings.contains { $0.path == fault.path && $0.offset == fault.found && $0.message.contains(fault.word) && $0.severity != .note }, "\(check.findings)")
        }
        #expect(try SystemCalls.contents(of: data.root.appending(fault.path)) == changed)
        try check.repair()
        var rounds = 0
        while rounds < 3 { let next = try BackingDirectoryCheck(data.root, readsData: false); try next.repair(); rounds += 1 }
        let left = try findings(data.root)
        #expect(left.isEmpty == fault.isRepairable, "\(left)")
    }

    /// A file with a tree that came last, its block map record and its status record in front of that; sealed.
    private func sealed(_ place: FilePath) throws -> (path: FilePath, bytes: [UInt8], structure: BackingStructure) {
        let path = place.appending("sealed"), id = try #require(FileID(text: Array(String(repeating: "5a", count: 16).utf8)))
        let directory = try BackingDirectory(place)
        let file = try SystemCalls.open(path, flags: O_RDWR | O_CREAT | O_TRUNC, mode: 0o644)
        try BackingAttributes.set(BackingAttributes.id, id.text, ofDescriptor: file.rawValue)
        try BackingAttributes.set(BackingAttributes.size, [0, 48, 0, 0, 0, 0, 0, 0], ofDescriptor: file.rawValue)
        try VolumeFile.initialize(file.rawValue, id: id, size: 3 * 4096, signature: nil)
        try SystemCalls.link(file.rawValue, as: id.text, in: directory.index)
        let opened = try directory.files.open(file.rawValue).file
        let data = [UInt8](repeating: 3, count: 4096)
        let result = data.withUnsafeBytes { opened.fill((0..<3).map { FillBlock(index: $0, data: 0..<4096, compression: 0, isHash: false) }, from: $0) }
        #expect(result.error == nil)
        guard case .built(let tree) = opened.buildTree() else { throw Errno.ioError }
        try opened.seal(tree, signature: [1, 2, 3])
        let structure = try BackingReader(file.rawValue).structure
        #expect(structure.records.map(\.type) == [1, 4, 3, 5])
        return (path, try SystemCalls.contents(of: path), structure)
    }

    /// Whatever of the links between a file's records is damaged: a repair finds the records again, and cuts off none of them.
    @Test func aRepairFindsTheRecordsBehindADamagedLink() throws {
        let place = try Scratch.directory("links")
        defer { try? Scratch.run(["rm", "-rf", place.string]) }
        let (path, bytes, structure) = try sealed(place)
        #expect(try findings(place, data: true).isEmpty)
        let file = try SystemCalls.open(path, flags: O_RDWR)
        let links = [24] + structure.records.map { $0.offset + 7 }
        for (number, link) in links.enumerated() {
            for bad in [0, 1, UInt64(structure.length) + 5, 1 << 40, bytes[Int(link)..<Int(link) + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) } ^ 4] as [UInt64] {
                try write(bytes, 0, file.rawValue)
                try write((0..<8).map { UInt8(truncatingIfNeeded: bad >> (8 * UInt64($0))) }, link, file.rawValue)
                for _ in 0..<3 { try BackingDirectoryCheck(place, readsData: false).repair() }
                let now = try BackingReader(file.rawValue).structure
                // A file without any record is one whose creation was interrupted, as far as anybody can say.
                if number == 0, bad == 0 { #expect(try SystemCalls.contents(of: path).count == bytes.count); continue }
                // A status record alone is made anew.
                #expect(now.signature?.record == structure.signature?.record && now.veritySignature?.size == 3, "link \(number) to \(bad)")
                let left = try findings(place, data: true)
                #expect(left.isEmpty, "link \(number) to \(bad): \(left)")
            }
        }
    }

    /// What a sealed file has lost is said, and nothing that may be of it is thrown away.
    @Test func aSealedFileWithoutItsTreeIsDamaged() throws {
        let place = try Scratch.directory("seal")
        defer { try? Scratch.run(["rm", "-rf", place.string]) }
        let (path, bytes, structure) = try sealed(place)
        let file = try SystemCalls.open(path, flags: O_RDWR)
        // The record itself, and the way to it.
        try write([9], try #require(structure.signature?.record), file.rawValue)
        try write([UInt8](repeating: 0, count: 8), structure.records[1].offset + 7, file.rawValue)
        let check = try BackingDirectoryCheck(place, readsData: true)
        #expect(check.findings.contains { $0.severity == .damage && $0.message.contains("fs-verity") })
        try check.repair()
        try BackingDirectoryCheck(place, readsData: true).repair()
        #expect(try SystemCalls.contents(of: path).count == bytes.count)
    }

    /// A header that is damaged, or that names and attribute speak against, changes no attribute.
    @Test func aDamagedHeaderChangesNoAttribute() throws {
        let data = try GoldenDirectory(), root = try data.root
        let path = root.appending("exact_4096"), file = try SystemCalls.open(path, flags: O_RDWR)
        let before = try SystemCalls.contents(of: path)
        func attributes() throws -> [[UInt8]?] { try ["user.incfs.id", "user.incfs.size"].map { try SystemCalls.extendedAttribute($0, ofDescriptor: file.rawValue) } }
        let known = try attributes()
        for (offset, bad) in [(0, [0x68]), (39, [0x80]), (33, [0x30]), (40, [before[40] ^ 1])] as [(UInt64, [UInt8])] {
            try write(before, 0, file.rawValue)
            try write(bad, offset, file.rawValue)
            for _ in 0..<2 { try BackingDirectoryCheck(root, readsData: false).repair() }
            #expect(try attributes() == known, "\(offset)")
            // Two of three have the id: the third gets it back.
            if offset == 40 { #expect(try SystemCalls.contents(of: path) == before && findings(root).isEmpty) }
        }
    }

    /// More places than are kept are not free for all that.
    @Test func whatIsNotKeptIsNotCutOff() throws {
        let place = try Scratch.directory("runs")
        defer { try? Scratch.run(["rm", "-rf", place.string]) }
        let file = try file(Array("a".utf8), in: place, size: 12 * 4096)
        defer { SystemCalls.close(file) }
        for block in (0..<12).reversed() { try store([UInt8](repeating: 1, count: 4096), block: UInt64(block), compression: 0, file) }
        for most in [1, 4, 11, 12, 13] {
            let reader = try BackingReader(BackingBytes(file), isTrial: false, mostRuns: most)
            #expect(!reader.findings.contains { $0.message.contains("belong to nothing") }, "\(most): \(reader.findings)")
        }
        try write([1, 2, 3], SystemCalls.status(of: file).size, file)
        for most in [4, 13] {
            let end = try SystemCalls.status(of: file).size - 3
            #expect(try BackingReader(BackingBytes(file), isTrial: false, mostRuns: most).findings.contains { $0.message.contains("3 bytes at the end") && $0.repair == .truncate(end) })
        }
    }

    /// A file that was signed when it was created has its signature before its map: no repair makes an unsigned one of it.
    @Test(arguments: [1, 3] as [UInt64]) func aRepairTakesNoSignatureAway(blocks: UInt64) throws {
        let place = try Scratch.directory("signed")
        defer { try? Scratch.run(["rm", "-rf", place.string]) }
        let path = place.appending("signed"), id = try #require(FileID(text: Array(String(repeating: "6b", count: 16).utf8)))
        let directory = try BackingDirectory(place)
        let file = try SystemCalls.open(path, flags: O_RDWR | O_CREAT, mode: 0o644)
        try BackingAttributes.set(BackingAttributes.id, id.text, ofDescriptor: file.rawValue)
        try BackingAttributes.set(BackingAttributes.size, [0, UInt8(blocks * 16), 0, 0, 0, 0, 0, 0], ofDescriptor: file.rawValue)
        let blob: [UInt8] = [2, 0, 0, 0, 45, 0, 0, 0, 1, 0, 0, 0, 12, 0, 0, 0, 0, 32, 0, 0, 0] + [UInt8](repeating: 9, count: 32) + [0, 0, 0, 0]
        try VolumeFile.initialize(file.rawValue, id: id, size: blocks * 4096, signature: blob)
        for special in [directory.index, directory.incomplete] { try SystemCalls.link(file.rawValue, as: id.text, in: special) }
        let good = try SystemCalls.contents(of: path), structure = try BackingReader(file.rawValue).structure
        #expect(structure.records.map(\.type) == [3, 1])
        #expect(try findings(place).isEmpty)
        func repaired(_ place24: [UInt8], _ offset: UInt64) throws -> BackingReader {
            try SystemCalls.truncate(file.rawValue, to: UInt64(good.count))
            try write(good, 0, file.rawValue)
            try write(place24, offset, file.rawValue)
            for _ in 0..<3 { try BackingDirectoryCheck(place, readsData: false).repair() }
            return try BackingReader(file.rawValue)
        }
        // The way to it is found again.
        for bad in [[1], [0xFF], [0, 0, 0, 0, 0, 0, 0, 0x40]] as [[UInt8]] {
            let reader = try repaired(bad, 24)
            #expect(reader.structure.signature?.record == structure.signature?.record && !reader.isDamaged, "\(bad): \(reader.findings)")
        }
        // Itself it cannot be made again.
        let record = try #require(structure.signature?.record)
        for (at, bad) in [(0, 9), (0, 4), (1, 46), (1, 200)] as [(UInt64, UInt8)] {
            let reader = try repaired([bad], record + at)
            #expect(reader.structure.signature != nil || reader.isDamaged, "\(at) \(bad)")
        }
    }

    /// Round for round: what one makes of a damaged header does not prove anything to the next.
    @Test func aDamagedHeaderMakesNoNames() throws {
        let data = try GoldenDirectory(), root = try data.root
        let path = root.appending("partial_20m"), file = try SystemCalls.open(path, flags: O_RDWR)
        let known = try SystemCalls.extendedAttribute("user.incfs.id", ofDescriptor: file.rawValue)
        let id = data.id("partial_20m"), before = try SystemCalls.contents(of: path)
        func names(_ special: String) throws -> Int { try SystemCalls.list(root.appending(special)).count }
        let (index, incomplete) = (try names(".index"), try names(".incomplete"))
        try write([before[40] ^ 1], 40, file.rawValue)
        // It is still in .index: the header is put right, and nothing else.
        try SystemCalls.unlink(root.appending(".incomplete").appending(id))
        for _ in 0..<3 { try BackingDirectoryCheck(root, readsData: false).repair() }
        #expect(try names(".index") == index && names(".incomplete") == incomplete && findings(root).isEmpty)
        #expect(try SystemCalls.contents(of: path) == before)
        // It is in neither: nobody can say which id is right.
        try write([before[40] ^ 1], 40, file.rawValue)
        for special in [".index", ".incomplete"] { try SystemCalls.unlink(root.appending(special).appending(id)) }
        for _ in 0..<3 { try BackingDirectoryCheck(root, readsData: false).repair() }
        #expect(try names(".index") == index - 1 && names(".incomplete") == incomplete - 1)
        #expect(try SystemCalls.extendedAttribute("user.incfs.id", ofDescriptor: file.rawValue) == known)
        // A size of as many blocks proves as little.
        try write(before, 0, file.rawValue)
        let size = try SystemCalls.extendedAttribute("user.incfs.size", ofDescriptor: file.rawValue)
        try write([before[32] ^ 1], 32, file.rawValue)
        for _ in 0..<3 { try BackingDirectoryCheck(root, readsData: false).repair() }
        #expect(try SystemCalls.extendedAttribute("user.incfs.size", ofDescriptor: file.rawValue) == size)
    }

    /// What a mapped file shows has a use, whether it has a name or not.
    @Test func theSourceOfAMappedFileNeedsNoName() throws {
        let data = try GoldenDirectory(), root = try data.root
        let file = try SystemCalls.open(root.appending("mapped_tail"), flags: O_RDONLY)
        let mapped = try BackingReader(file.rawValue).structure
        let source = mapped.identity.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let inode = try SystemCalls.status(of: root.appending(".index").appending(source)).inode
        for name in try SystemCalls.list(root).map({ String(decoding: $0, as: UTF8.self) }) where !name.hasPrefix(".") {
            if try SystemCalls.status(of: root.appending(name)).inode == inode { try SystemCalls.unlink(root.appending(name)) }
        }
        #expect(try findings(root).isEmpty)
    }

    /// A file may be wrong in more places than anybody wants to read of, or than there is memory for.
    @Test func aFileIsListedWithSoManyFindings() throws {
        let place = try Scratch.directory("many")
        defer { try? Scratch.run(["rm", "-rf", place.string]) }
        func number(_ value: Int, _ size: Int) -> [UInt8] { (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        let entries = BackingReader.mostFindings + 2, base = 4096
        let file = try SystemCalls.open(place.appending("many"), flags: O_RDWR | O_CREAT, mode: 0o644)
        try SystemCalls.truncate(file.rawValue, to: UInt64(base + entries * 10))
        let header = Array("INCFS\0\0\0".utf8) + number(1, 8) + number(56, 2) + number(4096, 2) + number(0, 4) + number(56, 8) + number(entries * 4096, 8)
        try write(header + [UInt8](repeating: 7, count: 16) + [1] + number(35, 2) + number(0, 20) + number(base, 8) + number(entries, 4), 0, file.rawValue)
        func reader(halves: Int) throws -> BackingReader {
            for index in 0..<halves { try write([0, 0, 0, 0, 0, 0, 9], UInt64(base + index * 10), file.rawValue) }
            return try BackingReader(file.rawValue)
        }
        let others = try reader(halves: 0).findings.count
        let most = try reader(halves: BackingReader.mostFindings - others).findings
        #expect(most.count == BackingReader.mostFindings && !most.contains { $0.message.contains("not listed") })
        let more = try reader(halves: BackingReader.mostFindings - others + 2).findings
        #expect(more.count == BackingReader.mostFindings + 1 && more.last?.message.contains("not listed") == true && more.last?.severity == .warning)
        // Two rounds of a repair reach them all.
        for _ in 0..<2 { try BackingDirectoryCheck(place, readsData: false).repair() }
        #expect(try BackingReader(file.rawValue).findings.count == others)
    }

    @Test func namesArePutRight() throws {
        let data = try GoldenDirectory(), root = try data.root
        try SystemCalls.unlink(root.appending(".index").appending(data.id("one_byte")))
        try SystemCalls.unlink(root.appending(".incomplete").appending(data.id("partial_20m")))
        try Scratch.run(["ln", root.appending("exact_4096").string, root.appending(".incomplete").appending(data.id("exact_4096")).string])
        let resized = try SystemCalls.open(root.appending("lz4_1m"), flags: O_RDWR)
        try BackingAttributes.set(BackingAttributes.size, [9, 0], ofDescriptor: resized.rawValue)
        let torn = try SystemCalls.open(root.appending(".index").appending(String(repeating: "0", count: 32)), flags: O_RDWR | O_CREAT, mode: 0o644)
        try write(Array("INCFS".utf8), 0, torn.rawValue)
        let check = try BackingDirectoryCheck(root, readsData: false)
        let paths = Set(check.findings.filter { $0.severity != .note }.map(\.path))
        #expect(paths == ["one_byte", "partial_20m", "exact_4096", "lz4_1m", ".index/" + String(repeating: "0", count: 32)])
        try check.repair()
        let left = try findings(root)
        #expect(left.isEmpty, "\(left)")
    }

    /// Whatever a file's bytes are, the reader ends and reads nothing outside; a cut file is one that a crash leaves.
    @Test func everyCutIsReadToItsEnd() throws {
        let data = try GoldenDirectory(), whole = try SystemCalls.contents(of: data.root.appending("signed_1blk"))
        let path = data.path.appending("cut")
        for length in 0..<whole.count {
            let file = try SystemCalls.open(path, flags: O_RDWR | O_CREAT | O_TRUNC, mode: 0o644)
            try write(Array(whole[..<length]), 0, file.rawValue)
            var reader = try BackingReader(file.rawValue)
            try reader.checkData()
            #expect(!reader.findings.isEmpty && !reader.structure.lines.isEmpty, "cut to \(length)")
        }
    }
}

/// A file of an old kernel, with checksums in its records.
enum OldFile {
    static let bytes: [UInt8] = hex("""
        494e434653000000 0100000000000000 38000010 00000000 4600000000000000 0c00000000000000 8c7dd922ad47494f c02c388e12c00eac 6d65746164617461
        313233313233 022500 9aefef72 7500000000000000 0000000000000000 3800000000000000 0e00 fb5e7289 00000000000000000000 012300 7445d3b9 0000000000000000
        4600000000000000 6b00000000000000 01000000
        """)

    private static func hex(_ text: String) -> [UInt8] {
        let digits = text.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
