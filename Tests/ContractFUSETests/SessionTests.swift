import ContractTesting
import ContractVolume
import FUSEProtocol
import Glibc
import LinuxSystem
import Testing

/// A contract mount's session with the test as kernel: no root, no mount.
@Suite struct SessionTests {
    private func inSession(timeout: UInt32 = 0, _ body: (ContractSession, CallerArena) throws -> Void) throws {
        let scratch = try Scratch.make()
        defer { try? SystemCalls.removeTree(scratch) }
        var options = ContractOptions()
        options.readTimeoutMilliseconds = timeout
        let session = try ContractSession(BackingDirectory(scratch), options: options)
        defer { session.end() }
        try body(session, CallerArena())
    }

    private func call(_ session: ContractSession, _ arena: CallerArena, _ file: (node: UInt64, fh: UInt64), _ command: UInt32, _ argument: [UInt8]) throws -> Int32 {
        arena.put(argument, at: 0x1_0000)
        return try session.ioctl(file.node, file.fh, command, UnsafeMutableRawBufferPointer(rebasing: arena.bytes[0x1_0000..<0x1_0000 + argument.count]))
    }

    private func create(_ session: ContractSession, _ arena: CallerArena, _ name: String, id: UInt64, size: UInt64) throws {
        let node = try session.node(".pending_reads"), fh = try session.open(node)
        arena.put(Array(name.utf8) + [0], at: 0x100)
        #expect(try call(session, arena, (node, fh), 0xC058_671E, SessionTrial.create(id, size: size, name: CallerArena.pointer(0x100))) == 0)
    }

    @Test func aFileIsMadeFilledAndRead() throws {
        try inSession { session, arena in
            try create(session, arena, "f", id: 1, size: 5000)
            let file = try session.openToFill("f")
            #expect(throws: Errno.timedOutOnStream) { try session.read(file.node, file.fh, at: 0, 4096) }
            arena.put(Array("hello".utf8), at: 0x2000)
            arena.put(SessionTrial.block(0, 4096, CallerArena.pointer(0x2000)) + SessionTrial.block(2, 1, CallerArena.pointer(0x2000)), at: 0x8000)
            // The second is behind the end: the first counts.
            #expect(try call(session, arena, file, 0x8010_6720, bytes(UInt64(2)) + bytes(CallerArena.pointer(0x8000))) == 1)
            #expect(try session.read(file.node, file.fh, at: 0, 5).starts(with: Array("hello".utf8)))
            // Without permission, and at an address that nobody can read.
            let other = try session.open(file.node)
            #expect(try call(session, arena, (file.node, other), 0x8010_6720, bytes(UInt64(1)) + bytes(CallerArena.pointer(0x8000))) == -EPERM)
            #expect(try call(session, arena, file, 0x8010_6720, bytes(UInt64(1)) + bytes(CallerArena.pointer(CallerArena.size - 16))) == -EFAULT)
        }
    }

    /// The answer's structure goes back to the caller though its ranges cannot.
    @Test func rangesThatCannotBeWrittenLeaveTheCounts() throws {
        try inSession { session, arena in
            try create(session, arena, "f", id: 1, size: 3 * 4096)
            let file = try session.openToFill("f")
            arena.put(SessionTrial.block(0, 4096, CallerArena.pointer(0x2000)) + SessionTrial.block(2, 4096, CallerArena.pointer(0x2000)), at: 0x8000)
            #expect(try call(session, arena, file, 0x8010_6720, bytes(UInt64(2)) + bytes(CallerArena.pointer(0x8000))) == 2)
            func ask(_ target: UInt64) throws -> Int32 { try call(session, arena, file, 0x8028_6722, bytes(target) + bytes(UInt32(64)) + [UInt8](repeating: 0, count: 28)) }
            #expect(try ask(CallerArena.pointer(0x4000)) == 0)
            #expect(Array(arena.bytes[0x1_0014..<0x1_0024]) == bytes(UInt32(3)) + bytes(UInt32(3)) + bytes(UInt32(16)) + bytes(UInt32(3)))
            #expect(try ask(CallerArena.pointer(CallerArena.size - 4)) == -EFAULT)
            #expect(Array(arena.bytes[0x1_0014..<0x1_0020]) == bytes(UInt32(3)) + bytes(UInt32(3)) + bytes(UInt32(0)))
        }
    }

    /// A signature that nobody trusts: no tree, no record, no mark, not a byte.
    @Test func aSignatureThatIsNotTrustedChangesNothing() throws {
        try inSession { session, arena in
            try create(session, arena, "f", id: 1, size: 10)
            let file = try session.openToFill("f")
            arena.put(SessionTrial.block(0, 10, CallerArena.pointer(0x2000)), at: 0x8000)
            #expect(try call(session, arena, file, 0x8010_6720, bytes(UInt64(1)) + bytes(CallerArena.pointer(0x8000))) == 1)
            #expect(try call(session, arena, file, 0x4080_6685, SessionTrial.enableArgument(signature: CallerArena.pointer(0x2000), length: 20)) == -ENOKEY)
            // GETFLAGS knows nothing of verity, and there is no signature to be read.
            #expect(try call(session, arena, file, 0x8008_6601, [UInt8](repeating: 1, count: 8)) == 0)
            #expect(Array(arena.bytes[0x1_0000..<0x1_0004]) == [0, 0, 0, 0])
            #expect(try call(session, arena, file, 0x8010_671F, bytes(CallerArena.pointer(0x4000)) + bytes(UInt32(8096)) + bytes(UInt32(7))) == 0)
            #expect(Array(arena.bytes[0x1_000C..<0x1_0010]) == [0, 0, 0, 0])
            #expect(try call(session, arena, file, 0x4080_6685, SessionTrial.enableArgument()) == 0)
            #expect(try call(session, arena, file, 0x8008_6601, [UInt8](repeating: 1, count: 8)) == 0)
            #expect(Array(arena.bytes[0x1_0000..<0x1_0004]) == [0, 0, 0x10, 0])
        }
    }

    /// A waiting reader: its record, and its answer when the block comes.
    @Test func aReaderWaitsAndIsAnswered() throws {
        try inSession(timeout: 60_000) { session, arena in
            try create(session, arena, "f", id: 0x1234, size: 4096)
            let file = try session.openToFill("f")
            let unique = try session.kernel.send(FUSEOpcode.read.rawValue, node: file.node, ContractSession.readPayload(file.fh, 0, 4096))
            let pending = try session.node(".pending_reads"), fh = try session.open(pending)
            var record: [UInt8] = []
            while record.isEmpty { record = try session.read(pending, fh, at: 0, 4096) }
            #expect(record.count == 32 && record.number(0, UInt64.self) == 0x1234 && record.number(24, UInt32.self) == 0 && record.number(28, UInt32.self) == 1)
            // It was shown once, and a buffer of less than a record gets none.
            #expect(try session.read(pending, fh, at: 0, 4096).isEmpty)
            let other = try session.open(pending)
            #expect(try session.read(pending, other, at: 0, 31).isEmpty && session.read(pending, other, at: 77, 32).count == 32)
            arena.put(Array("hello".utf8), at: 0x2000)
            arena.put(SessionTrial.block(0, 4096, CallerArena.pointer(0x2000)), at: 0x8000)
            // Two answers are on their way, that of the reader first.
            let fill = try session.kernel.send(FUSEOpcode.ioctl.rawValue, node: file.node, {
                arena.put(bytes(UInt64(1)) + bytes(CallerArena.pointer(0x8000)), at: 0x1_0000)
                return ContractSession.ioctlPayload(file.fh, 0x8010_6720, arena.address(CallerArena.pointer(0x1_0000)), [], outSize: 16)
            }())
            let answer = try session.kernel.reply(to: unique, withinMilliseconds: 10_000)
            #expect(answer?.error == 0 && answer?.payload.starts(with: Array("hello".utf8)) == true)
            #expect(try session.kernel.reply(to: fill, withinMilliseconds: 10_000)?.error == 0)
        }
    }

    /// The kernel does not always close what was open when a mount ends. The next one reads the backing files anew, whoever changed them in between.
    @Test func aMountThatIsOverLetsGoOfItsFiles() throws {
        let scratch = try Scratch.make()
        defer { try? SystemCalls.removeTree(scratch) }
        let directory = try BackingDirectory(scratch), arena = CallerArena()
        func filled(_ session: ContractSession, _ node: UInt64) throws -> UInt32 {
            let fh = try session.open(node)
            #expect(try call(session, arena, (node, fh), 0x8010_6724, [UInt8](repeating: 0, count: 16)) == 0)
            return Array(arena.bytes[0x1_0004..<0x1_0008]).number(0, UInt32.self)
        }
        let first = try ContractSession(directory, options: ContractOptions())
        try create(first, arena, "f", id: 1, size: 8192)
        let file = try first.openToFill("f")
        arena.put(SessionTrial.block(0, 4096, CallerArena.pointer(0x2000)), at: 0x8000)
        #expect(try call(first, arena, file, 0x8010_6720, bytes(UInt64(1)) + bytes(CallerArena.pointer(0x8000))) == 1)
        #expect(try filled(first, file.node) == 1)
        first.end()
        // The status record's count, which is the last one.
        let path = scratch.appending("f"), whole = try SystemCalls.contents(of: path)
        let status = try #require(whole.indices.last { whole[$0...].starts(with: [4, 55, 0]) })
        #expect(whole[status + 23] == 1)
        let backing = try SystemCalls.open(path, flags: O_RDWR)
        try [0].withUnsafeBytes { try SystemCalls.pwriteAll(backing.rawValue, $0, at: UInt64(status) + 23) }
        let second = try ContractSession(directory, options: ContractOptions())
        #expect(try filled(second, second.node("f")) == 0)
        second.end()
        withExtendedLifetime(first) {}
    }

    /// A file that is marked as one with fs-verity and has nothing that says its digest would be read without a check.
    @Test func aSealedFileThatLostItsTreeIsNotOpened() throws {
        let scratch = try Scratch.make()
        defer { try? SystemCalls.removeTree(scratch) }
        let directory = try BackingDirectory(scratch), arena = CallerArena()
        let session = try ContractSession(directory, options: ContractOptions())
        defer { session.end() }
        try create(session, arena, "f", id: 1, size: 8192)
        #expect(try session.open(session.node("f")) != 0)
        let file = try SystemCalls.open(scratch.appending("f"), flags: O_RDWR)
        try BackingAttributes.set(BackingAttributes.verity, [], ofDescriptor: file.rawValue)
        let other = try ContractSession(BackingDirectory(scratch), options: ContractOptions())
        defer { other.end() }
        #expect(throws: Errno.badMessage) { try other.open(other.node("f")) }
    }

    /// A block that comes in the moment in which the time is over is taken: the wait ends a tick of 10 ms after its time.
    @Test func aWaitEndsATickAfterItsTime() throws {
        try inSession(timeout: 20) { session, arena in
            try create(session, arena, "f", id: 1, size: 4096)
            let node = try session.node("f"), fh = try session.open(node)
            let began = MonotonicTime.now
            #expect(throws: Errno.timedOutOnStream) { try session.read(node, fh, at: 0, 4096) }
            #expect(MonotonicTime.now.since(began) >= 30_000_000)
        }
    }
}
