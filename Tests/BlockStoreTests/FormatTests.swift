import Integrity
import Testing
@testable import BlockStore

@Suite struct FormatTests {
    private let id = Sample(count: 5000, seed: 1).id
    private let boot = BootID(high: 0x0102_0304_0506_0708, low: 0x1112_1314_1516_1718)

    @Test func sidecarHeaderBytes() {
        let header = Sidecar(size: 5000, blockCount: 2).header(id: id, boot: boot)
        var expected = Array("INCFSSID".utf8)
        expected += [1, 0, 0, 0, 0, 0, 0, 0]                                // version, reserved
        expected += [0x88, 0x13, 0, 0, 0, 0, 0, 0]                          // size 5000
        expected += [2, 0, 0, 0, 0, 0, 0, 0]                                // blocks
        expected += id.bytes
        expected += [8, 7, 6, 5, 4, 3, 2, 1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11]
        expected += expected.withUnsafeBytes { SHA256Hasher.hash($0) }.bytes
        #expect(header == expected)
    }

    @Test func sidecarPlaces() {
        let one = Sidecar(size: 1, blockCount: 1)
        #expect((one.writtenOffset, one.durableOffset, one.leavesOffset, one.length) == (4096, 8192, 12288, 12320))
        let full = Sidecar(size: 32768 * 4096, blockCount: 32768)
        #expect(full.leavesOffset == 12288)
        let more = Sidecar(size: 32768 * 4096 + 1, blockCount: 32769)
        #expect((more.durableOffset, more.leavesOffset) == (12288, 20480))
    }

    @Test func sidecarHeaderOfAnythingElseIsRefused() {
        let format = Sidecar(size: 5000, blockCount: 2)
        let good = format.header(id: id, boot: boot)
        #expect(good.withUnsafeBytes { format.state(inHeader: $0, id: id)?.boot } == boot)
        #expect(good.withUnsafeBytes { Sidecar(size: 5001, blockCount: 2).state(inHeader: $0, id: id)?.boot } == nil)
        #expect(good.withUnsafeBytes { format.state(inHeader: $0, id: .zero)?.boot } == nil)
        #expect(good[..<111].withUnsafeBytes { format.state(inHeader: $0, id: id)?.boot } == nil)
        for place in good.indices {
            var bad = good
            bad[place] ^= 1
            #expect(bad.withUnsafeBytes { format.state(inHeader: $0, id: id)?.boot } == nil, "byte \(place)")
        }
    }

    @Test func slabRecordBytes() throws {
        let record = SlabRecord(object: id, slab: 3, offset: 0x1000, size: 5000, boot: boot)
        var expected: [UInt8] = Array("SLR1".utf8) + [1, 0, 0, 0]
        expected += [3, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0x88, 0x13, 0, 0, 0, 0, 0, 0]
        expected += id.bytes
        expected += [8, 7, 6, 5, 4, 3, 2, 1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11]
        expected += [UInt8](repeating: 0, count: 16)
        expected += expected.withUnsafeBytes { SHA256Hasher.hash($0) }.bytes
        #expect(record.bytes == expected)
        #expect(record.bytes.withUnsafeBytes { SlabRecord($0) } == record)
        let commit = SlabRecord(commitOf: 128, boot: boot)
        #expect(commit.bytes.withUnsafeBytes { SlabRecord($0) } == commit)
        for place in expected.indices {
            var bad = expected
            bad[place] ^= 1
            #expect(bad.withUnsafeBytes { SlabRecord($0) } == nil, "byte \(place)")
        }
        for count in 0..<128 { #expect(expected[..<count].withUnsafeBytes { SlabRecord($0) } == nil) }
    }

    @Test func smallDigestsEqualThoseOfTheTree() {
        for count in [1, 2, 4095, 4096, 4097, 8192, 12288, 16383, 16384] {
            let sample = Sample(count: count, seed: UInt64(count))
            #expect(sample.bytes.withUnsafeBytes { Blocks.smallContentDigest($0) } == sample.id, "\(count) bytes")
        }
    }
}
