import Glibc
import Integrity
import LinuxSystem
import Testing
import VolumeTesting
@testable import BlockStore
@testable import VolumeCore

/// Packages that share a store, one of which names the other's content and describes it in its own way: who is honest sees the
/// published bytes at every moment, and honest releases go on sharing what is there.
@Suite struct PoisonTests {
    static let size = 6 * 4096 + 100

    /// An envelope of `package` whose file claims to have the content that `victim`'s has.
    private static func claiming(_ victim: PublishedPackage, _ package: PublishedPackage) throws -> PublishedEnvelope {
        var envelope = try Envelope(package.origin[[]]!)
        let known = try Envelope(victim.origin[[]]!)
        // Both packages have one object: its record is the first 64 bytes of the index.
        envelope.index.put(Array(known.index[..<32]), at: 0)
        let bytes = envelope.encoded()
        return PublishedEnvelope(bytes: bytes, files: package.origin)
    }

    struct PublishedEnvelope {
        var bytes: [UInt8]
        var files: [[UInt8]: [UInt8]]
    }

    private static func volume(_ envelope: [UInt8], _ store: PlainStore) throws -> PackageVolume {
        PackageVolume(head: try PublishedPackage.head(envelope), store: store, configuration: VolumeConfiguration())
    }

    @discardableResult
    private static func deliver(_ unit: LoadUnit, _ volume: PackageVolume, _ files: [[UInt8]: [UInt8]]) -> Delivery {
        let place = volume.location(of: unit)!
        let bytes = Array(files[place.path]![Int(place.offset)..<Int(place.offset) + place.length])
        return bytes.withUnsafeBytes { volume.deliver(unit, $0, source: "test") }
    }

    private static func open(_ envelope: [UInt8], _ files: [[UInt8]: [UInt8]], _ store: PlainStore) throws -> (PackageVolume, [[UInt8]: [UInt8]]) {
        let volume = try volume(envelope, store)
        var files = files
        files[[]] = envelope
        for page in 0..<volume.index.pageCount { deliver(LoadUnit(.indexPage, UInt64(page)), volume, files) }
        return (volume, files)
    }

    /// Reads block by block; nil for a missing one.
    private static func blocks(_ volume: PackageVolume, _ path: String) -> [[UInt8]?] {
        let node = volume.tree.node(volume.node(atPath: Array(path.utf8))!)
        return stride(from: UInt64(0), to: node.size, by: 4096).map { offset in
            var bytes = [UInt8](repeating: 0xEE, count: 4096)
            guard case .bytes(let count) = bytes.withUnsafeMutableBytes({ volume.read(node: node, at: offset, into: $0) }) else { return nil }
            return Array(bytes[..<count])
        }
    }

    private static func expectRight(_ volume: PackageVolume, _ content: [UInt8], present: Set<Int>?, _ what: String) {
        for (i, block) in blocks(volume, "file").enumerated() {
            let right = Array(content[i * 4096..<min(content.count, (i + 1) * 4096)])
            if let block { #expect(block == right, "\(what): block \(i) holds wrong bytes") }
            if let present { #expect((block != nil) == present.contains(i), "\(what): block \(i)") }
        }
    }

    @Test(arguments: [false, true]) func aPackageThatNamesForeignContentReachesNobodyElse(asHole: Bool) throws {
        var random = Generator(seed: 11)
        let honest = try PublishedPackage([SourceFile("file", random.noise(Self.size))], chunkSize: 4096)
        let evil = try PublishedPackage([SourceFile("file", random.noise(Self.size), holes: asHole ? [0..<8192] : [])], chunkSize: 4096)
        let claim = try Self.claiming(honest, evil)
        let directory = TemporaryDirectory()
        let store = try PlainStore(directory: directory.appending("store"))
        let (bad, badFiles) = try Self.open(claim.bytes, claim.files, store)
        let (good, goodFiles) = try Self.open(honest.origin[[]]!, honest.origin, store)
        let content = honest.file("file").bytes
        // The hostile one is first with a block; then the other way round.
        Self.deliver(LoadUnit(.chunk, 0), bad, badFiles)
        Self.expectRight(good, content, present: [], "the hostile package has brought a block")
        Self.deliver(LoadUnit(.chunk, 1), good, goodFiles)
        Self.expectRight(good, content, present: [1], "each has brought a block")
        for chunk in 0..<bad.chunkCount { Self.deliver(LoadUnit(.chunk, chunk), bad, badFiles) }
        Self.expectRight(good, content, present: [1], "the hostile package has brought all")
        // It is found out, and takes nothing of the other's with it.
        let badObject = try #require(Self.object(bad))
        #expect(try badObject.stored.completeIfFull() == .wrongContent)
        Self.expectRight(good, content, present: [1], "the hostile package was found out")
        for chunk in 0..<good.chunkCount { Self.deliver(LoadUnit(.chunk, chunk), good, goodFiles) }
        let object = try #require(Self.object(good))
        #expect(try object.stored.completeIfFull() == .complete)
        Self.expectRight(good, content, present: Set(0...6), "the honest package is complete")
        // What is complete proves its name: that is what the hostile package has shown all along, and now has.
        Self.expectRight(bad, content, present: Set(0...6), "complete content is shared")
        // The daemon starts anew, the disk loses a block, and the hostile package is first to bring it again.
        let path = directory.appending("store").pushing(FilePath("objects/\(object.stored.id.description.prefix(2))/\(object.stored.id)"))
        let file = try SystemCalls.open(path, flags: O_RDWR)
        try [UInt8](repeating: 1, count: 10).withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: 2 * 4096 + 5) }
        SystemCalls.advise(file.rawValue, POSIX_FADV_DONTNEED)
        Self.expectRight(bad, content, present: nil, "a block was damaged")
        for chunk in 0..<bad.chunkCount { Self.deliver(LoadUnit(.chunk, chunk), bad, badFiles) }
        Self.expectRight(good, content, present: nil, "the hostile package has mended it")
        for chunk in 0..<good.chunkCount { Self.deliver(LoadUnit(.chunk, chunk), good, goodFiles) }
        Self.expectRight(good, content, present: Set(0...6), "the honest package has mended it")
    }

    private static func object(_ volume: PackageVolume) -> VolumeObject? {
        guard case .ready(let object) = volume.resolve(0) else { return nil }
        return object
    }

    /// Two honest releases: other names, other neighbours, the same file.
    @Test func releasesShareTheBlocksOfAnEqualFile() throws {
        var random = Generator(seed: 12)
        let content = random.noise(Self.size)
        let first = try PublishedPackage([SourceFile("a", random.text(50)), SourceFile("file", content)], chunkSize: 4096)
        let second = try PublishedPackage([SourceFile("file", content), SourceFile("new", random.text(9000))], chunkSize: 4096)
        let directory = TemporaryDirectory()
        let store = try PlainStore(directory: directory.path)
        let (one, oneFiles) = try Self.open(first.origin[[]]!, first.origin, store)
        let (two, _) = try Self.open(second.origin[[]]!, second.origin, store)
        let number = one.tree.node(one.node(atPath: Array("file".utf8))!).objectNumber!
        guard case .ready(let object) = one.resolve(number) else { throw Errno.ioError }
        let chunks = object.chunks(in: 4096..<3 * 4096)
        for chunk in chunks { Self.deliver(LoadUnit(.chunk, chunk), one, oneFiles) }
        Self.expectRight(one, content, present: [1, 2], "the first release")
        Self.expectRight(two, content, present: [1, 2], "the second release")
    }

    /// Cut into other chunks, incomplete content is not shared; complete content is, by who has it open already as well.
    @Test(arguments: [6 * 4096 + 100, 9000]) func otherChunksShareWhatIsComplete(size: Int) throws {
        var random = Generator(seed: 13)
        let content = random.noise(size)
        let first = try PublishedPackage([SourceFile("file", content)], chunkSize: 4096)
        let second = try PublishedPackage([SourceFile("file", content)], chunkSize: 8192 << 2)
        let directory = TemporaryDirectory()
        let store = try PlainStore(directory: directory.path)
        let (one, oneFiles) = try Self.open(first.origin[[]]!, first.origin, store)
        let (two, twoFiles) = try Self.open(second.origin[[]]!, second.origin, store)
        Self.deliver(LoadUnit(.chunk, 0), one, oneFiles)
        Self.expectRight(one, content, present: [0], "its own block")
        Self.expectRight(two, content, present: [], "nothing is shared")
        for chunk in 0..<two.chunkCount { Self.deliver(LoadUnit(.chunk, chunk), two, twoFiles) }
        let object = try #require(Self.object(two))
        #expect(try object.stored.completeIfFull() == .complete)
        let all = Set(0..<(size + 4095) / 4096)
        Self.expectRight(one, content, present: all, "it was completed by the other package")
        #expect(one.isPresent(LoadUnit(.chunk, 1)), "nothing of it is fetched any more")
        #expect(try SystemCalls.list(directory.path.appending("partial")).allSatisfy { try SystemCalls.list(directory.path.appending("partial").appending(bytes: $0)).isEmpty })
    }
}
