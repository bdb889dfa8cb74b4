import ContractControl
import Glibc
import LinuxSystem
import Testing

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
