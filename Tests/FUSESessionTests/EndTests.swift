import FUSEProtocol
import Glibc
import LinuxSystem
import Testing

@testable import FUSESession

@Suite struct EndTests {
    @Test(arguments: [1, 2, 4]) func unmountEndsAllThreads(workers: Int) throws {
        let kernel = try FakeKernel()
        let ended = Condition<[FUSESessionEnd]>([])
        let session = try FUSESession(
            ScriptedFileSystem(), descriptors: [kernel.device.rawValue], configuration: FUSESessionConfiguration(workers: workers, spinNanoseconds: 0),
            onEnd: { end in ended.update { $0.append(end) } })
        try kernel.sendInit()
        try session.start()
        kernel.unmount()
        #expect(session.waitUntilEnd() == .unmounted)
        #expect(ended.withLock { $0 } == [.unmounted])
    }

    @Test func stopLeavesRequestsToASuccessor() throws {
        let kernel = try FakeKernel()
        let first = try FUSESession(ScriptedFileSystem(), descriptors: [kernel.device.rawValue], configuration: RunningSession.quiet)
        try kernel.sendInit()
        let state = try first.start()
        _ = try kernel.receive()
        first.stop()
        #expect(first.waitUntilEnd() == .stopped)
        try kernel.sendRead(unique: 2)
        #expect(try !kernel.hasMessage(withinMilliseconds: 0))
        let record = state.encoded()
        let second = try FUSESession(
            ScriptedFileSystem(), descriptors: [kernel.device.rawValue], configuration: RunningSession.quiet, restoring: try FUSESessionState(decoding: record))
        try second.start()
        #expect(try kernel.receive().error == 7)
        #expect(try kernel.receive().unique == 2)
        kernel.unmount()
        #expect(second.waitUntilEnd() == .unmounted)
    }

    @Test func spinningWorkersEndToo() throws {
        let kernel = try FakeKernel()
        let session = try FUSESession(
            ScriptedFileSystem(), descriptors: [kernel.device.rawValue], configuration: FUSESessionConfiguration(workers: 2, spinNanoseconds: 200_000))
        try kernel.sendInit()
        try session.start()
        _ = try kernel.receive()
        for unique in 1...200 as ClosedRange<UInt64> {
            try kernel.sendRead(unique: unique * 2)
            #expect(try kernel.receive().unique == unique * 2)
        }
        session.stop()
        #expect(session.waitUntilEnd() == .stopped)
    }

    @Test func severalDescriptors() throws {
        let kernels = [try FakeKernel(), try FakeKernel()]
        let session = try FUSESession(ScriptedFileSystem(), descriptors: kernels.map { $0.device.rawValue }, configuration: RunningSession.quiet)
        try kernels[0].sendInit()
        try session.start()
        _ = try kernels[0].receive()
        for (index, kernel) in kernels.enumerated() {
            try kernel.sendRead(unique: UInt64(index) * 2 + 2)
            #expect(try kernel.receive().unique == UInt64(index) * 2 + 2, "answered where it was read")
        }
        kernels[1].unmount()
        #expect(session.waitUntilEnd() == .unmounted)
    }

    @Test func whatReadsOfTheDeviceMean() {
        #expect(DeviceReadFailure(EAGAIN) == .nothingThere)
        #expect(DeviceReadFailure(ENOENT) == .again && DeviceReadFailure(EINTR) == .again)
        #expect(DeviceReadFailure(ENODEV) == .end(.unmounted) && DeviceReadFailure(0) == .end(.unmounted))
        #expect(DeviceReadFailure(ECONNABORTED) == .end(.aborted))
        #expect(DeviceReadFailure(EPERM) == .end(.failed(Errno(rawValue: EPERM))))
    }
}
