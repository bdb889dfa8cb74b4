import Glibc
import KeeperTesting
import LinuxSystem
import Testing

@Suite struct KeeperProcessTests {
    @Test func itListensBeforeItSaysReadyAndKeepsOthersOut() throws {
        let keeper = try KeeperUnderTest()
        #expect(keeper.word == "R")
        let socket = try SystemCalls.status(of: keeper.socket)
        #expect(socket.mode & 0o777 == 0o600)
        #expect(try SystemCalls.status(of: keeper.store).mode & 0o777 == 0o700)
        #expect(try SystemCalls.status(of: keeper.socket.removingLastComponent()).mode & 0o777 == 0o700)
        #expect(try keeper.who().epoch == 1)
    }

    @Test func aSecondKeeperOfTheStoreSaysBusy() throws {
        let first = try KeeperUnderTest()
        let second = try KeeperUnderTest(in: first.directory)
        #expect(second.word == "B")
        #expect(try second.waitForExit() == 75)
        #expect(try first.who().epoch == 1)
    }

    @Test func theDaemonGetsItsDescriptorsAndNothingElse() throws {
        let keeper = try KeeperUnderTest(["--colour", "blue"])
        let lines = try keeper.order("descriptors").split(separator: "\n").map(String.init)
        #expect(lines[0] == "0=/dev/null")
        #expect(lines[1] == "1=\(keeper.store)/daemon.log")
        #expect(lines[2] == "2=\(keeper.store)/daemon.log")
        #expect(lines[3].hasPrefix("3=socket:"))
        #expect(lines[4].hasPrefix("4=socket:"))
        // Its own: the heartbeat's event, the order's connection, the directory just listed.
        #expect(lines.dropFirst(5).allSatisfy { $0.contains("eventfd") || $0.contains("socket:") || $0.contains("/proc") }, "\(lines)")
        #expect(try keeper.order("arguments") == "incfsd --store \(keeper.store) --epoch 1 --colour blue")
    }

    @Test func aKilledDaemonIsReplacedUnderAHigherEpoch() throws {
        let keeper = try KeeperUnderTest()
        var last = try keeper.who()
        for _ in 0..<3 {
            kill(last.pid, SIGKILL)
            // Until it has ended it could still take the order.
            #expect(try KeeperUnderTest.waitForEnd(of: last.pid))
            let next = try keeper.who()
            #expect(next.pid != last.pid)
            #expect(next.epoch > last.epoch)
            last = next
        }
    }

    @Test func epochsRiseAcrossKeepers() throws {
        let directory = try KeeperUnderTest.temporaryDirectory()
        defer { try? SystemCalls.removeTree(directory) }
        for expected: UInt64 in 1...3 {
            let keeper = try KeeperUnderTest(in: directory)
            #expect(try keeper.who().epoch == expected)
            _ = try keeper.order("exit 0")
            #expect(try keeper.waitForExit() == 0)
        }
    }

    @Test func aSilentDaemonIsReplaced() throws {
        let keeper = try KeeperUnderTest(options: ["--watchdog", "1"])
        let stopped = try keeper.who()
        kill(stopped.pid, SIGSTOP)
        #expect(try KeeperUnderTest.waitForEnd(of: stopped.pid))
        let next = try keeper.who()
        #expect(next.pid != stopped.pid)
        #expect(keeper.log.contains("silent"))
    }

    @Test func aDaemonWithoutHeartbeatIsReplaced() throws {
        let keeper = try KeeperUnderTest(["--mute"], options: ["--watchdog", "1"])
        let mute = try keeper.who()
        #expect(try KeeperUnderTest.waitForEnd(of: mute.pid))
    }

    @Test func theKeeperEndsWithADaemonThatHasNothingLeftToDo() throws {
        let keeper = try KeeperUnderTest()
        _ = try keeper.order("exit 0")
        #expect(try keeper.waitForExit() == 0)
        #expect(throws: Errno.noSuchFileOrDirectory) { try SystemCalls.status(of: keeper.socket) }
    }

    @Test func anExitWithAnErrorIsADeath() throws {
        let keeper = try KeeperUnderTest()
        _ = try keeper.order("exit 7")
        #expect(try keeper.who().epoch == 2)
        #expect(keeper.log.contains("ended with status 7"))
    }

    @Test(arguments: [[], ["--ignore-term"]]) func sigtermEndsBothAndLeavesNoSocket(_ arguments: [String]) throws {
        let keeper = try KeeperUnderTest(arguments)
        let daemon = try keeper.who()
        kill(keeper.pid, SIGTERM)
        #expect(try keeper.waitForExit(seconds: 20) == 0)
        #expect(try KeeperUnderTest.waitForEnd(of: daemon.pid))
        #expect(throws: Errno.noSuchFileOrDirectory) { try SystemCalls.status(of: keeper.socket) }
    }

    @Test func theDaemonEndsWhenTheKeeperIsKilled() throws {
        let keeper = try KeeperUnderTest()
        let daemon = try keeper.who()
        kill(keeper.pid, SIGKILL)
        #expect(try keeper.waitForExit() == -1)
        #expect(try KeeperUnderTest.waitForEnd(of: daemon.pid))
        // The socket that it left is no obstacle for the next one.
        let next = try KeeperUnderTest(in: keeper.directory)
        #expect(next.word == "R")
        #expect(try next.who().epoch == 2)
    }

    @Test func aDaemonThatDiesAtOnceIsGivenUpInTheEnd() throws {
        let keeper = try KeeperUnderTest(["--exit", "1"])
        #expect(keeper.word == "R")
        #expect(try keeper.waitForExit(seconds: 40) == 1)
        #expect(keeper.log.contains("giving up"))
        #expect(throws: Errno.noSuchFileOrDirectory) { try SystemCalls.status(of: keeper.socket) }
    }
}
