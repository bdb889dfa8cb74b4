import BlockStore
import Glibc
import LinuxSystem
import Testing
import VolumeTesting
@testable import VolumeCore

/// A block that a reader waited for is read once out of memory, and from the store ever after.
@Suite struct ArrivedReadTests {
    let package: PublishedPackage
    let loader: HandLoader
    let content: [UInt8]
    var volume: PackageVolume { loader.volume }

    init() throws {
        var random = Generator(seed: 77)
        content = random.noise(300_000)
        package = try PublishedPackage([SourceFile("big", content)])
        loader = try HandLoader.start(package, in: package.directory.appending("store"))
    }

    func read(_ offset: Int, _ size: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: size)
        guard case .bytes(let count) = bytes.withUnsafeMutableBytes({ volume.read(node: volume.tree.node(loader.node("big")), at: UInt64(offset), into: $0) }) else { return nil }
        return Array(bytes[..<count])
    }

    func park(at offset: UInt64, unique: UInt64 = 2) {
        let node = loader.node("big")
        volume.park(
            PendingRead(
                unique: unique, descriptor: 1, processID: 1, node: UInt32(node), object: UInt32(volume.tree.node(node).objectIndex!), offset: offset, size: 4096,
                isDirect: false, since: .now, deadline: nil))
    }

    /// Changes every stored block of the file behind the volume's back.
    func spoilStore() throws {
        var spoiled = 0
        for file in try TemporaryDirectory.files(below: package.directory.appending("store")) where try SystemCalls.status(of: file).size >= 131_072 {
            for block in 0..<32 { try TemporaryDirectory.flip(file, at: UInt64(block * 4096 + 9)) }
            spoiled += 1
        }
        #expect(spoiled == 1)
    }

    @Test func theFirstReadIsFromMemoryTheSecondFromTheStore() throws {
        let recorder = AnswerRecorder(volume)
        volume.setDelegate(recorder)
        defer { volume.setDelegate(nil) }
        park(at: 0)
        loader.deliver(chunk: 0)
        #expect(recorder.take().map(\.unique) == [2])
        try spoilStore()
        // The rest of the chunk was never read from the store; the first page was given to who waited for it.
        #expect(read(4096, 126_976) == Array(content[4096..<131_072]))
        #expect(read(4096, 4096) == nil, "a second read does not see what became of the disk")
        #expect(volume.statistics.corruptBlocks.load(ordering: .relaxed) > 0)
    }

    @Test func theBackgroundFillKeepsNothingInMemory() throws {
        loader.deliver(chunk: 0)
        #expect(volume.arrived.memory == 0)
        try spoilStore()
        #expect(read(0, 4096) == nil)
    }

    @Test func whatIsReadAheadIsKeptAndSweptAway() throws {
        let node = volume.tree.node(loader.node("big"))
        #expect(volume.refuseReadahead(node: node, number: UInt32(loader.node("big")), processID: 1, offset: 131_072, size: 131_072))
        loader.deliver(chunk: 1)
        #expect(volume.arrived.memory > 0)
        // Half from memory, the rest from the store: the chunk behind it came for nobody.
        loader.deliver(chunk: 2)
        #expect(read(131_072, 160_000) == Array(content[131_072..<291_072]))
        #expect(volume.arrived.isEmpty)
        // The thread that completes objects gives the memory back.
        let completion = Thread(name: "completion") { volume.runCompletion() }
        let deadline = MonotonicTime.now.adding(milliseconds: 5 * 2 * ArrivedBytes.lifetime)
        while volume.arrived.memory > 0, MonotonicTime.now < deadline { sched_yield() }
        #expect(volume.arrived.memory == 0)
        volume.stopCompletion()
        completion.join()
    }

    /// A chunk that comes once more brings nothing: its blocks are the store's.
    @Test func whatWasThereBeforeIsNotKept() throws {
        loader.deliver(chunk: 0)
        volume.expect([LoadUnit(.chunk, 0)])
        loader.deliver(chunk: 0)
        #expect(volume.arrived.isEmpty)
        try spoilStore()
        #expect(read(0, 4096) == nil)
    }

    /// A chunk of files that are too short takes no room from others.
    @Test func smallFilesTakeNoRoom() throws {
        var random = Generator(seed: 78)
        let files = (0..<6).map { SourceFile("small-\($0)", random.noise(9_000)) }
        let package = try PublishedPackage(files)
        let loader = try HandLoader.start(package, in: package.directory.appending("store"))
        let volume = loader.volume
        for file in 0..<6 {
            let number = loader.node("small-\(file)")
            #expect(volume.refuseReadahead(node: volume.tree.node(number), number: UInt32(number), processID: 1, offset: 0, size: 8192))
        }
        loader.deliverEverything()
        #expect(volume.arrived.memory == 0)
    }

    @Test func damagedBytesAreNotKept() throws {
        park(at: 0)
        #expect(loader.deliver(LoadUnit(.chunk, 0)) { $0[5] ^= 1 } == .corrupt)
        #expect(volume.arrived.isEmpty && read(0, 4096) == nil)
    }
}
