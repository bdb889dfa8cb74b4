import Testing

@testable import Integrity

@Suite struct SHA256HasherTests {
    @Test func knownDigests() {
        #expect(SHA256Hasher.hash(UnsafeRawBufferPointer(start: nil, count: 0)).description == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let abc = Array("abc".utf8).withUnsafeBytes { SHA256Hasher.hash($0) }
        #expect(abc.description == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(Digest(hex: abc.description) == abc)
        #expect(Digest(hex: abc.description.uppercased()) == abc)
        #expect(Digest(hex: String(abc.description.dropLast())) == nil)
    }

    @Test func blocksArePadded() {
        let zeros = [UInt8](repeating: 0, count: 4096)
        #expect(MerkleTree.zeroBlockDigest.description == "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7")
        #expect(SHA256Hasher.hashBlock(UnsafeRawBufferPointer(start: nil, count: 0)) == MerkleTree.zeroBlockDigest)
        #expect(zeros.withUnsafeBytes { SHA256Hasher.hashBlock($0) } == MerkleTree.zeroBlockDigest)
        #expect(Array("hello".utf8).withUnsafeBytes { SHA256Hasher.hashBlock($0) }.description == "b15056c9a8db77ab5708d19b7f330fe13d88eeae3d0ab271081d3438c0f46264")
    }

    @Test func piecesGiveTheSameAsTheWhole() {
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let whole = bytes.withUnsafeBytes { SHA256Hasher.hash($0) }
        for step in [1, 7, 63, 64, 65, 4096] {
            var hasher = SHA256Hasher()
            for start in stride(from: 0, to: bytes.count, by: step) {
                bytes[start..<min(start + step, bytes.count)].withUnsafeBytes { hasher.update($0) }
            }
            #expect(hasher.finish() == whole)
            // Finished hashers start anew.
            bytes.withUnsafeBytes { hasher.update($0) }
            #expect(hasher.finish() == whole)
        }
    }
}
