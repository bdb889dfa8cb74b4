import DataLoader
import Testing

@Suite struct FileIDTests {
    @Test func textIsThirtyTwoLowerCaseDigits() throws {
        let id = try #require(FileID(bytes: Array(0..<16)))
        #expect(id.description == "000102030405060708090a0b0c0d0e0f")
        #expect(FileID("000102030405060708090a0b0c0d0e0f") == id)
        #expect(FileID("000102030405060708090A0B0C0D0E0F") == id)
    }

    @Test(arguments: ["", "00", "000102030405060708090a0b0c0d0e0", "000102030405060708090a0b0c0d0e0f0", "g00102030405060708090a0b0c0d0e0f", String(repeating: "ff", count: 16)])
    func whatIsNoIdentityIsNil(_ text: String) { #expect(FileID(text) == nil) }

    @Test func sixteenBytesExactly() {
        #expect(FileID(bytes: Array(repeating: 1, count: 15)) == nil)
        #expect(FileID(bytes: Array(repeating: 1, count: 17)) == nil)
    }

    @Test func shortMetadataIsTheIdentityItself() {
        #expect(FileID(metadata: Array("app".utf8)).description == "61707000000000000000000000000000")
        #expect(FileID(metadata: Array(repeating: 0x41, count: 16)).description == String(repeating: "41", count: 16))
        #expect(FileID(metadata: []).description == String(repeating: "0", count: 32))
    }

    /// SHA-1 by FIPS 180-4's own examples, and lengths around the padding.
    @Test(arguments: [
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5"),
        ("The quick brown fox jumps over the lazy dog", "2fd4e1c67a2d28fced849ee1bb76e739"),
    ])
    func longMetadataIsHashed(_ text: String, _ digest: String) { #expect(FileID(metadata: Array(text.utf8)).description == digest) }

    @Test(arguments: [(55, "c1c8bbdc22796e28c0e15163d20899b6"), (56, "c2db330f6083854c99d4b5bfb6e8f29f"), (64, "0098ba824b5c16427bd7a1122a5a442a")])
    func paddingAtItsLimits(_ count: Int, _ digest: String) {
        #expect(FileID(metadata: Array(repeating: UInt8(ascii: "a"), count: count)).description == digest)
    }
}
