import Glibc
import LinuxSystem
import Testing

@testable import ControlAPI

/// The built command against a fake daemon.
@Suite(.timeLimit(.minutes(2))) struct DaemonCommandTests {
    static let digest = String(repeating: "12ab", count: 16)

    @Test func mountWaitStatusVerifyUnmount() async throws {
        let fake = try FakeInstallation()
        let mounted = try await fake.run(["mount", "https://h.example/a.incfs#sha256=\(Self.digest)", fake.mountpoint, "--store", fake.store])
        #expect(mounted.status == 0 && mounted.output == "fake 1 is mounted at \(fake.mountpoint): 1 file, 4.10 kB.\n", "\(mounted)")
        #expect(fake.daemon.events == ["mount https://h.example/a.incfs \(Self.digest)"])
        let status = try await fake.run(["status", fake.mountpoint, "--store", fake.store, "--json"])
        #expect(status.status == 0 && status.output.contains("\"daemon_pid\" : 4711") && status.output.contains("\"mountpoint\" : \"\(fake.mountpoint)\""))
        #expect(try await fake.run(["wait", fake.mountpoint, "--store", fake.store, "--complete"]).status == 0)
        #expect(try await fake.run(["wait", fake.mountpoint, "--store", fake.store, "--complete", "--timeout", "0.01"]).status == 7)
        let verified = try await fake.run(["verify", fake.mountpoint, "--store", fake.store])
        #expect(verified.status == 1 && verified.output.hasPrefix("lib/a: blocks 3 to 4: does not match its digest\n1 problem: 10 blocks checked"))
        #expect(try await fake.run(["verify", "/p/a.incfs", "--store", fake.store]).status == 0)
        #expect(try await fake.run(["unmount", fake.mountpoint, "--store", fake.store]).status == 0)
        let again = try await fake.run(["unmount", fake.mountpoint, "--store", fake.store])
        #expect(again.status == 1 && again.error.hasPrefix("incfs: Nothing is mounted at \(fake.mountpoint)."))
        #expect(try await fake.run(["wait", fake.mountpoint, "--store", fake.store, "--complete"]).status == 1)
        try await fake.close()
    }

    @Test func errorsOfTheDaemonKeepTheirExitStatus() async throws {
        let fake = try FakeInstallation()
        let gone = try await fake.run(["mount", "http://127.0.0.1:1/gone.incfs", fake.mountpoint, "--store", fake.store])
        #expect(gone.status == 3 && gone.error == "incfs: The origin does not have it (404).\n  Check the address.\n", "\(gone)")
        let run = try await fake.run(["run", "/gone.incfs", "--store", fake.store, "--", "x"])
        #expect(run.status == 125 && run.error.hasPrefix("incfs: The origin"))
        try await fake.close()
    }

    @Test func nothingIsAskedOfTheDaemonThatCannotBeTrustedOrMounted() async throws {
        let fake = try FakeInstallation()
        let untrusted = try await fake.run(["mount", "http://h.example/a.incfs", fake.mountpoint, "--store", fake.store])
        #expect(untrusted.status == 4 && untrusted.error.contains("--insecure"))
        let missing = try await fake.run(["mount", "/a.incfs", fake.mountpoint + "/none", "--store", fake.store])
        #expect(missing.status == 1 && missing.error.contains("mkdir -p"))
        #expect(try await fake.run(["mount", "/a.incfs", "/etc/passwd", "--store", fake.store]).status == 1)
        #expect(fake.daemon.events.isEmpty)
        try await fake.close()
    }

    @Test(arguments: [SIGINT, SIGTERM]) func anInterruptedMountIsTakenBack(_ number: CInt) async throws {
        let fake = try FakeInstallation()
        let child = try fake.start(["mount", "/slow.incfs", fake.mountpoint, "--store", fake.store])
        try await fake.daemon.reached("mount")
        try child.signal(number)
        let result = try await child.finish()
        #expect(result.status == 128 + number)
        #expect(fake.daemon.events.contains("unmount \(fake.mountpoint)"))
        try await fake.close()
    }

    @Test func aForegroundMountEndsWithItsSignalOrItsDeath() async throws {
        let fake = try FakeInstallation()
        for (number, status) in [(SIGTERM, 0), (SIGKILL, 137)] as [(CInt, Int32)] {
            let before = fake.daemon.events.count
            let child = try fake.start(["mount", "/a.incfs", fake.mountpoint, "--foreground", "--store", fake.store])
            #expect(try await child.line().hasPrefix("fake 1 is mounted"))
            try child.signal(number)
            #expect(try await child.finish().status == status)
            while !fake.daemon.events[before...].contains("unmount \(fake.mountpoint)") { try await Task.sleep(nanoseconds: 1_000_000) }
        }
        try await fake.close()
    }

    @Test func aKeeperThatCannotStartSaysWhy() async throws {
        let directory = TemporaryDirectory()
        try directory.path.appending("incfsd").write("", mode: 0o755)
        let keeper = directory.path.appending("incfs-keeper")
        for (script, text) in [
            ("#!/bin/sh\nprintf 'EThe store is on a network file system.' >&3\n", "cannot start: The store is on a network file system."),
            ("#!/bin/sh\nexit 0\n", "ended before it was ready"),
        ] {
            try keeper.write(script, mode: 0o755)
            let result = try await Executable.incfs.run(
                ["mount", "/a.incfs", directory.path.string, "--store", directory.path.appending("store").string],
                environment: ["INCFS_LIBEXEC": directory.path.string, "XDG_STATE_HOME": directory.path.string])
            #expect(result.status == 1 && result.error.contains(text), "\(result)")
        }
    }

    @Test func theKeeperIsToldWhereEverythingIs() async throws {
        let directory = TemporaryDirectory()
        let store = directory.path.appending("store")
        try directory.path.appending("incfsd").write("", mode: 0o755)
        try directory.path.appending("incfs-keeper").write("#!/bin/sh\nprintf 'E%s' \"$*\" >&3\n", mode: 0o755)
        let result = try await Executable.incfs.run(
            ["mount", "/a.incfs", directory.path.string, "--store", store.string], environment: ["INCFS_LIBEXEC": directory.path.string])
        let real = try SystemCalls.realPath(store)
        #expect(result.error.contains("--store \(real) --socket \(ControlPlaces().socket(forRealStore: real)) --daemon \(directory.path)/incfsd"), "\(result.error)")
    }
}
