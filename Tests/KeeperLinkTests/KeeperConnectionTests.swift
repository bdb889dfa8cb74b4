import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import KeeperLink

/// The test plays the keeper on the other end of a socket pair.
@Suite final class KeeperConnectionTests {
    let keeper: KeeperSocket
    let keeperEnd: OwnedDescriptor
    let connection: KeeperConnection

    init() throws {
        let pair = try SystemCalls.socketPair(type: SOCK_SEQPACKET)
        keeperEnd = OwnedDescriptor(pair.0)
        keeper = KeeperSocket(descriptor: pair.0)
        connection = KeeperConnection(descriptor: pair.1, epoch: 4)
    }

    func sendMount(_ message: KeeperMessage, id: UInt64) throws {
        let state = try SessionStateFile.create(name: "test")
        let device = try SystemCalls.open("/dev/null", flags: O_RDWR)
        try keeper.send(KeeperPacket(id: id, message, descriptors: [state.rawValue, device.rawValue, device.rawValue]))
    }

    @Test func restoredMountsComeWithTheirDescriptors() throws {
        try sendMount(.restore(KeeperPacketTests.identity), id: 0)
        try keeper.send(KeeperPacket(id: 0, .restoreDone(epoch: 4)))
        let mounts = try connection.restoredMounts()
        #expect(mounts.count == 1)
        #expect(mounts[0].identity == KeeperPacketTests.identity)
        #expect(mounts[0].devices.count == 2)
        #expect(try SessionStateFile(descriptor: mounts[0].stateFile).read() == nil)
        mounts[0].close()
    }

    @Test func aMountIsAskedForAndAnswered() throws {
        // Answers can lie ready: the first request has id 1. One of an older question is passed over.
        try sendMount(.mounted(KeeperPacketTests.identity), id: 99)
        try sendMount(.mounted(KeeperPacketTests.identity), id: 1)
        let request = MountRequest(mountpoint: "/mnt", fsname: "test")
        let mount = try connection.mount(request)
        #expect(mount.identity == KeeperPacketTests.identity)
        mount.close()
        #expect(try keeper.receive() == KeeperPacket(id: 1, .mount(request)))
    }

    @Test func aRefusalIsThrownWithItsSentence() throws {
        try keeper.send(KeeperPacket(id: 1, .failed(.resourceBusy, "somebody uses it")))
        #expect(throws: KeeperLinkError.refused(.resourceBusy, "somebody uses it")) { try connection.unmount(3) }
        #expect(try keeper.receive() == KeeperPacket(id: 1, .unmount(mountID: 3, .normal)))
    }

    @Test func aWrongAnswerIsAnError() throws {
        try keeper.send(KeeperPacket(id: 1, .done))
        #expect(throws: KeeperLinkError.malformed("an answer of kind 134 to another question")) { try connection.unmount(3) }
    }

    @Test func rubbishIsAnError() throws {
        _ = try Array("rubbish".utf8).withUnsafeBytes { try SystemCalls.write(keeper.descriptor, $0) }
        #expect(throws: KeeperLinkError.malformed("no magic number")) { try connection.restoredMounts() }
    }

    @Test func heartbeatsComeAndStop() throws {
        try connection.startHeartbeat {}
        #expect(try keeper.receive() == KeeperPacket(id: 0, .heartbeat(epoch: 4)))
        #expect(try keeper.receive() == KeeperPacket(id: 0, .heartbeat(epoch: 4)))
        connection.stopHeartbeat()
    }

    @Test func anUnhealthyDaemonFallsSilent() throws {
        try connection.startHeartbeat(isHealthy: { false }, onLost: {})
        #expect(try SystemCalls.poll(keeper.descriptor, events: Int16(POLLIN), timeoutMilliseconds: 1500) == 0)
        connection.stopHeartbeat()
    }
}

@Suite struct KeeperLossTests {
    @Test func theEndOfTheKeeperIsSeenAtOnce() throws {
        let pair = try SystemCalls.socketPair(type: SOCK_SEQPACKET)
        let connection = KeeperConnection(descriptor: pair.1, epoch: 1)
        let lost = Condition<Bool>(false)
        try connection.startHeartbeat { lost.update { $0 = true } }
        SystemCalls.close(pair.0)
        let seen = lost.wait(until: MonotonicTime.now.adding(milliseconds: 5000)) { $0 ? true : nil }
        #expect(seen == true)
        #expect(throws: KeeperLinkError.closed) { try connection.unmount(1) }
        connection.stopHeartbeat()
    }
}
