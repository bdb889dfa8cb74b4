import FUSEProtocol
import Glibc
import LinuxSystem
import Testing
import VolumeTesting
@testable import VolumeCore

/// What becomes of a READ of missing blocks (docs/FUSE.md).
@Suite struct ReadRuleTests {
    static let chunk: UInt64 = 131_072

    @Test func aWindowWithAMissingBlockIsRefusedAtOnceAndItsChunksAreHinted() throws {
        let mount = try Mount()
        #expect(try mount.read("big", 65536, 131_072).error == -EAGAIN)
        let requests = mount.volume.requests.drain()
        #expect(requests.map(\.unit) == mount.chunks("big", 65536..<196_608).map { LoadUnit(.chunk, $0) })
        #expect(requests.count == 2 && requests.allSatisfy { $0.priority == .readahead })
        #expect(mount.volume.statistics.refusedWindows.load(ordering: .relaxed) == 1 && mount.volume.statistics.parkedReads.load(ordering: .relaxed) == 0)
        // One half present: still refused, never answered short; only the missing half is asked for.
        mount.deliver("big", 65536..<65537)
        #expect(try mount.read("big", 65536, 131_072, thread: 2).error == -EAGAIN)
        #expect(mount.volume.requests.drain().map(\.unit) == mount.chunks("big", 131_072..<131_073).map { LoadUnit(.chunk, $0) })
        mount.deliver("big", 131_072..<131_073)
        #expect(try mount.read("big", 65536, 131_072, thread: 2) == .init(error: 0, unique: 1002, payload: Array(mount.content("big")[65536..<196_608])))
    }

    @Test func theSameWindowAgainBySameThreadIsParked() throws {
        let mount = try Mount()
        #expect(try mount.read("big", 0, 65536, thread: 5).error == -EAGAIN)
        // Others who ask for the same are other readers.
        #expect(try mount.read("big", 0, 65536, thread: 6).error == -EAGAIN)
        // Another window of the same thread.
        #expect(try mount.read("big", 0, 32768, thread: 6).error == -EAGAIN)
        try mount.kernel.sendRead(unique: 20, node: mount.node("big"), offset: 0, size: 65536, thread: 5)
        mount.waitUntilParked()
        #expect(try !mount.kernel.hasMessage())
        #expect(!mount.demands().isEmpty)
        mount.deliver("big", 0..<65536)
        var reply = try mount.kernel.receive()
        while reply.isStore { reply = try mount.kernel.receive() }
        #expect(reply == .init(error: 0, unique: 20, payload: Array(mount.content("big")[..<65536])))
    }

    /// A mount whose readahead was raised asks for up to 1 MiB.
    @Test func aLongWindowAgainIsParkedToo() throws {
        let mount = try Mount()
        #expect(try mount.read("big", 0, 524_288, thread: 5).error == -EAGAIN)
        try mount.kernel.sendRead(unique: 20, node: mount.node("big"), offset: 0, size: 524_288, thread: 5)
        mount.waitUntilParked()
        mount.loader.deliverEverything()
        #expect(try mount.kernel.receive() == .init(error: 0, unique: 20, payload: Array(mount.content("big")[..<524_288])))
    }

    @Test func aSinglePageInBetweenMeansPageByPage() throws {
        let mount = try Mount()
        #expect(try mount.read("big", 0, 65536, thread: 5).error == -EAGAIN)
        try mount.kernel.sendRead(unique: 20, node: mount.node("big"), offset: 0, size: 4096, thread: 5)
        mount.waitUntilParked()
        #expect(try mount.read("big", 0, 65536, thread: 5).error == -EAGAIN, "the walk after a refused window is under way")
        #expect(mount.volume.pending.withLock { $0.count } == 1)
    }

    @Test func aSinglePageIsParkedAsDemandAndHasItsWindowPushedFirst() throws {
        let mount = try Mount()
        try mount.kernel.sendRead(unique: 20, node: mount.node("big"), offset: 8192, size: 4096)
        mount.waitUntilParked()
        #expect(try !mount.kernel.hasMessage())
        #expect(mount.demands() == [LoadRequest(unit: LoadUnit(.chunk, mount.chunks("big", 8192..<8193)[0]), priority: .demand)])
        mount.deliver("big", 8192..<8193)
        let store = try mount.kernel.receive()
        #expect(store.isStore && store.storeNode == mount.node("big") && store.storeOffset == 12288, "the rest of the window comes first")
        #expect(store.storeData == Array(mount.content("big")[12288..<131_072]), "as far as it is present")
        #expect(try mount.kernel.receive() == .init(error: 0, unique: 20, payload: Array(mount.content("big")[8192..<12288])))
    }

    /// The blocks came between the refusal and the first page: the rest of the window costs one push, not a request a page.
    @Test func aRefusedWindowThatHasComeSinceIsPushedAtItsFirstPage() throws {
        let mount = try Mount()
        #expect(try mount.read("big", 0, 131_072).error == -EAGAIN)
        mount.deliver("big", 0..<1)
        try mount.kernel.sendRead(unique: 20, node: mount.node("big"), offset: 0, size: 4096)
        let store = try mount.kernel.receive()
        #expect(store.isStore && store.storeOffset == 4096 && store.storeData == Array(mount.content("big")[4096..<131_072]))
        #expect(try mount.kernel.receive() == .init(error: 0, unique: 20, payload: Array(mount.content("big")[..<4096])))
        // Once for each window.
        #expect(try mount.read("big", 4096, 4096) == .init(error: 0, unique: 1002, payload: Array(mount.content("big")[4096..<8192])))
        #expect(try !mount.kernel.hasMessage())
    }

    /// The second push begins inside of the refused window and has the usual length.
    @Test func whatOfARefusedWindowComesLaterIsPushedLater() throws {
        let mount = try Mount()
        #expect(try mount.read("big", 65536, 131_072).error == -EAGAIN)
        mount.deliver("big", 0..<1)
        for range in [65536..<131_072, 131_072..<262_144] {
            try mount.kernel.sendRead(unique: 20, node: mount.node("big"), offset: UInt64(range.lowerBound), size: 4096)
            let store = try mount.kernel.receive()
            #expect(store.isStore && store.storeOffset == UInt64(range.lowerBound + 4096))
            #expect(store.storeData.count == range.count - 4096)
            #expect(store.storeData == Array(mount.content("big")[(range.lowerBound + 4096)..<range.upperBound]))
            #expect(try mount.kernel.receive() == .init(error: 0, unique: 20, payload: Array(mount.content("big")[range.lowerBound..<range.lowerBound + 4096])))
            mount.deliver("big", 131_072..<131_073)
        }
    }

    /// The window is 128 KiB from the demanded page, whatever more is present.
    @Test func thePushEndsWithTheWindow() throws {
        let mount = try Mount()
        mount.deliver("big", 131_072..<524_288)
        try mount.kernel.sendRead(unique: 20, node: mount.node("big"), offset: 122_880, size: 4096)
        mount.waitUntilParked()
        mount.deliver("big", 0..<1)
        let store = try mount.kernel.receive()
        #expect(store.storeOffset == 126_976 && store.storeData == Array(mount.content("big")[126_976..<122_880 + 131_072]))
        #expect(try mount.kernel.reply(to: 20).payload == Array(mount.content("big")[122_880..<126_976]))
    }

    @Test func thePushNeverPassesTheEndOfTheFile() throws {
        let mount = try Mount()
        let size = mount.content("big").count
        let page = UInt64(size / 4096 - 2) * 4096
        try mount.kernel.sendRead(unique: 20, node: mount.node("big"), offset: page, size: 4096)
        mount.waitUntilParked()
        mount.deliver("big", UInt64(size - 1)..<UInt64(size))
        mount.deliver("big", page..<page + 1)
        let store = try mount.kernel.receive()
        #expect(store.isStore && store.storeOffset == page + 4096)
        #expect(Int(store.storeOffset) + store.storeData.count == size && store.storeData == Array(mount.content("big")[Int(page + 4096)...]))
        #expect(try mount.kernel.reply(to: 20).payload == Array(mount.content("big")[Int(page)..<Int(page) + 4096]))
        // The last page has nothing behind it: no push.
        let last = try mount.read("big", UInt64(size / 4096 * 4096), 4096)
        #expect(last.payload == Array(mount.content("big")[(size / 4096 * 4096)...]))
    }

    /// A page with an unanswered READ is locked: pushing it would hold the pushing thread in the kernel.
    @Test func thePushSparesPagesThatOthersWaitFor() throws {
        let mount = try Mount()
        // All of the same chunk: they are taken out of the table together, and are unanswered all the same.
        let pages: [UInt64] = [0, 40960, 90112]
        for (i, page) in pages.enumerated() {
            try mount.kernel.sendRead(unique: 20 + 2 * UInt64(i), node: mount.node("big"), offset: page, size: 4096, thread: UInt32(10 + i))
            mount.waitUntilParked(i + 1)
        }
        // And one that waits for the next chunk.
        try mount.kernel.sendRead(unique: 40, node: mount.node("big"), offset: 131_072, size: 4096, thread: 30)
        mount.waitUntilParked(4)
        mount.deliver("big", 0..<1)
        var open = Set([0: 20, 40960: 22, 90112: 24].map { ($0.key, UInt64($0.value)) }.map { Pair(page: UInt64($0.0), unique: $0.1) })
        open.insert(Pair(page: 131_072, unique: 40))
        while open.count > 1 {
            let message = try mount.kernel.receive()
            if message.isStore {
                let range = message.storeOffset..<message.storeOffset + UInt64(message.storeData.count)
                for pair in open { #expect(!range.overlaps(pair.page..<pair.page + 4096), "page \(pair.page) is locked by READ \(pair.unique)") }
                #expect(message.storeData == Array(mount.content("big")[Int(range.lowerBound)..<Int(range.upperBound)]))
            } else {
                let pair = try #require(open.first { $0.unique == message.unique })
                #expect(message.payload == Array(mount.content("big")[Int(pair.page)..<Int(pair.page) + 4096]))
                open.remove(pair)
            }
        }
        #expect(open.first?.unique == 40)
    }

    struct Pair: Hashable { var page: UInt64; var unique: UInt64 }

    @Test(arguments: [(UInt32(2), UInt32(0)), (0, 0x4000)]) func directReadsWaitWhole(readFlags: UInt32, flags: UInt32) throws {
        let mount = try Mount()
        try mount.kernel.sendRead(unique: 20, node: mount.node("big"), offset: 65536, size: 262_144, readFlags: readFlags, flags: flags)
        mount.waitUntilParked()
        let demands = mount.demands()
        #expect(demands.map(\.unit) == mount.chunks("big", 65536..<327_680).map { LoadUnit(.chunk, $0) } && demands.count == 3)
        for demand in demands {
            #expect(try !mount.kernel.hasMessage(), "not before all of it is there")
            mount.loader.deliver(demand.unit)
        }
        #expect(try mount.kernel.receive() == .init(error: 0, unique: 20, payload: Array(mount.content("big")[65536..<327_680])), "no push, no short answer")
        // Past the end it is cut there, and only there.
        mount.deliver("big", 1 << 20..<(1 << 20) + 1)
        try mount.kernel.sendRead(unique: 22, node: mount.node("big"), offset: 1 << 20, size: 131_072, readFlags: readFlags, flags: flags)
        #expect(try mount.kernel.reply(to: 22).payload == Array(mount.content("big")[(1 << 20)...]))
    }

    @Test func anAnswerIsNeverShortButAtTheEnd() throws {
        let mount = try Mount()
        mount.loader.deliverEverything()
        for path in ["big", "text", "small", "empty", "sparse", "dir/file-39"] {
            let content = mount.content(path)
            for offset in [0, 4096, 61440, 65536, content.count / 4096 * 4096, (content.count / 4096 + 1) * 4096] {
                for size in [4096, 65536, 131_072, 1 << 20] {
                    let reply = try mount.read(path, UInt64(offset), size)
                    #expect(reply.error == 0 && reply.payload == Array(content[min(offset, content.count)..<min(offset + size, content.count)]), "\(path) \(offset) \(size)")
                }
            }
        }
        #expect(mount.volume.statistics.parkedReads.load(ordering: .relaxed) == 0)
    }

    @Test func presentDataIsAnsweredWhileManyWait() throws {
        let mount = try Mount()
        mount.deliver("text", 0..<300_000)
        for i in 0..<300 { try mount.kernel.sendRead(unique: 2000 + 2 * UInt64(i), node: mount.node("big"), offset: UInt64(i % 256) * 4096, size: 4096, thread: UInt32(100 + i)) }
        #expect(try mount.read("text", 0, 131_072).payload == Array(mount.content("text")[..<131_072]))
        mount.waitUntilParked(300)
        #expect(try mount.read("text", 131_072, 4096).payload == Array(mount.content("text")[131_072..<135_168]))
        #expect(try !mount.kernel.hasMessage())
    }

    /// Without the index nobody knows where the bytes lie: the page is asked for, then the chunk.
    @Test func aReadWaitsForTheIndexFirst() throws {
        let mount = try Mount(index: false)
        #expect(try mount.read("big", 0, 131_072).error == -EAGAIN)
        #expect(mount.volume.requests.drain() == [LoadRequest(unit: LoadUnit(.indexPage, 0), priority: .readahead)])
        try mount.kernel.sendRead(unique: 20, node: mount.node("small"), offset: 0, size: 4096)
        mount.waitUntilParked()
        #expect(mount.demands() == [LoadRequest(unit: LoadUnit(.indexPage, 0), priority: .demand)])
        mount.loader.deliverIndex()
        #expect(try !mount.kernel.hasMessage())
        let demand = try #require(mount.demands().first)
        #expect(demand.unit.kind == .chunk && demand.priority == .demand)
        mount.loader.deliver(demand.unit)
        #expect(try mount.kernel.receive() == .init(error: 0, unique: 20, payload: mount.content("small")))
    }

    @Test func aHoleIsPresentFromTheStart() throws {
        let mount = try Mount()
        #expect(try mount.read("sparse", 69632, 65536) == .init(error: 0, unique: 1002, payload: [UInt8](repeating: 0, count: 65536)))
        #expect(try mount.read("sparse", 61440, 8192).error == -EAGAIN)
    }
}
