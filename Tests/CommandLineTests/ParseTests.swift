import ArgumentParser
import Testing

@testable import incfs

@Suite struct ParseTests {
    private func parse<Command>(_ type: Command.Type, _ line: String) throws -> Command {
        try #require(try Incfs.parseAsRoot(line.split(separator: " ").map(String.init)) as? Command)
    }

    @Test func everyCommandTakesWhatItsTableSays() throws {
        let publish = try parse(PublishCommand.self, "publish d -o out --in-place --name n --release 1.2 --level 19")
        #expect(publish.directory == "d" && publish.output == "out" && publish.inPlace && publish.name == "n" && publish.release == "1.2" && publish.level == 19)
        let serve = try parse(ServeCommand.self, "serve d --listen [::1]:0 --rate 50mbit --delay 20ms")
        #expect(serve.listen == "[::1]:0" && serve.rate == "50mbit" && serve.delay == "20ms")
        let mount = try parse(MountCommand.self, "mount http://h/a#sha256=0 /m --store /s --foreground --no-fill --read-timeout 2.5 --insecure")
        #expect(mount.address == "http://h/a#sha256=0" && mount.mountpoint == "/m" && mount.store.store == "/s" && mount.foreground && mount.noFill && mount.readTimeout == 2.5 && mount.trust.insecure)
        let run = try parse(RunCommand.self, "run a.incfs --store /s -- bin/app --help -- x")
        #expect(run.address == "a.incfs" && run.words == ["bin/app", "--help", "--", "x"])
        let fixed = try parse(RunCommand.self, "run a.incfs --program bin/b --at /opt/a --writable -- x")
        #expect(fixed.program == "bin/b" && fixed.at == "/opt/a" && fixed.writable.writable && fixed.words == ["x"])
        #expect(WritableOptions.spelledOut(["run", "a", "--writable=/d", "--", "--writable=x"]) == ["run", "a", "--writable-directory", "/d", "--", "--writable=x"])
        let status = try parse(StatusCommand.self, "status /m --json --watch")
        #expect(status.mountpoint == "/m" && status.json && status.watch)
        #expect(try parse(StatusCommand.self, "status").mountpoint == nil)
        #expect(try parse(WaitCommand.self, "wait /m --complete --timeout 3").timeout == 3)
        #expect(try parse(VerifyCommand.self, "verify /m --store /s").subject == "/m")
        #expect(try parse(UnmountCommand.self, "unmount /m --lazy").lazy)
    }

    @Test(arguments: [
        "publish d", "publish d -o out --level 0", "publish d -o out --level 20", "mount a", "mount a /m --read-timeout 0", "mount a /m --read-timeout -1", "mount a /m --read-timeout x",
        "wait /m", "wait /m --complete --timeout -1", "unmount", "frobnicate", "status --nonsense", "serve",
    ])
    func wrongUseIsStatusTwo(_ line: String) async throws {
        let result = try await Executable.incfs.run(line.split(separator: " ").map(String.init))
        #expect(result.status == 2)
        #expect(result.error.hasPrefix("incfs: ") && result.output.isEmpty)
    }

    @Test(arguments: ["frobnicate", "mnt a /m", "mounted"]) func aCommandThatIsNotThereIsCalledSo(_ line: String) async throws {
        let words = line.split(separator: " ").map(String.init)
        let result = try await Executable.incfs.run(words)
        #expect(result.status == 2 && result.error == "incfs: There is no command “\(words[0])”.\n  See what there is with: incfs --help\n", "\(result)")
    }

    @Test(arguments: ["run", "run a.incfs --at relative", "run a.incfs --at /", "run a.incfs --program", "run /none/a.incfs"])
    func wrongUseOfRunIsNotTheProgramsStatus(_ line: String) async throws {
        #expect(try await Executable.incfs.run(line.split(separator: " ").map(String.init)).status == 125)
    }

    @Test(arguments: ["--help", "mount --help", "run --help", "--version", "help status"])
    func helpSucceedsOnStandardOutput(_ line: String) async throws {
        let result = try await Executable.incfs.run(line.split(separator: " ").map(String.init))
        #expect(result.status == 0 && !result.output.isEmpty && result.error.isEmpty)
    }
}
