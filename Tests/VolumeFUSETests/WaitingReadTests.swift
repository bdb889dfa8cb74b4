import FUSEProtocol
import Glibc
import LinuxSystem
import Testing
import VolumeTesting
@testable import VolumeCore
@testable import VolumeFUSE

/// How waiting reads end otherwise than by their blocks' arrival, and what a stuck push does to them.
@Suite struct WaitingReadTests {
    private func park(_ mount: Mount, unique: UInt64 = 20, _ path: String = "big", _ offset: UInt64 = 0, size: Int = 4096, thread: UInt32 = 1) throws {
        let before = mount.volume.pending.withLock { $0.count }
        try mount.kernel.sendRead(unique: unique, node: mount.node(path), offset: offset, size: size, thread: thread, readFlags: size > 4096 ? 2 : 0)
        mount.waitUntilParked(before + 1)
    }

    /// The kernel holds the thread that pushes: it must not hold the answer, and the answer must come once.
    @Test func aStuckPushDoesNotHoldTheAnswer() throws {
        let mount = try Mount(descriptors: 2)
        let (notifications, requests) = (mount.kernels[0], mount.kernels[1])
        // Nobody reads the first descriptor: after some megabytes its writer is stuck.
        let stuffing = 256
        for _ in 0..<stuffing { mount.session.notifier.store(nodeID: 2, offset: 0, data: [UInt8](repeating: 1, count: 65536)) }
        try requests.sendRead(unique: 20, node: mount.node("big"), offset: 0, size: 4096)
        mount.waitUntilParked()
        let delivered = MonotonicTime.now
        mount.deliver("big", 0..<1)
        #expect(try requests.reply(to: 20).payload == Array(mount.content("big")[..<4096]))
        #expect(MonotonicTime.now.since(delivered) >= AnsweringReads.stuckMilliseconds * 1_000_000 / 2, "the push has its time first")
        #expect(mount.session.notifier.written < stuffing, "the push is still stuck")
        for _ in 0..<stuffing { #expect(try notifications.receive().isStore) }
        let push = try notifications.receive()
        #expect(push.isStore && push.storeOffset == 4096 && push.storeData == Array(mount.content("big")[4096..<131_072]))
        // The push has returned: no second answer.
        try requests.sendRead(unique: 22, node: mount.node("big"), offset: 4096, size: 4096)
        #expect(try requests.reply(to: 22).payload == Array(mount.content("big")[4096..<8192]))
        #expect(try !requests.hasMessage() && !notifications.hasMessage())
    }

    @Test func onlyAFatalSignalEndsAWaitingRead() throws {
        let mount = try Mount()
        try park(mount, unique: 20, thread: 11)
        try park(mount, unique: 22, thread: 12)
        try mount.kernel.sendInterrupt(of: 20)
        mount.set(12, .dying)
        try mount.kernel.sendInterrupt(of: 22)
        #expect(try mount.kernel.receive() == .init(error: -EINTR, unique: 22, payload: []))
        #expect(mount.volume.processID(ofParked: 20) == 11 && mount.volume.processID(ofParked: 22) == nil)
        // The kernel sends one INTERRUPT only: a fatal signal that follows a harmless one is found by looking.
        mount.set(11, .dying)
        #expect(try mount.kernel.receive() == .init(error: -EINTR, unique: 20, payload: []))
        mount.deliver("big", 0..<1)
        #expect(try mount.read("big", 0, 4096).error == 0)
        #expect(try !mount.kernel.hasMessage(), "neither is answered twice")
    }

    @Test func aHarmlessSignalLosesNothing() throws {
        let mount = try Mount()
        try park(mount, unique: 20, thread: 11)
        try mount.kernel.sendInterrupt(of: 20)
        mount.deliver("big", 0..<1)
        var reply = try mount.kernel.receive()
        if reply.isStore { reply = try mount.kernel.receive() }
        #expect(reply == .init(error: 0, unique: 20, payload: Array(mount.content("big")[..<4096])))
    }

    @Test func withoutATimeOutNoTimeIsTooLong() throws {
        let mount = try Mount()
        try park(mount)
        mount.volume.expire(now: MonotonicTime(nanoseconds: .max))
        #expect(mount.volume.processID(ofParked: 20) == 1)
        #expect(try !mount.kernel.hasMessage())
    }

    @Test func withATimeOutAReadEndsInETIME() throws {
        let mount = try Mount { $0.readTimeoutSeconds = 0.1 }
        let began = MonotonicTime.now
        try park(mount)
        try park(mount, unique: 22, size: 65536)
        let ended = [try mount.kernel.receive(), try mount.kernel.receive()]
        #expect(Set(ended.map(\.unique)) == [20, 22] && ended.allSatisfy { $0.error == -ETIME && $0.payload.isEmpty })
        #expect(MonotonicTime.now.since(began) >= 100_000_000)
        // What is present needs no time.
        mount.deliver("big", 0..<1)
        #expect(try mount.read("big", 0, 4096).error == 0)
    }

    @Test func aFinalAnswerFailsItsReadersAndNobodyElse() throws {
        let mount = try Mount()
        try park(mount, unique: 20)
        try park(mount, unique: 22, "big", 131_072)
        try park(mount, unique: 24, "big", 65536, size: 131_072)
        let first = mount.chunks("big", 0..<1)[0]
        mount.volume.fail(LoadUnit(.chunk, first), errno: EIO, reason: "gone")
        let failed = [try mount.kernel.receive(), try mount.kernel.receive()]
        #expect(Set(failed.map(\.unique)) == [20, 24] && failed.allSatisfy { $0.error == -EIO })
        #expect(mount.volume.processID(ofParked: 22) == 1)
        // For a moment the same answer is given without asking.
        _ = mount.volume.requests.drain()
        #expect(try mount.read("big", 0, 4096).error == -EIO)
        #expect(mount.volume.requests.drain().allSatisfy { $0.priority != .demand })
    }

    @Test func aFinalAnswerIsAskedForAgainLater() throws {
        let mount = try Mount { $0.finalFailureLifetime = 0 }
        let first = mount.chunks("big", 0..<1)[0]
        try park(mount, unique: 20)
        mount.volume.fail(LoadUnit(.chunk, first), errno: EIO, reason: "gone")
        #expect(try mount.kernel.receive().error == -EIO)
        _ = mount.volume.requests.drain()
        try park(mount, unique: 26)
        #expect(mount.demands() == [LoadRequest(unit: LoadUnit(.chunk, first), priority: .demand)])
    }

    @Test func wrongBytesAreNeverShown() throws {
        let mount = try Mount()
        try park(mount)
        let unit = LoadUnit(.chunk, mount.chunks("big", 0..<1)[0])
        #expect(mount.loader.deliver(unit) { $0[77] ^= 1 } == .corrupt)
        #expect(mount.loader.deliver(unit) { $0.removeLast() } == .corrupt)
        #expect(mount.loader.deliver(unit) { $0.append(0) } == .corrupt)
        #expect(try !mount.kernel.hasMessage())
        #expect(mount.volume.statistics.corruptDeliveries.load(ordering: .relaxed) == 3)
        #expect(mount.loader.deliver(unit) == .stored)
        #expect(try mount.kernel.receive().isStore)
        #expect(try mount.kernel.reply(to: 20).payload == Array(mount.content("big")[..<4096]))
    }

    /// What an earlier daemon left unanswered comes again, with its mark, and is answered with it.
    @Test func aResentReadIsParkedOnce() throws {
        let mount = try Mount()
        let unique: UInt64 = 20 | FUSERequestHeader.resendBit
        try mount.kernel.sendRead(unique: unique, node: mount.node("big"), offset: 0, size: 4096)
        mount.waitUntilParked()
        try mount.kernel.sendRead(unique: unique, node: mount.node("big"), offset: 0, size: 4096)
        #expect(try mount.read("empty", 0, 4096).error == 0)
        mount.deliver("big", 0..<1)
        #expect(try mount.kernel.receive().isStore)
        #expect(try mount.kernel.reply(to: unique).payload == Array(mount.content("big")[..<4096]))
    }
}
