import Glibc
import LinuxSystem
import Testing

@testable import ContractControl

@Suite struct ContractStatusTests {
    @Test func linesGoThereAndBack() throws {
        let status = ContractStatus(daemonPid: 7, readersWaiting: .max, counters: [.init(name: "reads_failed_other", value: 3)])
        #expect(status.lines == ["daemon_pid 7", "readers_waiting 18446744073709551615", "reads_failed_other 3"])
        #expect(try ContractStatus(lines: status.lines) == status)
    }

    @Test(arguments: [
        [], ["daemon_pid 7"], ["readers_waiting 1", "daemon_pid 7"], ["daemon_pid 2147483648", "readers_waiting 0"], ["daemon_pid -1", "readers_waiting 0"],
        ["daemon_pid 7", "readers_waiting 1", "a"], ["daemon_pid 7", "readers_waiting 1", "a b 1"], ["daemon_pid 7", "readers_waiting 18446744073709551616"],
    ])
    func whatIsNoStatusIsRefused(lines: [String]) { #expect(throws: Errno.badMessage) { try ContractStatus(lines: lines) } }
}

@Suite struct ContractMessageTests {
    /// Two ends of a connection.
    private struct Pair: ~Copyable {
        let a: OwnedDescriptor, b: OwnedDescriptor

        init() throws {
            var ends: [CInt] = [0, 0]
            try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
            a = OwnedDescriptor(ends[0])
            b = OwnedDescriptor(ends[1])
        }
    }

    @Test func wordsOfEveryLengthUpToTheLimit() throws {
        let ends = try Pair()
        for words in [["ok"], ["", "x"], [String(repeating: "w", count: ContractMessage.longest - 1)]] {
            try ContractMessage.send(words, over: ends.a.rawValue)
            var descriptors: [CInt] = []
            let got = try ContractMessage.receive(over: ends.b.rawValue, descriptors: &descriptors)
            #expect(got == words && descriptors.isEmpty)
        }
        #expect(throws: Errno.invalidArgument) { try ContractMessage.send([String(repeating: "w", count: ContractMessage.longest)], over: ends.a.rawValue) }
    }

    @Test func aLongerMessageIsRefusedBeforeItIsRead() throws {
        let ends = try Pair()
        let length = withUnsafeBytes(of: UInt32(ContractMessage.longest + 1).littleEndian) { Array($0) }
        try SystemCalls.sendAll(ends.a.rawValue, length)
        #expect(throws: Errno.invalidArgument) {
            var descriptors: [CInt] = []
            _ = try ContractMessage.receive(over: ends.b.rawValue, descriptors: &descriptors)
        }
    }

    @Test func aPeerThatEndsIsNoMessage() throws {
        let ends = try Pair()
        try SystemCalls.sendAll(ends.a.rawValue, [4, 0, 0, 0, 0x6f])
        SystemCalls.shutDown(ends.a.rawValue)
        var descriptors: [CInt] = []
        #expect(try ContractMessage.receive(over: ends.b.rawValue, descriptors: &descriptors) == nil)
    }
}

@Suite struct UserNotesTests {
    /// Whatever stands in kernel.yama.ptrace_scope: nothing is said where it keeps nobody from anything, and of the other scopes only one has a way out.
    @Test func yamaIsExplained() {
        for text in ["", "0\n", "no number"] { #expect(UserNotes.memory(scope: Array(text.utf8)) == nil) }
        #expect(UserNotes.memory(scope: Array("1\n".utf8))?.contains("PR_SET_PTRACER_ANY") == true)
        for text in ["2\n", "3\n"] { #expect(UserNotes.memory(scope: Array(text.utf8))?.contains("only root") == true) }
    }
}

@Suite struct BackingLockTests {
    /// One holder at a time, until its descriptor is closed; root's own directories are not locked.
    @Test func oneHoldsIt() throws {
        var template = Array("/tmp/backing-lock-XXXXXX".utf8CString)
        try #require(template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) } != nil)
        let directory = template.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
        defer { try? SystemCalls.removeDirectory(directory) }
        if getuid() == 0 {
            #expect(try BackingLock.take(directory) == nil)
            try #require(chown(directory.string, 65534, 65534) == 0)
        }
        let first = try #require(try BackingLock.take(directory)?.take())
        #expect(throws: Errno.resourceTemporarilyUnavailable) { _ = try BackingLock.take(directory) }
        SystemCalls.close(first)
        #expect(try BackingLock.take(directory) != nil)
    }
}
