import ControlAPI
import Glibc
import LinuxSystem
import Testing

/// `incfs run` with a fake daemon that puts scripts where the package would be.
@Suite(.timeLimit(.minutes(2))) struct RunCommandTests {
    private static let scripts = [
        "args": "#!/bin/sh\nfor a in \"$@\"; do printf '[%s]' \"$a\"; done\necho\nexit 7\n",
        "root": "#!/bin/sh\n[ \"$INCFS_ROOT/root\" = \"$0\" ] && pwd\n",
        "die": "#!/bin/sh\nkill -9 $$\n",
        "trap": "#!/bin/sh\ntrap 'exit 42' TERM\ntrap 'exit 43' USR1\necho ready\nwhile :; do sleep 0.02; done\n",
        "broken": "#!/nonexistent/interpreter\n",
        "data": "text",
    ]

    @Test func argumentsAndStatusPassThrough() async throws {
        let fake = try FakeInstallation(scripts: Self.scripts)
        let result = try await fake.run(["run", "/a.incfs", "--store", fake.store, "--", "args", "a b", "", "--help", "--"])
        #expect(result.status == 7 && result.output == "[a b][][--help][--]\n", "\(result)")
        let root = try await fake.run(["run", "/a.incfs", "--store", fake.store, "--", "/root"])
        #expect(root.status == 0 && root.output.hasPrefix("/"))
        #expect(try await fake.run(["run", "/a.incfs", "--store", fake.store, "--", "./die"]).status == 137)
        try await Self.leftNothing(fake)
    }

    @Test func thePublishersProgramTakesAllWords() async throws {
        let fake = try FakeInstallation(scripts: Self.scripts)
        let result = try await fake.run(["run", "/entry.incfs", "--store", fake.store, "--", "root", "--x"])
        #expect(result.status == 7 && result.output == "[root][--x]\n", "\(result)")
        #expect(try await fake.run(["run", "/entry.incfs", "--store", fake.store]).output == "\n")
        let other = try await fake.run(["run", "/entry.incfs", "--store", fake.store, "--program", "root"])
        #expect(other.status == 0 && other.output.hasPrefix("/"), "\(other)")
        let none = try await fake.run(["run", "/a.incfs", "--store", fake.store])
        #expect(none.status == 125 && none.error.contains("does not say which"), "\(none)")
        try await Self.leftNothing(fake)
    }

    @Test(arguments: [("none", 127), ("../../bin/sh", 127), ("broken", 127), ("data", 126), ("/", 126)] as [(String, Int32)])
    func whatCannotBeRunIsTold(_ program: String, _ status: Int32) async throws {
        let fake = try FakeInstallation(scripts: Self.scripts)
        let result = try await fake.run(["run", "/a.incfs", "--store", fake.store, "--", program])
        #expect(result.status == status && result.error.hasPrefix("incfs: "), "\(result)")
        try await Self.leftNothing(fake)
    }

    @Test(arguments: [(SIGTERM, 42), (SIGUSR1, 43), (SIGINT, 130), (SIGHUP, 129)] as [(CInt, Int32)])
    func signalsReachTheProgram(_ number: CInt, _ status: Int32) async throws {
        let fake = try FakeInstallation(scripts: Self.scripts)
        let child = try fake.start(["run", "/a.incfs", "--store", fake.store, "--", "trap"])
        #expect(try await child.line() == "ready")
        try child.signal(number)
        #expect(try await child.finish().status == status)
        try await Self.leftNothing(fake)
    }

    @Test func anInterruptWhileMountingLeavesNothing() async throws {
        let fake = try FakeInstallation(scripts: Self.scripts)
        let child = try fake.start(["run", "/slow.incfs", "--store", fake.store, "--", "args"])
        try await fake.daemon.reached("mount")
        try child.signal(SIGINT)
        #expect(try await child.finish().status == 130)
        // The daemon takes the request back with the connection; there is nothing to unmount.
        try await fake.close()
        #expect(!fake.daemon.events.contains { $0.hasPrefix("unmount") })
    }

    /// Every mount was ended, and its directory is gone.
    private static func leftNothing(_ fake: FakeInstallation) async throws {
        try await fake.daemon.reached("unmount")
        try await fake.close()
        let places = fake.daemon.events.filter { $0.hasPrefix("unmount ") }.map { FilePath(String($0.dropFirst("unmount ".count))) }
        #expect(!places.isEmpty)
        for place in places { #expect(!place.exists, "\(place)") }
    }
}
