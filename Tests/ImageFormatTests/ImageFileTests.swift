import CLZ4
import Glibc
import LinuxSystem
import Testing

@testable import ImageFormat

/// Blocks, and what is left of a writing that was interrupted.
@Suite struct ImageFileTests {
    static func content(_ count: Int, seed: Int = 1) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 131 &+ seed) >> 3 ^ $0 >> 9) } }

    static func compressed(_ bytes: [UInt8]) -> [UInt8] {
        var packed = [CChar](repeating: 0, count: 8192)
        let count = bytes.withUnsafeBytes { LZ4_compress_default($0.baseAddress!.assumingMemoryBound(to: CChar.self), &packed, CInt(bytes.count), CInt(packed.count)) }
        return packed[..<Int(count)].map { UInt8(bitPattern: $0) }
    }

    /// A volume with a directory, files of several blocks, raw and compressed, one of them not complete.
    static func volume(_ place: Scratch) throws -> [UInt64: [UInt8]] {
        let image = try place.open()
        let directory = try image.makeInode(size: 0, mode: 0o040755).number
        try image.addName(Array("d".utf8), in: 2, to: directory)
        var contents: [UInt64: [UInt8]] = [:]
        for (number, size) in [1, 4096, 4097, 10_000].enumerated() {
            let file = try image.makeInode(size: UInt64(size), mode: 0o100444), bytes = content(size, seed: number)
            contents[file.number] = bytes
            try image.addName(Array("f\(number)".utf8), in: number % 2 == 0 ? 2 : directory, to: file.number)
            for block in 0..<UInt32(file.blocks) where !(number == 3 && block == 1) {
                let part = Array(bytes[Int(block) * 4096..<min(size, Int(block + 1) * 4096)]), packs = (Int(block) + number) % 2 == 1
                #expect(try image.store(file.number, block, packs ? compressed(part) : part, isCompressed: packs))
            }
        }
        return contents
    }

    /// Everything that can be read is what was stored.
    static func check(_ image: ImageFile, _ contents: [UInt64: [UInt8]], _ comment: String) {
        for inode in image.inodes where !inode.isDirectory {
            for block in 0..<UInt32(inode.blocks) {
                let start = Int(block) * 4096
                guard let all = contents[inode.number], UInt64(all.count) == inode.size else { Issue.record("inode \(inode.number) was never made: \(comment)"); return }
                var bytes = [UInt8](repeating: 0, count: min(4096, all.count - start))
                if bytes.withUnsafeMutableBytes({ image.read(inode, from: block, into: $0) }) == .bytes, bytes != Array(all[start..<start + bytes.count]) {
                    Issue.record("block \(block) of inode \(inode.number) has other bytes: \(comment)")
                }
            }
        }
    }

    @Test func blocksComeBackAndAreStoredOnce() throws {
        let place = try Scratch(), contents = try Self.volume(place)
        let image = try place.open()
        #expect(image.findings.isEmpty)
        for (number, bytes) in contents {
            let inode = try #require(image.inode(number)), (found, outcome) = image.contents(inode)
            if number == 7 { #expect(outcome == .missing(1)) } else { #expect(outcome == .bytes && found == bytes) }
        }
        let before = try place.bytes()
        // Other bytes for a block that is there are passed over.
        #expect(try !image.store(4, 0, [0xAA]))
        #expect(try place.bytes() == before)
        #expect(try image.stored(#require(image.inode(7))).blocks == 2)
        #expect(!image.isPresent(7, 1) && image.isPresent(7, 2) && !image.isPresent(7, 3) && !image.isPresent(2, 0) && !image.isPresent(99, 0))
    }

    @Test func blocksThatCannotBe() throws {
        let place = try Scratch()
        let image = try place.open()
        let file = try image.makeInode(size: 4096 + 10, mode: 0o100444).number, directory = try image.makeInode(size: 7, mode: 0o040555).number
        let page = Self.content(4096)
        #expect(throws: Errno.noSuchFileOrDirectory) { _ = try image.store(99, 0, page) }
        #expect(throws: Errno.isDirectory) { _ = try image.store(directory, 0, page) }
        #expect(throws: Errno.isDirectory) { _ = try image.store(2, 0, page) }
        #expect(throws: Errno.outOfRange) { _ = try image.store(file, 2, page) }
        #expect(throws: Errno.outOfRange) { _ = try image.store(file, .max, page) }
        #expect(throws: Errno.invalidArgument) { _ = try image.store(file, 0, []) }
        #expect(throws: Errno.invalidArgument) { _ = try image.store(file, 0, Array(page.dropLast())) }
        #expect(throws: Errno.invalidArgument) { _ = try image.store(file, 1, Array(page[..<9])) }
        #expect(throws: Errno.argListTooLong) { _ = try image.store(file, 0, page + [0]) }
        #expect(throws: Errno.argListTooLong) { _ = try image.store(file, 0, [UInt8](repeating: 0, count: 8193), isCompressed: true) }
        #expect(try image.store(file, 0, page))
        // The last block may come as a whole page.
        #expect(try image.store(file, 1, page))
        let (bytes, outcome) = image.contents(try #require(image.inode(file)))
        #expect(outcome == .bytes && bytes == page + page[..<10])
    }

    /// Blocks that lie one behind the other are read at once, and each is compared with its own checksum.
    @Test func runsOfRawBlocks() throws {
        let place = try Scratch(), size = 9 * 4096 + 5, bytes = Self.content(size)
        do {
            let image = try place.open(), file = try image.makeInode(size: UInt64(size), mode: 0o100444).number
            // 0 to 2, 5, 4, 3, 6 to 8 and the rest: runs with breaks.
            for block in [0, 1, 2, 5, 4, 3, 6, 7, 8, 9] { #expect(try image.store(file, UInt32(block), Array(bytes[block * 4096..<min(size, block * 4096 + 4096)]))) }
        }
        let whole = try place.bytes(), image = try place.open(.reading), inode = try #require(image.inode(3))
        let (found, outcome) = image.contents(inode)
        #expect(outcome == .bytes && found == bytes)
        for block in 0..<9 {
            for count in [1, 4096, 4097, 8192, 8193] where block * 4096 + count <= size {
                var part = [UInt8](repeating: 0, count: count)
                #expect(part.withUnsafeMutableBytes { image.read(inode, from: UInt32(block), into: $0) } == .bytes)
                #expect(part == Array(bytes[block * 4096..<block * 4096 + count]))
            }
        }
        // The data begins behind everything else; the blocks lie in the order in which they came.
        let start = whole.count - size
        for (position, block) in [0, 1, 2, 5, 4, 3, 6, 7, 8, 9].enumerated() {
            var changed = whole
            changed[start + position * 4096 + 3] ^= 1
            try place.write(changed, to: "changed")
            let image = try place.open(.reading, "changed")
            #expect(image.contents(try #require(image.inode(3))).outcome == .failed(UInt32(block), .badMessage))
        }
    }

    /// The longest that may be stored, and compressed data that is none.
    @Test func compressedBlocks() throws {
        let place = try Scratch()
        let image = try place.open()
        let file = try image.makeInode(size: 3 * 4096, mode: 0o100444)
        #expect(try image.store(file.number, 0, [UInt8](repeating: 0xFF, count: 8192), isCompressed: true))
        // Fewer bytes than the block has.
        #expect(try image.store(file.number, 1, Self.compressed(Self.content(4095)), isCompressed: true))
        #expect(try image.store(file.number, 2, Self.compressed(Self.content(4096)), isCompressed: true))
        var bytes = [UInt8](repeating: 0, count: 4096)
        let outcomes = (0..<3).map { block in bytes.withUnsafeMutableBytes { image.read(file, from: UInt32(block), into: $0) } }
        #expect(outcomes == [.failed(0, .badMessage), .failed(1, .badMessage), .bytes] && bytes == Self.content(4096))
    }

    @Test func anImageThatIsCutOffAnywhereNeverHasOtherBytes() throws {
        let place = try Scratch(), contents = try Self.volume(place)
        let whole = try place.bytes()
        var opened = 0
        // Every length in the first records and in the last ones; between them some.
        for count in 0..<whole.count where count < 1000 || count % 31 == 0 || count > whole.count - 600 {
            try place.write(Array(whole[..<count]), to: "cut")
            if let image = try? place.open(.reading, "cut") { Self.check(image, contents, "cut to \(count), for reading") }
            #expect(try place.bytes("cut").count == count)
            guard count > 0, let image = try? place.open(.writing(durable: false), "cut") else { continue }
            opened += 1
            Self.check(image, contents, "cut to \(count)")
            // What was taken away is away, and the image can be used.
            _ = try image.makeInode(size: 5000, mode: 0o100444)
            let again = try place.open(.reading, "cut")
            #expect(again.findings.isEmpty, "cut to \(count): \(again.findings.lines)")
        }
        #expect(opened > 100)
    }

    @Test func anyByteThatIsChangedNeverBringsOtherBytes() throws {
        let place = try Scratch(), contents = try Self.volume(place)
        let whole = try place.bytes()
        for index in whole.indices where index < 800 || index % 19 == 0 {
            for flip: UInt8 in [0x01, 0xFF] {
                var bytes = whole
                bytes[index] ^= flip
                try place.write(bytes, to: "changed")
                if let image = try? place.open(.reading, "changed") { Self.check(image, contents, "byte \(index) changed") }
            }
        }
    }

    // MARK: Interrupted writings

    @Test func bytesWithoutAnEntryAreTakenAwayAndSaid() throws {
        let place = try Scratch(), contents = try Self.volume(place)
        let whole = try place.bytes()
        try place.write(whole + [1, 2, 3])
        #expect(try place.open(.reading).findings == ImageFindings(looseBytes: 3))
        #expect(try place.bytes().count == whole.count + 3)
        let image = try place.open()
        #expect(image.findings.looseBytes == 3 && image.findings.lines.count == 1)
        #expect(try place.bytes() == whole)
        Self.check(image, contents, "after the repair")
        #expect(try place.open().findings.isEmpty)
    }

    @Test func aRecordThatNothingLeadsToIsTakenAway() throws {
        let place = try Scratch(), contents = try Self.volume(place)
        let whole = try place.bytes()
        try place.write(whole + ImageRecord.inode(number: 8, size: 0, mode: 0o100444).encoded(previous: 0))
        let image = try place.open()
        #expect(image.findings == ImageFindings(looseBytes: 45) && image.inode(8) == nil)
        Self.check(image, contents, "after the repair")
    }

    /// What leads to a record was written after it: an image whose last one is there in part, or was changed, has lost something, and nobody
    /// knows what. Mounting it, listing and unpacking it all say so, and nothing is changed.
    @Test func aLastRecordThatIsNotWholeIsRefused() throws {
        let place = try Scratch()
        do {
            let image = try place.open()
            _ = try image.makeInode(size: 0, mode: 0o100444)
            try image.addName(Array("a".utf8), in: 2, to: 3)
        }
        let whole = try place.bytes()
        var broken = (32 + 45..<whole.count).map { Array(whole[..<$0]) }
        for index in 32 + 45..<whole.count where !(32 + 45 + 7..<32 + 45 + 15).contains(index) {
            var bytes = whole
            bytes[index] ^= 0x10
            broken.append(bytes)
        }
        for bytes in broken {
            try place.write(bytes)
            for access: ImageFile.Access in [.reading, .writing(durable: false)] {
                #expect { _ = try place.open(access) } throws: { ($0 as? ImageError)?.errno == .badMessage && $0 is ImageError }
            }
            #expect(try place.bytes() == bytes)
        }
    }

    @Test func aBlockBehindTheEndIsMissingAndCanComeAgain() throws {
        let place = try Scratch()
        try place.write(ImageBytesTests.fixture.dropLast(2))
        #expect(try place.open(.reading).findings.lostBlocks == 1)
        let image = try place.open(), inode = try #require(image.inode(3))
        #expect(image.findings.lostBlocks == 1 && image.contents(inode).outcome == .missing(0))
        #expect(try image.store(3, 0, Array("hello".utf8)))
        #expect(image.contents(inode).bytes == Array("hello".utf8))
        #expect(try place.bytes() == ImageBytesTests.fixture)
    }

    /// Others write the inode first, then its block map: between the two lies a file without one.
    @Test func aFileWithoutABlockMapGetsOne() throws {
        let place = try Scratch()
        let record = ImageRecord.inode(number: 3, size: 5000, mode: 0o100444).encoded(previous: 0)
        try place.write(ImageSuperblock.encoded(first: 32) + record)
        let image = try place.open(), inode = try #require(image.inode(3))
        #expect(image.contents(inode).outcome == .missing(0))
        #expect(try image.store(3, 1, Self.content(904)))
        let again = try place.open(.reading)
        #expect(again.isPresent(3, 1) && !again.isPresent(3, 0))
    }

    // MARK: What would destroy something

    /// A record in front of everything else: changes `body`, with the checksums right.
    private func image(_ records: [ImageRecord], room: Int = 0) throws -> Scratch {
        let place = try Scratch()
        var bytes = ImageSuperblock.encoded(first: UInt64(32 + room)) + [UInt8](repeating: 0, count: room)
        var previous: UInt64 = 0
        for (index, record) in records.enumerated() {
            let at = UInt64(bytes.count), size = record.encoded(previous: 0).count
            bytes += record.encoded(previous: previous, next: index + 1 < records.count ? at + UInt64(size) : 0)
            previous = at
        }
        try place.write(bytes + [UInt8](repeating: 0, count: 64))
        return place
    }

    @Test func blockMapsThatLieOverSomethingElseAreRefused() throws {
        let inode = ImageRecord.inode(number: 3, size: 5000, mode: 0o100444), other = ImageRecord.inode(number: 4, size: 5000, mode: 0o100444)
        func map(_ inode: UInt64, _ base: UInt64, _ count: UInt32 = 2) -> ImageRecord { .blockMap(inode: inode, base: base, count: count) }
        _ = try image([inode, map(3, 32), other, map(4, 60)], room: 56).open(.reading)
        for records in [
            [inode, map(3, 31)], [inode, map(3, 0)], [inode, map(3, 33), other, map(4, 60)], [inode, map(3, 61)], [inode, map(3, 90)], [inode, map(3, .max)], [inode, map(3, .max - 27)],
            [inode, map(3, 32, 1)], [inode, map(3, 32, 3)], [inode, map(3, 32), map(3, 60)], [map(3, 32)], [map(2, 32)], [inode, map(3, 1 << 40)],
        ] {
            let place = try image(records, room: 56)
            #expect(throws: ImageError.self, "\(records)") { _ = try place.open() }
        }
    }

    @Test func whatCannotBeInATreeIsRefused() throws {
        let file = ImageRecord.inode(number: 3, size: 0, mode: 0o100444), directory = ImageRecord.inode(number: 4, size: 0, mode: 0o040555), name = Array("a".utf8)
        _ = try image([file, .add(directory: 2, child: 3, name: name)]).open(.reading)
        for records: [ImageRecord] in [
            [file, file], [.inode(number: 0, size: 0, mode: 0o100444)], [.inode(number: 1, size: 0, mode: 0o100444)], [.inode(number: 2, size: 0, mode: 0o040555)],
            [.inode(number: ImageLimits.lastInode + 1, size: 0, mode: 0o100444)], [.inode(number: .max, size: 0, mode: 0o100444)], [.inode(number: 3, size: 0, mode: 0o120777)],
            [.inode(number: 3, size: .max, mode: 0o100444)],
            [.add(directory: 2, child: 3, name: name)], [file, .add(directory: 3, child: 3, name: name)], [file, .add(directory: 2, child: 3, name: Array("..".utf8))],
            [file, .add(directory: 2, child: 3, name: Array("a/b".utf8))], [file, .add(directory: 2, child: 3, name: [])], [file, .add(directory: 2, child: 3, name: Array(".cmd".utf8))],
            [file, .add(directory: 2, child: 3, name: name), .add(directory: 2, child: 3, name: name)], [file, .remove(directory: 2, child: 3, name: name)],
            [directory, .add(directory: 4, child: 4, name: name)], [directory, .add(directory: 2, child: 4, name: name), .add(directory: 2, child: 4, name: Array("b".utf8))],
        ] {
            let place = try image(records), before = try place.bytes()
            #expect(throws: ImageError.self, "\(records)") { _ = try place.open() }
            #expect(try place.bytes() == before)
        }
        // The last number that there is; others may still be free, and come after it.
        let place = try image([.inode(number: ImageLimits.lastInode, size: 0, mode: 0o100444), directory, .add(directory: 2, child: 4, name: name)])
        let image = try place.open()
        #expect(image.entries(of: image.root).map(\.inode.number) == [4])
        #expect(throws: Errno.tooManyOpenFilesInSystem) { _ = try image.makeInode(size: 0, mode: 0o100444) }
    }
}
