import CSHA256
import Testing

@testable import Integrity

/// Two messages at once, and blocks in a row, against libcrypto one by one.
@Suite struct BlockHashesTests {
    private static func random(_ count: Int, seed: UInt64) -> [UInt8] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }

    /// Whatever the build prefers: where the processor can, the pair is right, at every length of whole message blocks and every alignment.
    @Test func twoAtOnceAreWhatEachIsAlone() {
        guard sha256_two_works() else {
            #expect(!sha256_two_is_fast())
            return
        }
        let bytes = Self.random(20_000, seed: 7)
        bytes.withUnsafeBytes { bytes in
            for length in stride(from: 0, through: 8192, by: 64) {
                for place in [0, 1, 7, 33, 63] {
                    let a = UnsafeRawBufferPointer(rebasing: bytes[place..<(place + length)])
                    let b = UnsafeRawBufferPointer(rebasing: bytes[(10_000 + place)..<(10_000 + place + length)])
                    let (first, second) = SHA256Hasher.hashTwo(a, b)
                    #expect(first == SHA256Hasher.hash(a) && second == SHA256Hasher.hash(b), "\(length) bytes at \(place)")
                }
            }
        }
    }

    /// FIPS 180-4 has no message of 64 bytes of one value; the digests are sha256sum's.
    @Test func knownPairs() {
        guard sha256_two_works() else { return }
        let zeros = [UInt8](repeating: 0, count: 4096)
        zeros.withUnsafeBytes { zeros in
            let (a, b) = SHA256Hasher.hashTwo(zeros, zeros)
            #expect(a.description == "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7" && a == b)
        }
    }

    @Test(arguments: [0, 1, 55, 56, 63, 64, 65, 127, 4031, 4032, 4095, 4096, 4097, 4151, 4152, 4160, 8192, 12_345, 131_071, 131_072])
    func wholeAndBlocksInOnePass(_ count: Int) {
        let bytes = Self.random(count, seed: UInt64(count) + 1)
        var expected: [UInt8] = []
        bytes.withUnsafeBytes { SHA256Hasher.hashBlocks($0) { _, digest in digest.withUnsafeBytes { expected += $0 } } }
        for both in [false, true] where !both || sha256_two_works() {
            // A digest's room more than is needed: nothing is written there.
            var found = [UInt8](repeating: 0xee, count: expected.count + 32)
            let whole = bytes.withUnsafeBytes { bytes in
                found.withUnsafeMutableBytes { both ? SHA256Hasher.hashBoth(bytes, $0) : SHA256Hasher.hash(bytes, blocks: $0) }
            }
            #expect(whole == bytes.withUnsafeBytes { SHA256Hasher.hash($0) })
            #expect(found.prefix(expected.count) == expected[...] && found.suffix(32).allSatisfy { $0 == 0xee })
        }
    }

    @Test(arguments: [0, 1, 4095, 4096, 4097, 8191, 8192, 8193, 12_288, 12_289, 40_960, 131_072])
    func blocksInARow(_ count: Int) {
        let bytes = Self.random(count, seed: UInt64(count))
        bytes.withUnsafeBytes { bytes in
            var expected: [Digest] = []
            for start in stride(from: 0, to: count, by: 4096) {
                expected.append(SHA256Hasher.hashBlock(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 4096, count)])))
            }
            var found: [Digest] = []
            SHA256Hasher.hashBlocks(bytes) { block, digest in
                #expect(block == found.count)
                found.append(digest)
            }
            #expect(found == expected)
        }
    }
}
