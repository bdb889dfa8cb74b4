import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem
import Testing

@Suite struct InterruptTests {
    /// Threads and what /proc says of them, changed by the test.
    final class Callers: Sendable {
        private let state = Condition<(status: [Int32: CallerStatus], looks: Int)>(([:], 0))
        func set(_ thread: Int32, _ status: CallerStatus) { state.update { $0.status[thread] = status } }
        func look(_ thread: Int32) -> CallerStatus { state.update { $0.looks += 1; return $0.status[thread] ?? .gone } }
        /// Waits until /proc was looked at that often since the start.
        func waitForLooks(_ count: Int) { _ = state.wait { $0.looks >= count ? true : nil } }
    }

    func running(_ callers: Callers, grace: UInt64 = 1000) throws -> RunningSession {
        var configuration = RunningSession.quiet
        configuration.callerStatus = callers.look
        configuration.interruptGraceMilliseconds = grace
        return try RunningSession(configuration: configuration)
    }

    @Test func aDyingCallerIsLetGo() throws {
        let callers = Callers()
        callers.set(55, .dying)
        let running = try running(callers)
        try running.kernel.sendRead(unique: 2, offset: ScriptedFileSystem.missing, pid: 55)
        try running.fileSystem.waitUntilParked(2)
        let before = MonotonicTime.now
        try running.kernel.send(.interrupt, unique: 3, node: 0, u64(2))
        #expect(try running.kernel.receive() == FakeKernel.Message(error: -EINTR, unique: 2, payload: []))
        #expect(MonotonicTime.now.since(before) < 2_000_000_000)
        running.end()
        #expect(running.session.statistics.interruptedReads == 1)
    }

    @Test func aHarmlessSignalChangesNothingAndAFatalOneLaterIsSeen() throws {
        let callers = Callers()
        callers.set(55, .alive)
        let running = try running(callers)
        try running.kernel.sendRead(unique: 2, offset: ScriptedFileSystem.missing, pid: 55)
        try running.fileSystem.waitUntilParked(2)
        try running.kernel.send(.interrupt, unique: 3, node: 0, u64(2))
        callers.waitForLooks(3)
        #expect(try !running.kernel.hasMessage(withinMilliseconds: 0), "no EINTR for a signal that is handled")
        // No second INTERRUPT comes from the kernel.
        callers.set(55, .dying)
        #expect(try running.kernel.receive() == FakeKernel.Message(error: -EINTR, unique: 2, payload: []))
        running.end()
    }

    @Test func anInterruptBeforeItsRequestIsKept() throws {
        let callers = Callers()
        callers.set(55, .dying)
        let running = try running(callers)
        try running.kernel.send(.interrupt, unique: 3, node: 0, u64(2))
        try running.kernel.send(.statfs, unique: 4)
        #expect(try running.kernel.receive().unique == 4)
        try running.kernel.sendRead(unique: 2, offset: ScriptedFileSystem.missing, pid: 55)
        #expect(try running.kernel.receive() == FakeKernel.Message(error: -EINTR, unique: 2, payload: []))
        running.end()
    }

    @Test func anAnsweredRequestIsForgotten() throws {
        let callers = Callers()
        callers.set(55, .alive)
        let running = try running(callers)
        try running.kernel.sendRead(unique: 2, offset: ScriptedFileSystem.missing, pid: 55)
        try running.fileSystem.waitUntilParked(2)
        try running.kernel.send(.interrupt, unique: 3, node: 0, u64(2))
        callers.waitForLooks(1)
        running.fileSystem.take(2)?.error(.ioError)
        #expect(try running.kernel.receive().error == -EIO)
        running.end()
        #expect(running.fileSystem.interrupted.isEmpty)
    }

    /// The real /proc: this thread lives; one that does not exist is gone.
    @Test func realThreads() {
        #expect(CallerStatus.read(thread: SystemCalls.threadID()) == .alive)
        #expect(CallerStatus.read(thread: 0) == .unknown)
        #expect(CallerStatus.read(thread: .max) == .gone)
    }
}
