import Glibc
import KeeperTesting
import LinuxSystem
import Testing

@Suite struct KeeperStartTests {
    @Test func aMissingDaemonIsAnErrorWithASentence() throws {
        let keeper = try KeeperUnderTest(daemon: "/nonexistent/incfsd")
        #expect(keeper.word.hasPrefix("Ethe daemon /nonexistent/incfsd cannot be started"))
        #expect(try keeper.waitForExit() == 73)
        #expect(throws: Errno.noSuchFileOrDirectory) { try SystemCalls.status(of: keeper.socket) }
    }

    @Test(arguments: [["--bogus"], ["--log"], ["--watchdog", "soon"], ["--store", ""]]) func wrongArgumentsSaySo(_ options: [String]) throws {
        let keeper = try KeeperUnderTest(options: options)
        #expect(keeper.word.hasPrefix("E"))
        #expect(try keeper.waitForExit() == 64)
    }

    @Test func somebodyElsesSocketIsLeftAlone() throws {
        let directory = try KeeperUnderTest.temporaryDirectory()
        defer { try? SystemCalls.removeTree(directory) }
        try SystemCalls.makeDirectories(directory.appending("run"))
        let listener = try SystemCalls.listen(atSocket: directory.appending("run/control"))
        let keeper = try KeeperUnderTest(in: directory)
        #expect(keeper.word.contains("somebody else listens"))
        #expect(try keeper.waitForExit() == 73)
        listener.close()
    }

    @Test func aFileInPlaceOfTheSocketIsLeftAlone() throws {
        let directory = try KeeperUnderTest.temporaryDirectory()
        defer { try? SystemCalls.removeTree(directory) }
        try SystemCalls.makeDirectories(directory.appending("run"))
        try SystemCalls.open(directory.appending("run/control"), flags: O_WRONLY | O_CREAT).close()
        let keeper = try KeeperUnderTest(in: directory)
        #expect(keeper.word.contains("is no socket"))
        #expect(try keeper.waitForExit() == 73)
        #expect(try SystemCalls.status(of: directory.appending("run/control")).kind == .regular)
    }

    @Test func aTooLongSocketPathSaysTheLimit() throws {
        let directory = try KeeperUnderTest.temporaryDirectory()
        defer { try? SystemCalls.removeTree(directory) }
        let keeper = try KeeperUnderTest(options: ["--socket", "\(directory)/\(String(repeating: "x", count: 100))"], in: directory)
        #expect(keeper.word.contains("107 bytes"))
        #expect(try keeper.waitForExit() == 73)
    }

    @Test func aLargeLogMovesAside() throws {
        let directory = try KeeperUnderTest.temporaryDirectory()
        defer { try? SystemCalls.removeTree(directory) }
        try SystemCalls.makeDirectories(directory.appending("store"))
        let log = try SystemCalls.open(directory.appending("store/daemon.log"), flags: O_WRONLY | O_CREAT)
        try SystemCalls.truncate(log.rawValue, to: 5 << 20)
        log.close()
        let keeper = try KeeperUnderTest(in: directory)
        #expect(try keeper.who().epoch == 1)
        #expect(try SystemCalls.status(of: directory.appending("store/daemon.log.1")).size == 5 << 20)
        #expect(try SystemCalls.status(of: directory.appending("store/daemon.log")).size < 4096)
    }
}
