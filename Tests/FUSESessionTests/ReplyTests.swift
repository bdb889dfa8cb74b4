import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem
import Testing

@Suite struct ReplyTests {
    @Test func presentReadsFromManyThreads() throws {
        let running = try RunningSession()
        for index in 0..<500 as Range<UInt64> {
            try running.kernel.sendRead(unique: 2 * index + 2, offset: index << 12, size: 8192)
            let reply = try running.kernel.receive()
            #expect(reply == FakeKernel.Message(error: 0, unique: 2 * index + 2, payload: ScriptedFileSystem.content(index << 12, 8192)))
        }
        #expect(running.end() == .unmounted)
        #expect(running.session.statistics == FUSESessionStatistics())
    }

    @Test func everyKindOfReply() throws {
        let running = try RunningSession()
        let kernel = running.kernel
        func answer(_ opcode: FUSEOpcode, _ payload: [UInt8]...) throws -> FakeKernel.Message {
            try kernel.send(raw: opcode.rawValue, unique: 10, payload.flatMap { $0 })
            let message = try kernel.receive()
            #expect(message.unique == 10)
            return message
        }
        #expect(try answer(.lookup, Array("there".utf8), [0]).payload.count == 128)
        #expect(try answer(.lookup, Array("gone".utf8), [0]) == FakeKernel.Message(error: -ENOENT, unique: 10, payload: []))
        #expect(try answer(.getattr, u32(0), u32(0), u64(0)).payload.count == 104)
        #expect(try answer(.open, u32(0), u32(0)).payload == u64(3) + u32(2) + u32(0))
        #expect(try answer(.statfs).payload.count == 80)
        #expect(try answer(.lseek, u64(0), u64(41), u32(3), u32(0)).payload == u64(42))
        #expect(try answer(.getxattr, u32(0), u32(0), Array("user.a".utf8), [0]).payload == u32(11) + u32(0))
        #expect(try answer(.poll, u64(0), u64(0), u32(0), u32(1)).payload == u32(1) + u32(0))
        #expect(try answer(.ioctl, u64(0), u32(0), u32(1), u64(0), u32(3), u32(3), [1, 2, 3]).payload == u32(3) + u32(0) + u64(0) + [1, 2, 3])
        #expect(try answer(.release, u64(0), u32(0), u32(0), u64(0)) == FakeKernel.Message(error: 0, unique: 10, payload: []))
        #expect(try answer(.unlink, Array("x".utf8), [0]).error == -EROFS)
        #expect(try answer(.readlink).error == -ENOSYS)
        #expect(try answer(.destroy).error == 0, "the session answers it")
        running.end()
    }

    @Test func aForgottenReplyIsEIOAndCounted() throws {
        let running = try RunningSession()
        try running.kernel.send(.read, unique: 12, node: ScriptedFileSystem.forgetful, u64(0), u64(0), u32(4096), u32(0), u64(0), u32(0), u32(0))
        #expect(try running.kernel.receive() == FakeKernel.Message(error: -EIO, unique: 12, payload: []))
        running.end()
        #expect(running.session.statistics.forgottenReplies == 1)
    }

    @Test func forgetsAreNotAnswered() throws {
        let running = try RunningSession()
        try running.kernel.send(.forget, unique: 14, u64(3))
        #expect(try running.fileSystem.waitForForgotten() == 3)
        try running.kernel.send(.statfs, unique: 16)
        #expect(try running.kernel.receive().unique == 16, "nothing came for the FORGET")
        running.end()
        #expect(running.session.statistics.forgottenReplies == 0)
    }

    @Test func malformedRequestsFailAndHarmNothing() throws {
        let running = try RunningSession()
        try running.kernel.send(.read, unique: 18, u64(0))
        #expect(try running.kernel.receive() == FakeKernel.Message(error: -EIO, unique: 18, payload: []))
        try running.kernel.send(bytes: [1, 2, 3])
        try running.kernel.send(.forget, unique: 20)
        try running.kernel.send(.statfs, unique: 22)
        #expect(try running.kernel.receive().unique == 22)
        running.end()
        #expect(running.session.statistics.malformedRequests == 3)
    }

    @Test func parkedRepliesHoldNobodyUp() throws {
        let running = try RunningSession()
        // More than there are workers.
        for unique in [2, 4, 6, 8] as [UInt64] { try running.kernel.sendRead(unique: unique, offset: ScriptedFileSystem.missing) }
        for unique in [2, 4, 6, 8] as [UInt64] { try running.fileSystem.waitUntilParked(unique) }
        try running.kernel.sendRead(unique: 10)
        #expect(try running.kernel.receive().unique == 10, "present data goes on")
        let parked = try #require(running.fileSystem.take(6))
        #expect(parked == ParkedReply(descriptor: running.kernel.device.rawValue, unique: 6))
        let answered = Condition<Errno??>(nil)
        Thread(name: "loader") {
            let result = ScriptedFileSystem.content(9 << 12, 4096).withUnsafeBytes { parked.data($0) }
            answered.update { $0 = .some(result) }
        }.detach()
        #expect(try running.kernel.receive() == FakeKernel.Message(error: 0, unique: 6, payload: ScriptedFileSystem.content(9 << 12, 4096)))
        #expect(answered.wait { $0 } == .some(nil))
        running.fileSystem.take(2)?.error(Errno(rawValue: ETIME))
        #expect(try running.kernel.receive() == FakeKernel.Message(error: -ETIME, unique: 2, payload: []))
        running.end()
    }

    @Test func answersThatNobodyWaitsForAreHarmless() throws {
        let running = try RunningSession()
        try running.kernel.sendRead(unique: 2, offset: ScriptedFileSystem.missing)
        try running.fileSystem.waitUntilParked(2)
        let parked = try #require(running.fileSystem.take(2))
        running.end()
        #expect(parked.error(.ioError) == Errno(rawValue: EPIPE))
    }
}
