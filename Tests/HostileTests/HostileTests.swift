import Glibc
import Integrity
import LinuxSystem
import PackageFormat
import Testing
import VolumeTesting
@testable import IncrementalFS

/// Packages made to harm, through the way that a mount takes: a clear error, EIO, or nothing at all; never a crash, never a
/// byte that was not published, and nothing outside of the store.
@Suite struct HostileTests {
    /// Three chunks and a shared one; a sparse file; two objects; names that sort.
    static let package: Result<PublishedPackage, any Error> = Result {
        var random = Generator(seed: 5)
        return try PublishedPackage(
            [
                SourceFile("a", random.text(60)), SourceFile("b", random.noise(200)), SourceFile("dir/big", random.text(10_000)),
                SourceFile("sparse", random.text(13_000), holes: [4096..<8192]), SourceFile("empty", []),
            ], links: [("link", "a")], chunkSize: 4096)
    }

    /// Meets it, and holds what was read against what was published: wrong bytes would be the publisher's right, bytes that he
    /// never published are not, so `allowing` names what a changed record may legitimately change.
    private func meet(_ envelope: [UInt8], _ what: String, changed: Bool = true, by victim: Victim = Victim()) async throws {
        let package = try Self.package.get()
        var files = package.origin
        files[[]] = envelope
        let verdict = try await victim.meet(files)
        guard case .opened(let read) = verdict else { return }
        for (path, verdict) in read {
            if verdict == .waits { Issue.record("\(what): a reader of \(path) would wait for ever") }
            if case .failed(let error) = verdict { #expect(error == EIO, "\(what): \(path)") }
        }
        if changed { return }
        for file in package.files where !file.bytes.isEmpty { #expect(read[file.path] == .bytes(file.bytes), "\(what): \(file.path)") }
    }

    @Test func theUnchangedPackageIsFine() async throws {
        let package = try Self.package.get()
        let envelope = try Envelope(package.origin[[]]!)
        try await meet(package.origin[[]]!, "as published", changed: false)
        try await meet(envelope.encoded(), "taken apart and put together", changed: false)
    }

    @Test func truncatedAtEveryLength() async throws {
        let victim = Victim()
        let package = try Self.package.get()
        let envelope = package.origin[[]]!
        let head = Int(package.head.length)
        for length in 0..<head {
            var files = package.origin
            files[[]] = Array(envelope[..<length])
            guard case .refused(let error) = try await victim.meet(files) else {
                Issue.record("opened with \(length) of \(head) bytes")
                continue
            }
            #expect(error.kind == .notAPackage, "\(length): \(error.message)")
        }
        // The index is missing, wholly or in part: its files cannot be had, and the mount stands.
        for length in stride(from: head, to: envelope.count, by: 97) {
            var files = package.origin
            files[[]] = Array(envelope[..<length])
            guard case .opened(let read) = try await victim.meet(files) else {
                Issue.record("refused with \(length) bytes")
                continue
            }
            for (path, verdict) in read { #expect(verdict == .failed(EIO), "\(path) with \(length) bytes of the envelope") }
        }
        // A pack that ends early.
        let pack = package.origin.keys.first { !$0.isEmpty }!
        for length in stride(from: 0, to: package.origin[pack]!.count, by: 131) {
            var files = package.origin
            files[pack]!.removeLast(files[pack]!.count - length)
            guard case .opened(let read) = try await victim.meet(files) else { continue }
            for file in package.files where !file.bytes.isEmpty {
                #expect(read[file.path] == .bytes(file.bytes) || read[file.path] == .failed(EIO), "\(file.path) with \(length) bytes of the pack")
            }
        }
    }

    static let limits32: [UInt32] = [0, 1, 2, 4096, 4097, 0x8000_0000, .max]
    static let limits64: [UInt64] = [0, 1, 4095, 4096, 4097, 1 << 31, 1 << 32, 1 << 40, (1 << 46) - 4096, 1 << 46, 1 << 62, (1 << 62) + 1, 1 << 63, .max - 4095, .max]

    @Test func everyFieldOfPrefixAndManifest() async throws {
        let victim = Victim()
        let envelope = try Envelope(Self.package.get().origin[[]]!)
        let whole = envelope.encoded()
        for field in stride(from: 8, to: 128 + 320, by: 4) {
            for value in Self.limits32 {
                var bytes = whole
                bytes.put(value, at: field)
                try await meet(bytes, "32 bits at \(field) = \(value)", by: victim)
            }
        }
        for field in stride(from: 128, to: 128 + 320, by: 8) {
            for value in Self.limits64 {
                var bytes = whole
                bytes.put(value, at: field)
                try await meet(bytes, "64 bits at \(field) = \(value)", by: victim)
            }
        }
    }

    /// Header, nodes, entries, names.
    @Test func everyFieldOfTheTree() async throws {
        let victim = Victim()
        let envelope = try Envelope(Self.package.get().origin[[]]!)
        for field in stride(from: 0, to: envelope.tree.count - 4, by: 4) {
            for value in Self.limits32 {
                var changed = envelope
                changed.tree.put(value, at: field)
                try await meet(changed.encoded(), "tree, 32 bits at \(field) = \(value)", by: victim)
            }
        }
        for field in stride(from: 64, to: envelope.tree.count - 8, by: 8) {
            for value in Self.limits64.suffix(9) {
                var changed = envelope
                changed.tree.put(value, at: field)
                try await meet(changed.encoded(), "tree, 64 bits at \(field) = \(value)", by: victim)
            }
        }
    }

    /// Every field of every object, extent and chunk, among them extents that overlap, are out of order or lie elsewhere.
    @Test func everyFieldOfTheIndex() async throws {
        let victim = Victim()
        let envelope = try Envelope(Self.package.get().origin[[]]!)
        let (objects, extents, chunks) = (Int(envelope.manifest.little32(88)), Int(envelope.manifest.little32(92)), Int(envelope.manifest.little32(96)))
        let firstExtent = objects * 64, firstChunk = envelope.index.count - chunks * 64
        var wide: [Int] = [], narrow: [Int] = []
        for i in 0..<objects {
            wide += [32, 48].map { i * 64 + $0 }
            narrow += [0, 40, 44, 60].map { i * 64 + $0 }
        }
        for i in 0..<extents {
            wide += [0, 8].map { firstExtent + i * 32 + $0 }
            narrow += [16, 20, 24, 28].map { firstExtent + i * 32 + $0 }
        }
        for i in 0..<chunks {
            wide += [firstChunk + i * 64 + 32]
            narrow += [0, 40, 44, 48, 52, 56, 60].map { firstChunk + i * 64 + $0 }
        }
        for field in narrow {
            for value: UInt32 in [0, 1, 2, 3, 5, 60, 4096, 4097, 0x8000_0001, .max] where envelope.index.little32(field) != value {
                var changed = envelope
                changed.index.put(value, at: field)
                try await meet(changed.encoded(), "index, 32 bits at \(field) = \(value)", by: victim)
            }
        }
        for field in wide {
            for value: UInt64 in [0, 1, 4096, 8192, 1 << 32, 1 << 46, 1 << 62, (1 << 62) + 1, .max - 4095, .max] where envelope.index.little64(field) != value {
                var changed = envelope
                changed.index.put(value, at: field)
                try await meet(changed.encoded(), "index, 64 bits at \(field) = \(value)", by: victim)
            }
        }
    }

    /// Sizes on which tree, manifest and index agree: the largest hole can be read; a block more is an error where only the index
    /// tells it, and where the tree does the package is refused.
    @Test(arguments: [PackageLimits.holeSize + 4096, PackageLimits.holeSize + 8192, PackageLimits.holeSize + 16384, UInt64(1) << 62] as [UInt64]) func absurdSizes(size: UInt64) async throws {
        let package = try Self.package.get()
        var envelope = try Envelope(package.origin[[]]!)
        let file = package.file("sparse").bytes.count
        let node = try #require(stride(from: 64, to: 64 + Int(envelope.tree.little32(0)) * 64, by: 64).first { envelope.tree.little64($0 + 8) == UInt64(file) })
        envelope.tree.put(size, at: node + 8)
        let object = Int(envelope.tree.little32(node + 36))
        // A whole last block, so that no extent ends inside of one.
        envelope.index.put(size, at: object * 64 + 32)
        envelope.index.put(UInt32(1), at: object * 64 + 44)
        envelope.manifest.put(envelope.manifest.little64(64) - UInt64(file) + size, at: 64)
        var files = package.origin
        files[[]] = envelope.encoded()
        let verdict = try await Victim.meet(files)
        if size == PackageLimits.holeSize + 4096 {
            guard case .opened(let read) = verdict, case .bytes(let bytes)? = read["sparse"] else { return #expect(Bool(false), "\(size): \(verdict)") }
            #expect(bytes.prefix(4096) == package.file("sparse").bytes.prefix(4096) && bytes.dropFirst(4096).allSatisfy { $0 == 0 } && bytes.count == 100_000)
        } else if size == PackageLimits.holeSize + 8192 {
            guard case .opened(let read) = verdict else { return #expect(Bool(false), "\(size): \(verdict)") }
            #expect(read["sparse"] == .failed(EIO))
        } else {
            guard case .refused(let error) = verdict else { return #expect(Bool(false), "\(size): opened") }
            // The largest is past the limit of all bytes together already.
            #expect(error.message.contains("the limit is \(size == 1 << 62 ? PackageLimits.fileSize : PackageLimits.holeSize)"), "\(error.message)")
        }
    }

    /// Several wrong fields at once, where one alone would be caught by the first check.
    @Test(arguments: [UInt64.random(in: 0...UInt64.max), 1, 2, 3]) func severalFields(seed: UInt64) async throws {
        let victim = Victim()
        let envelope = try Envelope(Self.package.get().origin[[]]!)
        var random = Generator(seed: seed)
        for round in 0..<60 {
            var changed = envelope
            for _ in 0..<Int.random(in: 2...6, using: &random) {
                if random.oneIn(2) {
                    changed.index.put(Self.limits32.randomElement(using: &random)!, at: Int.random(in: 0..<changed.index.count / 4 - 1, using: &random) * 4)
                } else if random.oneIn(2) {
                    let from = Int.random(in: 0..<changed.index.count / 32, using: &random) * 32, to = Int.random(in: 0..<changed.index.count / 32, using: &random) * 32
                    changed.index.put(Array(changed.index[from..<from + 32]), at: to)
                } else {
                    changed.tree.put(Self.limits32.randomElement(using: &random)!, at: Int.random(in: 0..<changed.tree.count / 4 - 1, using: &random) * 4)
                }
            }
            try await meet(changed.encoded(), "seed \(seed), round \(round)", by: victim)
        }
    }

    @Test func namesThatClimb() async throws {
        let package = try Self.package.get()
        let envelope = try Envelope(package.origin[[]]!)
        // The names lie at the end of the tree, one after the other.
        for (from, to) in [("dir", "../"), ("dir", "a/b"), ("dir", "..\0"), ("empty", "../..")] {
            var changed = envelope
            let name = Array(from.utf8)
            let strings = try #require(changed.tree.indices.last { changed.tree[$0...].starts(with: name) })
            changed.tree.put(Array(to.utf8), at: strings)
            var files = package.origin
            files[[]] = changed.encoded()
            guard case .refused(let error) = try await Victim.meet(files) else {
                Issue.record("'\(to)' was taken for a name")
                continue
            }
            #expect(error.kind == .notAPackage && error.message.contains("hostile"), "\(error.message)")
        }
        // A pack's name is a file's name beside the envelope.
        let pack = package.origin.keys.first { !$0.isEmpty }!
        for name in ["../", "/", "a/"] {
            var changed = envelope
            let place = try #require(changed.manifest.indices.last { changed.manifest[$0...].starts(with: pack) })
            changed.manifest.put(Array(name.utf8), at: place)
            var files = package.origin
            files[[]] = changed.encoded()
            guard case .refused = try await Victim.meet(files) else {
                Issue.record("a pack may be called \(name)…")
                continue
            }
        }
    }

    /// A chunk that promises 4096 bytes and decodes to many more, to fewer, or never.
    @Test func bombs() async throws {
        let package = try Self.package.get()
        let envelope = try Envelope(package.origin[[]]!)
        let pack = package.origin.keys.first { !$0.isEmpty }!
        let chunks = Int(envelope.manifest.little32(96)), table = envelope.index.count - chunks * 64
        let bombs: [[UInt8]] = [
            Codec.compress([UInt8](repeating: 0, count: 64 << 20)), Codec.compress([UInt8](repeating: 0, count: 4097)), Codec.compress([1, 2, 3]),
            // A frame that claims 2^62 bytes, and one with a window of 2^41.
            [0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0], [0x28, 0xB5, 0x2F, 0xFD, 0, 0xFF, 1, 0, 0], [], [0x28], [UInt8](repeating: 0xFF, count: 100),
        ]
        for (i, bomb) in bombs.enumerated() {
            for chunk in 0..<chunks {
                var changed = envelope
                var files = package.origin
                let stored = Array(bomb.prefix(4000))
                let record = table + chunk * 64
                changed.index.put(Codec.digest(stored), at: record)
                changed.index.put(UInt64(files[pack]!.count), at: record + 32)
                changed.index.put(UInt32(stored.count), at: record + 40)
                changed.index.put(UInt32(4096), at: record + 44)
                changed.index[record + 60] = 1
                // The manifest says how long the pack is: at its end, before its name.
                let place = try #require(changed.manifest.indices.last { changed.manifest[$0...].starts(with: pack) }) - 10
                files[pack]! += stored
                changed.manifest.put(UInt64(files[pack]!.count), at: place)
                files[[]] = changed.encoded()
                guard case .opened(let read) = try await Victim.meet(files) else { continue }
                for file in package.files where !file.bytes.isEmpty {
                    let verdict = read[file.path]
                    #expect(verdict == .bytes(file.bytes) || verdict == .failed(EIO), "bomb \(i) as chunk \(chunk): \(file.path)")
                }
            }
        }
        // The tree as a bomb: it says how long it is, and decodes to something else.
        for length in [UInt64(64), 1 << 20, 512 << 20, (512 << 20) + 1, .max] {
            var bytes = envelope.encoded()
            bytes.put(length, at: 128 + Envelope.treeSection + 16)
            var files = package.origin
            files[[]] = bytes
            guard case .refused = try await Victim.meet(files) else {
                Issue.record("a tree of \(length) bytes was taken")
                continue
            }
        }
    }

    /// An honest package whose content is another than its digests say: found out when the file is whole.
    @Test func contentThatIsNotItsDigest() async throws {
        let package = try Self.package.get()
        let envelope = try Envelope(package.origin[[]]!)
        for object in 0..<Int(envelope.manifest.little32(88)) {
            var changed = envelope
            changed.index[object * 64 + 5] ^= 1
            var files = package.origin
            files[[]] = changed.encoded()
            guard case .opened(let read) = try await Victim.meet(files) else {
                Issue.record("refused")
                continue
            }
            // A small file is checked before anybody sees it; a large one when it is whole.
            #expect(read.values.allSatisfy { if case .waits = $0 { false } else { true } })
        }
    }

    @Test func anotherPackageThanAskedFor() async throws {
        let package = try Self.package.get()
        guard case .refused(let error) = try await Victim.meet(package.origin, pin: .zero) else { return #expect(Bool(false), "opened") }
        #expect(error.kind == .wrongRoot && error.hint != nil)
    }
}
