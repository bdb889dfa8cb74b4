import LinuxSystem
import Testing

@testable import ImageFormat

/// The bytes of an image, one by one.
@Suite struct ImageBytesTests {
    /// A volume with one file, `a`, of five bytes: made by a program that knows nothing of ours.
    static let fixture: [UInt8] = {
        var bytes: [UInt8] = [
            // superblock: magic, version 1
            0x49, 0x4e, 0x43, 0x46, 0x53, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            // size 32, flags 0, first record at 0x2e, blocks of 4096
            0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x2e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10,
            // 0x20: entry 0: data at 0x1ae (low, high), 5 bytes, flags 0, checksum
            0xae, 0x01, 0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x9b, 0x51, 0x32, 0xf0,
            // 0x2e: type 1, 45 bytes, checksum, next 0x5b, previous 0
            0x01, 0x2d, 0x00, 0xfb, 0x6d, 0x49, 0x6b, 0x5b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            // inode 3, size 5, mode 0100555, flags 0
            3, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0x6d, 0x81, 0, 0, 0, 0,
            // 0x5b: type 2, 43 bytes, checksum, next 0x86, previous 0x2e
            0x02, 0x2b, 0x00, 0xbf, 0x34, 0x63, 0xa8, 0x86, 0, 0, 0, 0, 0, 0, 0, 0x2e, 0, 0, 0, 0, 0, 0, 0,
            // inode 3, entries at 0x20, 1 of them
            3, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
            // 0x86: type 3, 296 bytes, checksum, next 0, previous 0x5b
            0x03, 0x28, 0x01, 0xbd, 0x6d, 0x05, 0xa8, 0, 0, 0, 0, 0, 0, 0, 0, 0x5b, 0, 0, 0, 0, 0, 0, 0,
            // in inode 2, inode 3, added, 1 byte, "a" and zeros up to 255
            2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0x61,
        ]
        bytes += [UInt8](repeating: 0, count: 254)
        // 0x1ae: the data
        return bytes + Array("hello".utf8)
    }()

    @Test func whatIsWrittenIsTheFixture() throws {
        let place = try Scratch()
        do {
            let image = try place.open()
            let inode = try image.makeInode(size: 5, mode: 0o100555)
            try image.addName(Array("a".utf8), in: 2, to: inode.number)
            #expect(try image.store(3, 0, Array("hello".utf8)))
        }
        #expect(try place.bytes() == Self.fixture)
    }

    @Test func theFixtureIsRead() throws {
        let place = try Scratch()
        try place.write(Self.fixture)
        let image = try place.open(.reading)
        #expect(image.findings.isEmpty)
        let inode = try #require(image.child(Array("a".utf8), of: image.root))
        #expect(inode.number == 3 && inode.mode == 0o100555 && image.links(of: inode) == 1)
        let (bytes, outcome) = image.contents(inode)
        #expect(outcome == .bytes && bytes == Array("hello".utf8))
    }

    /// What others write may end with the name instead of with zeros.
    @Test func anActionMayEndWithItsName() throws {
        let record = ImageRecord.add(directory: 2, child: 3, name: Array("a".utf8)).encoded(previous: 7)
        var short = Array(record[..<42])
        short.replaceSubrange(1..<3, with: ImageBytes.encoded(UInt16(42)))
        for index in 3..<15 { short[index] = 0 }
        short.replaceSubrange(3..<7, with: ImageBytes.encoded(ImageChecksum.of(short)))
        let (found, header) = try ImageRecord.parse(short, at: 0)
        #expect(found == .add(directory: 2, child: 3, name: Array("a".utf8)) && header.size == 42 && header.previous == 7)
    }

    @Test func theChecksumIsTheKernels() {
        #expect(ImageChecksum.of(Array("metadata123123".utf8)) == 0x8972_5EFB)
        // Bit by bit, for every length around the eight bytes that are taken at once.
        for count in 0..<40 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
            let plain = bytes.reduce(UInt32(0)) { sum, byte in (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 } }
            #expect(ImageChecksum.of(bytes) == plain, "\(count) bytes")
        }
    }

    @Test func everyFieldAtItsExtremesGoesThroughARecord() throws {
        let name = [UInt8](repeating: 0xFF, count: 255)
        for number in [0, 1, UInt64.max] {
            for record: ImageRecord in [
                .none, .inode(number: number, size: ~number, mode: UInt16(truncatingIfNeeded: number)), .blockMap(inode: number, base: ~number, count: UInt32(truncatingIfNeeded: number)),
                .add(directory: number, child: ~number, name: name), .add(directory: number, child: number, name: []), .remove(directory: ~number, child: number, name: name),
            ] {
                let bytes = record.encoded(previous: number, next: ~number)
                let (found, header) = try ImageRecord.parse(bytes, at: 0)
                #expect(found == record && header == ImageRecord.Header(size: bytes.count, next: ~number, previous: number))
            }
        }
        for offset in [0, 1, 0xFFFF_FFFF, 0x1_0000_0000, ImageLimits.lastOffset] {
            let entry = ImageEntry(offset: offset, stored: .max, flags: .max, checksum: .max)
            #expect(entry.encoded.withUnsafeBytes { ImageEntry($0, 0) } == entry)
        }
    }

    @Test func aRecordThatIsCutOffAnywhereIsRefused() throws {
        let record = ImageRecord.add(directory: 2, child: 3, name: Array("name".utf8)).encoded(previous: 0)
        for count in 0..<record.count {
            #expect { _ = try ImageRecord.parse(Array(record[..<count]), at: 9) } throws: { ($0 as? ImageError)?.errno == .badMessage && ($0 as? ImageError)?.offset == 9 }
        }
    }

    /// Records whose checksum is right and whose content cannot be.
    @Test(arguments: [
        (UInt8(1), 44), (1, 46), (2, 42), (2, 44), (3, 40), (4, 23), (255, 23),
    ]) func aRecordOfAnotherSizeOrTypeIsRefused(type: UInt8, size: Int) {
        var bytes = [type] + ImageBytes.encoded(UInt16(size)) + [UInt8](repeating: 0, count: size - 3)
        bytes.replaceSubrange(3..<7, with: ImageBytes.encoded(ImageChecksum.of(bytes)))
        #expect(throws: ImageError.self) { _ = try ImageRecord.parse(bytes, at: 0) }
    }

    @Test(arguments: [0, 8, 16, 18, 30]) func anotherSuperblockIsRefused(field: Int) throws {
        let place = try Scratch()
        var bytes = Self.fixture
        bytes[field] ^= 0x40
        try place.write(bytes)
        #expect { _ = try place.open(.reading) } throws: { ($0 as? ImageError)?.errno == .illegalByteSequence }
        #expect { _ = try place.open() } throws: { ($0 as? ImageError)?.errno == .illegalByteSequence }
        // And nothing was changed.
        #expect(try place.bytes() == bytes)
    }
}
