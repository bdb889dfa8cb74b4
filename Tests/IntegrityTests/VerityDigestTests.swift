import Glibc
import Testing

@testable import Integrity

@Suite struct VerityDigestTests {
    static let tree = 4096 * 128
    static let sizes = [0, 1, 5, 4095, 4096, 4097, 8192, tree - 1, tree, tree + 1, tree + 4097, 128 * tree - 1, 128 * tree, 129 * tree + 5]

    static func content(_ size: Int) -> [UInt8] {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ UInt64(size)
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            for i in 0..<size { state = state &* 6_364_136_223_846_793_005 &+ 1; buffer[i] = UInt8(truncatingIfNeeded: state >> 33) }
            count = size
        }
    }

    @Test func knownVectors() {
        func digest(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { VerityDigest.contentDigest(of: $0) }.description }
        #expect(digest([UInt8](repeating: 0, count: 8192)) == "be54121da3877f8852c65136d731784f134c4dd9d95071502e80d7be9f99b263")
        #expect(digest(Array("hello".utf8)) == "555b589c26ee43b7a2510e6c67ced9fb3190b6da6e9e683984551f5d77a763de")
        let builder = VerityTreeBuilder()
        builder.add(zeroBlocks: 2)
        #expect(builder.finish().description == "90b10db56173e2e7c847f6ff3ed85a3aebb140bc0064ec9a156ae5b2e71db988")
        #expect(builder.finish() == .zero)
    }

    /// `fsverity digest` of Debian's package fsverity is the judge.
    @Test(arguments: sizes) func equalsTheRealTool(size: Int) throws {
        var path = Array("/tmp/incfs-verity-XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        try #require(descriptor >= 0)
        defer { close(descriptor); unlink(path) }
        let content = Self.content(size)
        var written = 0
        while written < size { written += content[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } }

        let command = "fsverity digest --compact " + String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let pipe = try #require(popen(command, "r"))
        var line = [CChar](repeating: 0, count: 100)
        let got = fgets(&line, 100, pipe)
        #expect(pclose(pipe) == 0, "the program fsverity must be installed (Debian package fsverity)")
        try #require(got != nil)
        let expected = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)

        #expect(content.withUnsafeBytes { VerityDigest.contentDigest(of: $0) }.description == expected)
        let leaves = stride(from: 0, to: size, by: 4096).map { start in
            content[start..<min(start + 4096, size)].withUnsafeBytes { SHA256Hasher.hashBlock($0) }
        }
        #expect(leaves.withUnsafeBufferPointer { VerityDigest.contentDigest(leaves: $0, size: UInt64(size)) }.description == expected)
    }

    @Test func bytesMayBeCutAnywhere() {
        let content = Self.content(3 * 4096 + 100)
        let whole = content.withUnsafeBytes { VerityDigest.contentDigest(of: $0) }
        let builder = VerityTreeBuilder()
        for step in [1, 100, 4095, 4096, 4097] {
            for start in stride(from: 0, to: content.count, by: step) {
                content[start..<min(start + step, content.count)].withUnsafeBytes { builder.update($0) }
            }
            #expect(builder.finishContentDigest() == whole)
        }
    }

    /// Holes are added in whole subtrees; the result must be that of adding them one by one, wherever they start.
    @Test(arguments: [0, 1, 127, 128, 129, 16_383, 16_385]) func holesEqualBlocksOfZeros(before: Int) {
        let leaf = [1, 2, 3].withUnsafeBytes { SHA256Hasher.hash($0) }
        let fast = VerityTreeBuilder(), slow = VerityTreeBuilder()
        for holes in [1, 127, 128, 129, 255, 256, 16_384, 16_511, 40_000] {
            for builder in [fast, slow] { for _ in 0..<before { builder.add(leaf: leaf) } }
            fast.add(zeroBlocks: UInt64(holes))
            for _ in 0..<holes { slow.add(leaf: MerkleTree.zeroBlockDigest) }
            for builder in [fast, slow] { builder.add(leaf: leaf) }
            #expect(fast.leafCount == slow.leafCount)
            #expect(fast.finish() == slow.finish())
        }
    }

    @Test func aHoleOfTheLargestSizeIsQuick() {
        let builder = VerityTreeBuilder()
        builder.add(zeroBlocks: 1 << 50)
        #expect(builder.leafCount == 1 << 50)
        #expect(builder.finish() != .zero)
    }
}
