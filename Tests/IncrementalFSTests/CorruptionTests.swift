import BlockStore
import Glibc
import HTTPSource
import LinuxSystem
import Synchronization
import Testing
import VolumeTesting
@testable import IncrementalFS
@testable import VolumeCore

/// A flipped byte, on the way or on the disk: the block is fetched again, which the origin sees and the log says, and the
/// program gets the right bytes or an error, never wrong ones.
@Suite(.serialized) struct CorruptionTests {
    /// Small, for every byte of it has its turn: a file for a slab, one of two chunks, a sparse one, one that is stored as it is.
    static let package: Result<PublishedPackage, any Error> = Result {
        var random = Generator(seed: 3)
        return try PublishedPackage(
            [
                SourceFile("small", random.text(60)), SourceFile("dir/two", random.text(4096 + 100)),
                SourceFile("sparse", random.text(4096 + 200), holes: [0..<4096]), SourceFile("noise", random.noise(150)),
            ], chunkSize: 4096)
    }
    static let threads = 2
    /// `INCFS_EVERY_BYTE=1` leaves none out, and takes minutes.
    static let everyByte = getenv("INCFS_EVERY_BYTE") != nil
    static let chosen = Int.random(in: 0..<16)

    /// Problems, collected from threads and reported at the end.
    final class Problems: Sendable {
        private let list = Mutex<[String]>([])
        func add(_ text: String) { list.withLock { if $0.count < 10 { $0.append(text) } } }
        func report() { for text in list.withLock({ $0 }) { Issue.record("\(text)") } }
    }

    static func origin(_ package: PublishedPackage) -> FlippingOrigin {
        var files: [String: [UInt8]] = [:]
        for (path, bytes) in package.origin { files[path.isEmpty ? "/sample.incfs" : "/" + String(decoding: path, as: UTF8.self)] = bytes }
        return FlippingOrigin(files: files)
    }

    private static func check(_ package: PublishedPackage, _ outcome: PackageRun.Outcome, _ problems: Problems, _ what: String) {
        for file in package.files where !file.bytes.isEmpty {
            switch outcome.files[file.path] {
            case .success(let bytes)?: if bytes != file.bytes { problems.add("\(what): wrong bytes in \(file.path)") }
            case .failure(let error)?: problems.add("\(what): \(file.path): \(error)")
            case nil: problems.add("\(what): no answer for \(file.path)")
            }
        }
    }

    /// A piece of a file at the origin that is fetched and checked by itself.
    struct Piece: Sendable { var path: String, range: Range<Int>, time: Int, isHead: Bool }

    private static func pieces(_ package: PublishedPackage) throws -> [Piece] {
        // The head's request brings the index by the way; what counts is the request for the index page itself.
        var pieces = [Piece(path: "/sample.incfs", range: 0..<Int(package.head.length), time: 1, isHead: true)]
        let directory = TemporaryDirectory()
        let loader = try HandLoader.start(package, in: directory.path)
        for page in 0..<loader.volume.index.pageCount {
            let range = loader.volume.index.pageRange(page)
            pieces.append(Piece(path: "/sample.incfs", range: Int(range.offset)..<Int(range.offset) + range.length, time: 2, isHead: false))
        }
        for chunk in 0..<loader.volume.chunkCount {
            let place = loader.volume.location(of: LoadUnit(.chunk, chunk))!
            pieces.append(Piece(path: "/" + String(decoding: place.path, as: UTF8.self), range: Int(place.offset)..<Int(place.offset) + place.length, time: 1, isHead: false))
        }
        return pieces
    }

    /// Byte i of every piece is flipped in the same run, for every i: each piece is fetched and checked by itself.
    @Test func everyTransferredByte() async throws {
        let package = try Self.package.get()
        let pieces = try Self.pieces(package)
        let total = package.origin.values.reduce(0) { $0 + $1.count }
        #expect(pieces.reduce(0) { $0 + $1.range.count } == total, "all bytes at the origin are in a piece")
        let longest = pieces.map(\.range.count).max()!
        let problems = Problems()
        await onThreads(Self.threads) { thread in
            let origin = Self.origin(package)
            defer { origin.stop() }
            guard let http = try? HTTPSource(address: origin.address("/sample.incfs")) else { return problems.add("no source") }
            defer { waitFor { await http.shutdown() } }
            let store = FilePath("/dev/shm/incfs-corruption-\(getpid())-\(thread)")
            defer { try? SystemCalls.removeTree(store) }
            for i in stride(from: thread, to: longest, by: Self.threads) {
                try? SystemCalls.removeTree(store)
                let flipped = pieces.filter { i < $0.range.count }
                // With a damaged head there are two requests for it, and each brings the index along.
                let extra = flipped[0].isHead ? 1 : 0
                origin.order(flipped.map {
                    .init(path: $0.path, offset: $0.range.lowerBound + i, mask: 1 << UInt8(i % 8), time: $0.time == 1 ? 1 : 2 + extra)
                })
                do {
                    let outcome = try PackageRun.run(package, source: SharedSource(base: http), store: store, pin: package.summary.root)
                    Self.check(package, outcome, problems, "byte \(i)")
                    for (piece, sent) in zip(flipped, origin.sent) {
                        let what = "byte \(piece.range.lowerBound + i) of \(piece.path)"
                        // Wrong once, right once; pages of the index come once with each request for the head as well.
                        let expected = piece.time == 1 ? 2 : 3 + extra
                        if sent != expected { problems.add("\(what): sent \(sent) times, it should be \(expected)") }
                    }
                    let checked = flipped.filter { !$0.isHead }.count
                    if outcome.corruptDeliveries != UInt64(checked) { problems.add("byte \(i): counted \(outcome.corruptDeliveries) times, not \(checked)") }
                    if outcome.events.filter({ $0.contains("does not match its digest") && $0.contains(http.name) }).count != checked {
                        problems.add("byte \(i): the log says \(outcome.events)")
                    }
                    if flipped[0].isHead && !outcome.said("Asking once more") { problems.add("byte \(i): the log says \(outcome.events)") }
                } catch { problems.add("byte \(i): \(error)") }
            }
        }
        problems.report()
    }

    /// Byte i of every file of the store is flipped at the same time, for every i: the files are independent of each other.
    @Test(arguments: ["complete", "partial"]) func everyStoredByte(state: String) async throws {
        let package = try Self.package.get()
        let pristine = FilePath("/dev/shm/incfs-stored-\(getpid())-\(state)")
        defer { try? SystemCalls.removeTree(pristine) }
        let snapshot = try Self.prepare(package, pristine, complete: state == "complete")
        let names = snapshot.files.map(\.path)
        #expect(names.contains { $0.hasPrefix("slabs/0") } && names.contains("slabs/log") && names.contains { $0.hasSuffix("/head") } && names.contains { $0.hasSuffix("/index") })
        #expect(names.contains { $0.hasSuffix(state == "complete" ? ".leaves" : ".side") }, "\(names)")
        let problems = Problems()
        let noticed = Atomic<Int>(0)
        await onThreads(Self.threads) { thread in
            let store = FilePath("\(pristine.string)-\(thread)")
            defer { try? SystemCalls.removeTree(store) }
            for i in stride(from: thread, to: snapshot.longest * 2, by: Self.threads) {
                let place = i / 2
                // Inside of a block all bytes are alike: without `INCFS_EVERY_BYTE` each 16th stands for the others, another each time.
                if !Self.everyByte && place >= 1024 && place % 16 != Self.chosen && place < 4096 { continue }
                do {
                    let flipped = snapshot.restore(store, flipping: place, in: i % 2 == 0 ? .content : .tables)
                    if flipped.isEmpty { continue }
                    let (outcome, fetched) = try HandRun.run(package, store: store)
                    if Self.judge(package, outcome, fetched, flipped, place, state, problems) { noticed.add(1, ordering: .relaxed) }
                } catch { problems.add("byte \(place): \(error)") }
            }
        }
        problems.report()
        #expect(noticed.load(ordering: .relaxed) > (state == "complete" ? 1000 : 50))
    }

    /// The same for some bytes with loader and origin as the daemon has them.
    @Test(arguments: ["complete", "partial"]) func storedBytesAreFetchedFromTheOrigin(state: String) async throws {
        let package = try Self.package.get()
        let pristine = FilePath("/dev/shm/incfs-origin-\(getpid())-\(state)")
        let snapshot = try Self.prepare(package, pristine, complete: state == "complete")
        let problems = Problems()
        await onThreads(1) { _ in
            let origin = Self.origin(package)
            defer { origin.stop() }
            guard let http = try? HTTPSource(address: origin.address("/sample.incfs")) else { return problems.add("no source") }
            defer { waitFor { await http.shutdown() } }
            defer { try? SystemCalls.removeTree(pristine) }
            for place in stride(from: 3, to: snapshot.longest, by: 149) {
                do {
                    let flipped = snapshot.restore(pristine, flipping: place, in: .content)
                    if flipped.isEmpty { continue }
                    origin.order([])
                    let outcome = try PackageRun.run(package, source: SharedSource(base: http), store: pristine, pin: package.summary.root)
                    let fetched = Set(origin.requests.keys.map { $0 == "/sample.incfs" ? "" : $0 })
                    _ = Self.judge(package, outcome, fetched, flipped, place, state, problems)
                } catch { problems.add("byte \(place): \(error)") }
            }
        }
        problems.report()
    }

    /// Holds an outcome against what was flipped. True if the damage was noticed. `fetched`: the files that were asked for; "" is the envelope.
    private static func judge(
        _ package: PublishedPackage, _ outcome: PackageRun.Outcome, _ fetched: Set<String>, _ flipped: [String], _ place: Int, _ state: String, _ problems: Problems
    ) -> Bool {
        let what = "byte \(place) of \(flipped)"
        check(package, outcome, problems, what)
        // Whatever is damaged is said, and whatever is said is counted.
        let said = outcome.said("is damaged in the store") || outcome.said("are gone from the store")
        if said != (outcome.corruptBlocks > 0) { problems.add("\(what): counted \(outcome.corruptBlocks), the log says \(outcome.events)") }
        if outcome.corruptDeliveries > 0 { problems.add("\(what): the origin is not to blame") }
        let content = flipped.filter { ($0.hasPrefix("objects/") || $0.hasPrefix("slabs/0")) && !$0.hasSuffix(".leaves") }
        if state == "complete", !content.isEmpty {
            if !said { problems.add("\(what): nobody noticed") }
            if fetched.allSatisfy({ $0.isEmpty }) { problems.add("\(what): nothing was fetched again") }
        }
        if flipped.contains(where: { $0.hasSuffix("/head") || $0.hasSuffix("/index") }), !fetched.contains("") { problems.add("\(what): a damaged head or index was believed") }
        return said
    }

    /// A store with everything in it, or with a part of what comes in several chunks.
    private static func prepare(_ package: PublishedPackage, _ directory: FilePath, complete: Bool) throws -> StoreSnapshot {
        try? SystemCalls.removeTree(directory)
        let store = try PlainStore(directory: directory)
        let cache = PackageCache(store: directory)
        let envelope = package.origin[[]]!
        try envelope[..<Int(package.head.length)].withUnsafeBytes { try cache.keep(head: $0, root: package.summary.root) }
        var configuration = VolumeConfiguration()
        configuration.indexCache = try cache.indexFile(root: package.summary.root)
        let loader = HandLoader(package, PackageVolume(head: package.head, store: store, configuration: configuration))
        loader.deliverIndex()
        if complete {
            loader.deliverEverything()
            for number in 0..<loader.volume.objectCount {
                guard case .ready(let object) = loader.volume.resolve(UInt32(number)) else { continue }
                #expect(try object.stored.completeIfFull() == .complete)
            }
        } else {
            // Of the file of two chunks only the first, and all of the others.
            let node = loader.volume.tree.node(loader.node("dir/two"))
            guard case .ready(let two) = loader.volume.resolve(node.objectNumber!) else { fatalError("the index is there") }
            for chunk in 0..<Int(loader.volume.chunkCount) where UInt64(chunk) != two.chunks(in: 4096..<4097)[0] { loader.deliver(chunk: chunk) }
        }
        try store.commit()
        return try StoreSnapshot(directory)
    }

    /// The interesting case of a running daemon: blocks that it has hashed once, whose pages left the page cache, and that
    /// the disk then gives back otherwise.
    @Test func bytesThatChangeOnDiskUnderARunningStore() throws {
        let package = try Self.package.get()
        let directory = TemporaryDirectory()
        _ = try Self.prepare(package, directory.path, complete: true)
        let box = EventBox()
        var configuration = VolumeConfiguration()
        configuration.onEvent = { box.add($0.message) }
        let loader = HandLoader(package, PackageVolume(head: package.head, store: try PlainStore(directory: directory.path), configuration: configuration))
        loader.deliverIndex()
        var random = Generator(seed: 9)
        func read(_ path: String) -> [UInt8]? {
            var bytes = [UInt8](repeating: 0xEE, count: 8192)
            guard case .bytes(let count) = bytes.withUnsafeMutableBytes({ loader.volume.read(node: loader.volume.tree.node(loader.node(path)), at: 0, into: $0) }) else { return nil }
            return Array(bytes[..<count])
        }
        for round in 0..<60 {
            for file in package.files { #expect(read(file.path) == file.bytes, "round \(round), \(file.path)") }
            let victims = try TemporaryDirectory.files(below: directory.path).filter { !$0.string.contains("/packages/") && !$0.string.hasSuffix("/log") && !$0.string.hasSuffix(".side") && !$0.string.hasSuffix(".leaves") }
            let victim = try #require(victims.randomElement(using: &random))
            let size = try SystemCalls.status(of: victim).size
            let before = loader.volume.statistics.corruptBlocks.load(ordering: .relaxed), said = box.count
            try TemporaryDirectory.dropCache(victim)
            try TemporaryDirectory.flip(victim, at: UInt64.random(in: 0..<size, using: &random), mask: 1 << UInt8.random(in: 0..<8, using: &random))
            var missing = 0
            for file in package.files {
                if let bytes = read(file.path) { #expect(bytes == file.bytes, "round \(round): wrong bytes in \(file.path)") } else { missing += 1 }
            }
            if missing > 0 {
                #expect(loader.volume.statistics.corruptBlocks.load(ordering: .relaxed) > before && box.count > said)
                loader.deliverEverything()
            }
        }
        #expect(loader.volume.statistics.corruptBlocks.load(ordering: .relaxed) > 20, "most flips hit content")
    }

    final class EventBox: Sendable {
        private let events = Mutex<[String]>([])
        func add(_ text: String) { events.withLock { $0.append(text) } }
        var count: Int { events.withLock { $0.count } }
    }
}
