import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem
import Synchronization
import Testing

@Suite struct HandshakeTests {
    func field(_ payload: [UInt8], _ offset: Int) -> UInt32 { payload.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) } }

    @Test(arguments: [UInt32(38), 45]) func agrees(minor: UInt32) throws {
        let kernel = try FakeKernel()
        let seen = Mutex<FUSESessionState?>(nil)
        let session = try FUSESession(
            ScriptedFileSystem(), descriptors: [kernel.device.rawValue], configuration: RunningSession.quiet,
            onNegotiated: { [kernel] state in
                // Noted before the kernel hears of it.
                #expect((try? kernel.hasMessage(withinMilliseconds: 0)) == false)
                seen.withLock { $0 = state }
            })
        // 7.38 offers nothing above FUSE_HAS_EXPIRE_ONLY.
        try kernel.sendInit(minor: minor, flags: minor == 38 ? 0xF_73FF_FFFB : 0x7FF_73FF_FFFB, unique: 2)
        let state = try session.start()
        let reply = try kernel.receive()
        #expect(reply.error == 0 && reply.unique == 2 && reply.payload.count == 64)
        #expect(field(reply.payload, 0) == 7 && field(reply.payload, 4) == minor)
        #expect(field(reply.payload, 16) == 60_000 | 60_000 << 16, "max_background and congestion_threshold")
        #expect(field(reply.payload, 20) == 1 << 20, "max_write")
        #expect(field(reply.payload, 28) == 256, "max_pages")
        #expect(field(reply.payload, 12) & 1 << 15 == 0, "FUSE_ASYNC_DIO")
        #expect(field(reply.payload, 32) == (minor == 38 ? 0 : 1 << 7), "FUSE_HAS_RESEND alone in flags2")
        #expect(state.canResend == (minor == 45) && state.negotiated.minor == minor)
        #expect(seen.withLock { $0 } == state && session.state == state)
        kernel.unmount()
        #expect(session.waitUntilEnd() == .unmounted)
    }

    @Test func aNewerMajorIsAskedAgain() throws {
        let kernel = try FakeKernel()
        let session = try FUSESession(ScriptedFileSystem(), descriptors: [kernel.device.rawValue], configuration: RunningSession.quiet)
        try kernel.send(.`init`, unique: 2, u32(8), u32(0))
        try kernel.sendInit(unique: 4)
        try session.start()
        let first = try kernel.receive()
        #expect(first.unique == 2 && first.error == 0 && field(first.payload, 0) == 7)
        let second = try kernel.receive()
        #expect(second.unique == 4 && field(second.payload, 4) == 45)
        kernel.unmount()
        #expect(session.waitUntilEnd() == .unmounted)
    }

    @Test func anOldKernelIsRefused() throws {
        let kernel = try FakeKernel()
        let session = try FUSESession(ScriptedFileSystem(), descriptors: [kernel.device.rawValue], configuration: RunningSession.quiet)
        try kernel.sendInit(minor: 30)
        #expect(throws: FUSESessionError.kernelTooOld(major: 7, minor: 30)) { try session.start() }
        #expect(try kernel.receive().error == -EPROTO)
    }

    @Test func requestsBeforeInitFail() throws {
        let kernel = try FakeKernel()
        let session = try FUSESession(ScriptedFileSystem(), descriptors: [kernel.device.rawValue], configuration: RunningSession.quiet)
        try kernel.send(.forget, unique: 1, u64(1))
        try kernel.sendRead(unique: 3)
        try kernel.sendInit(unique: 5)
        try session.start()
        #expect(try kernel.receive() == FakeKernel.Message(error: -EIO, unique: 3, payload: []))
        #expect(try kernel.receive().unique == 5)
        kernel.unmount()
        #expect(session.waitUntilEnd() == .unmounted)
    }

    @Test func anUnmountBeforeInitIsAnError() throws {
        let kernel = try FakeKernel()
        let session = try FUSESession(ScriptedFileSystem(), descriptors: [kernel.device.rawValue], configuration: RunningSession.quiet)
        let told = Condition(false)
        session.notifier.incrementEpoch { told.update { $0 = true } }
        kernel.unmount()
        #expect(throws: FUSESessionError.ended(.unmounted)) { try session.start() }
        #expect(told.withLock { $0 }, "who waits for a notification is told")
    }

    @Test func stoppingBeforeInit() throws {
        let kernel = try FakeKernel()
        let session = try FUSESession(ScriptedFileSystem(), descriptors: [kernel.device.rawValue], configuration: RunningSession.quiet)
        session.stop()
        #expect(throws: FUSESessionError.ended(.stopped)) { try session.start() }
    }

    @Test func aSuccessorAsksForTheRestOnceAndBeforeItReads() throws {
        let state = FUSESessionState(negotiated: FUSEInitReply(minor: 45, flags: [.initExtension, .hasResend], maxWrite: 1 << 20, maxPages: 256))
        let kernel = try FakeKernel()
        let session = try FUSESession(ScriptedFileSystem(), descriptors: [kernel.device.rawValue], configuration: RunningSession.quiet, restoring: state)
        try kernel.sendRead(unique: 8 | FUSERequestHeader.resendBit)
        #expect(try session.start() == state)
        #expect(try kernel.receive() == FakeKernel.Message(error: 7, unique: 0, payload: []), "RESEND first")
        let reply = try kernel.receive()
        #expect(reply.unique == 8 | FUSERequestHeader.resendBit && reply.error == 0, "answered with the unique as it came")
        // The predecessor died between noting INIT's outcome and answering: it comes again.
        try kernel.sendInit(unique: 2 | FUSERequestHeader.resendBit)
        let initialized = try kernel.receive()
        #expect(initialized.unique == 2 | FUSERequestHeader.resendBit && initialized.payload.count == 64)
        #expect(try !kernel.hasMessage(withinMilliseconds: 0), "no second RESEND")
        kernel.unmount()
        #expect(session.waitUntilEnd() == .unmounted)
    }

    @Test func withoutResendASuccessorJustReads() throws {
        let state = FUSESessionState(negotiated: FUSEInitReply(minor: 38, maxWrite: 1 << 20))
        let running = try RunningSession(restoring: state)
        try running.kernel.sendRead(unique: 8)
        #expect(try running.kernel.receive().unique == 8)
        #expect(running.end() == .unmounted)
    }
}
