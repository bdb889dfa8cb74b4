import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem
import Testing

@Suite struct NotifierTests {
    @Test func inOrderAndCompletedAfterTheWrite() throws {
        let running = try RunningSession()
        let done = Condition<[Int]>([])
        let notifier = running.session.notifier
        notifier.store(nodeID: 9, offset: 4096, data: [1, 2, 3]) { done.update { $0.append(1) } }
        notifier.invalInode(nodeID: 9, offset: 0, length: 0) { done.update { $0.append(2) } }
        notifier.invalEntry(parent: 1, name: Array("old".utf8)) { done.update { $0.append(3) } }
        notifier.delete(parent: 1, child: 9, name: Array("old".utf8)) { done.update { $0.append(4) } }
        notifier.pollWakeup(kh: 5) { done.update { $0.append(5) } }
        notifier.incrementEpoch { done.update { $0.append(6) } }
        #expect(done.wait { $0.count == 6 ? $0 : nil } == [1, 2, 3, 4, 5, 6])
        // All six are written before the sixth completion runs.
        #expect(try running.kernel.receive() == FakeKernel.Message(error: 4, unique: 0, payload: u64(9) + u64(4096) + u32(3) + u32(0) + [1, 2, 3]))
        #expect(try running.kernel.receive() == FakeKernel.Message(error: 2, unique: 0, payload: u64(9) + u64(0) + u64(0)))
        #expect(try running.kernel.receive() == FakeKernel.Message(error: 3, unique: 0, payload: u64(1) + u32(3) + u32(0) + Array("old".utf8) + [0]))
        #expect(try running.kernel.receive() == FakeKernel.Message(error: 6, unique: 0, payload: u64(1) + u64(9) + u32(3) + u32(0) + Array("old".utf8) + [0]))
        #expect(try running.kernel.receive() == FakeKernel.Message(error: 1, unique: 0, payload: u64(5)))
        #expect(try running.kernel.receive() == FakeKernel.Message(error: 8, unique: 0, payload: []))
        #expect(notifier.written == 6 && notifier.failed == 0)
        running.end()
    }

    /// The order that makes sequential reads of missing data fast: the window is in the page cache before the reader goes on.
    @Test func storeFirstAnswerLast() throws {
        let running = try RunningSession()
        try running.kernel.sendRead(unique: 2, offset: ScriptedFileSystem.missing)
        try running.fileSystem.waitUntilParked(2)
        let parked = try #require(running.fileSystem.take(2))
        running.session.notifier.store(nodeID: 7, offset: ScriptedFileSystem.missing + 4096, data: [UInt8](repeating: 1, count: 65536)) {
            parked.error(.ioError)
        }
        #expect(try running.kernel.receive().error == 4)
        #expect(try running.kernel.receive() == FakeKernel.Message(error: -EIO, unique: 2, payload: []))
        running.end()
    }

    /// A kernel that does not take a STORE holds up the notification thread, and nobody else.
    @Test func aStuckNotificationHoldsNoWorker() throws {
        let running = try RunningSession()
        let done = Condition(0)
        // More than the socket takes while nobody reads.
        for _ in 0..<64 { running.session.notifier.store(nodeID: 9, offset: 0, data: [UInt8](repeating: 1, count: 65536)) { done.update { $0 += 1 } } }
        try running.kernel.sendRead(unique: 2, offset: ScriptedFileSystem.missing)
        try running.fileSystem.waitUntilParked(2)
        #expect(done.withLock { $0 } < 64)
        for _ in 0..<64 { #expect(try running.kernel.receive().error == 4) }
        #expect(done.wait { $0 == 64 ? true : nil } == true)
        running.end()
    }

    @Test func afterTheEndCompletionsStillRun() throws {
        let running = try RunningSession()
        running.end()
        let done = Condition(false)
        running.session.notifier.incrementEpoch { done.update { $0 = true } }
        #expect(done.wait { $0 ? true : nil } == true)
        #expect(running.session.notifier.written == 0)
    }
}
