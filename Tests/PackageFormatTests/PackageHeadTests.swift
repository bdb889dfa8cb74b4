import Integrity
import Testing

@testable import PackageFormat

@Suite struct PackageHeadTests {
    @Test func roundTrip() throws {
        let sample = try SamplePackage()
        var encoding = try sample.encoding()
        let file = encoding.encoded()
        let head = try parse(file).get()
        #expect(head.manifest == encoding.manifest)
        #expect(head.root == file[128..<(128 + head.prefix.manifestLength)].withUnsafeBytes { SHA256Hasher.hash($0) })
        #expect(UInt64(file.count) == encoding.envelopeLength)
        #expect(head.manifest.files == 4 && head.manifest.directories == 3 && head.manifest.symbolicLinks == 1)
        #expect(head.manifest.bytes == 20_105 && head.manifest.dataBytes == 16_009)
        #expect(try parse(file, root: head.root).get().root == head.root)
        #expect(parse(file, root: .zero).failure == .wrongRoot(expected: .zero, found: head.root))
        #expect(encoding.indexDigest() == head.manifest.index.digest)
        #expect(try sample.bytes() == file)
    }

    /// From any first part on, asking again leads to exactly the head.
    @Test func requiredLengthConverges() throws {
        let file = try SamplePackage().bytes()
        let head = try parse(file).get()
        for start in [0, 1, 127, 128, 400, file.count] {
            var have = start
            var questions = 0
            while true {
                let needed = Int(try requiredLength(Array(file.prefix(have))).get())
                if needed <= have { break }
                have = needed
                questions += 1
                try #require(questions <= 3)
            }
            #expect(UInt64(have) >= head.length)
            if start < 400 { #expect(UInt64(have) == head.length) }
        }
    }

    @Test func truncatedAtEveryLength() throws {
        let file = try SamplePackage().bytes()
        let head = try parse(file).get()
        for length in 0..<Int(head.length) {
            guard case .truncated(let needed, let available) = parse(Array(file.prefix(length))).failure else {
                Issue.record("\(length) bytes were accepted, or refused for another reason")
                continue
            }
            #expect(needed > length && available == length)
        }
        #expect(throws: Never.self) { try parse(Array(file.prefix(Int(head.length)))).get() }
    }

    /// Every byte of the head, flipped in turn: without a pinned root the manifest's own strings and numbers may differ, but what is decoded
    /// must have been checked; with a pinned root nothing passes but unread bytes.
    @Test func everyByteFlipped() throws {
        let file = try SamplePackage().bytes()
        let head = try parse(file).get()
        for position in 0..<Int(head.length) {
            for mask: UInt8 in [0x01, 0x80] {
                var bad = file
                bad[position] ^= mask
                #expect(parse(bad, root: head.root).failure != nil, "byte \(position)")
                _ = parse(bad)
            }
        }
    }

    @Test func prefixFields() throws {
        let file = try SamplePackage().bytes()
        func with(_ change: (inout [UInt8]) -> Void) -> PackageError? { var bad = file; change(&bad); return parse(bad).failure }
        #expect(with { $0[0] = 0 } == .notAPackage)
        #expect(parse(Array("<!DOCTYPE html>".utf8)).failure == .notAPackage)
        #expect(with { put(UInt32(2), at: PackagePrefix.versionOffset, in: &$0) } == .unsupportedVersion(2))
        #expect(with { put(UInt32(4), at: PackagePrefix.featuresOffset, in: &$0) } == .unsupportedFeatures(4))
        #expect(with { put(UInt32(65_537), at: PackagePrefix.manifestLengthOffset, in: &$0) } == .limitExceeded("manifest length", value: 65_537, limit: 65_536))
        #expect(with { put(UInt32(65_536), at: PackagePrefix.manifestLengthOffset, in: &$0) } == .truncated(needed: 65_664, available: UInt64(file.count)))
        #expect(with { put(UInt32(319), at: PackagePrefix.manifestLengthOffset, in: &$0) } == .malformed("the manifest is shorter than its fixed part"))
        #expect(with { put(UInt32(16_385), at: PackagePrefix.signatureLengthOffset, in: &$0) } == .limitExceeded("signature room", value: 16_385, limit: 16_384))
        #expect(with { $0[127] = 1 } == .malformed("a reserved byte of the prefix is not zero"))
    }

    /// Room for a signature moves the sections, and changes neither them nor the root.
    @Test func signatureRoomIsSkipped() throws {
        var file = try SamplePackage().bytes()
        let plain = try parse(file).get()
        for room in [1, PackageLimits.signatureLength] {
            var signed = file
            put(UInt32(room), at: PackagePrefix.signatureLengthOffset, in: &signed)
            signed.insert(contentsOf: repeatElement(0xee, count: room), at: Int(plain.prefix.bodyOffset))
            let head = try parse(signed, root: plain.root).get()
            #expect(head.length == plain.length + UInt64(room))
            let index = PackageIndex(head: head)
            let range = index.pageRange(0)
            #expect(signed[Int(range.offset)..<(Int(range.offset) + range.length)].withUnsafeBytes { index.install(page: 0, bytes: $0) })
        }
        file.removeAll()
    }

    @Test func treeMustMatchTheManifest() throws {
        let sample = try SamplePackage()
        let file = try sample.bytes()
        for offset in stride(from: PackageManifest.filesOffset, through: PackageManifest.filesOffset + 32, by: 8) {
            var bad = file
            bad[PackagePrefix.length + offset] ^= 1
            guard case .malformed = parse(bad).failure else { Issue.record("total at \(offset) not checked"); continue }
        }
        // A frame whose content is shorter than announced.
        var bad = file
        put(UInt64(sample.tree().count + 1), at: PackagePrefix.length + PackageManifest.treeOffset + 16, in: &bad)
        guard case .malformed(let rule) = parse(bad).failure else { Issue.record("length not checked"); return }
        #expect(rule.contains("cannot be decoded"))
    }

    @Test func errorsHaveAnErrno() {
        #expect(PackageError.notAPackage.rawErrno == 74)
        #expect(PackageError.unsupportedVersion(2).rawErrno == 95)
        #expect(InvalidRecord(table: .chunks, number: 1, rule: "x").rawErrno == 5)
    }
}
