import LinuxSystem
import Testing

@testable import incfs

/// How much is said, and in which colours.
@Suite(.timeLimit(.minutes(1))) struct TalkTests {
    @Test func aQuietCommandSaysOnlyWhatWasAskedFor() async throws {
        let fake = try FakeInstallation()
        try fake.directory.path.appending("mnt").appending("old").write("x")
        let loud = try await fake.run(["mount", "/a.incfs", fake.mountpoint, "--store", fake.store])
        #expect(loud.status == 0 && loud.output.contains("is mounted") && loud.error.contains("is not empty"), "\(loud)")
        let quiet = try await fake.run(["mount", "/b.incfs", fake.mountpoint, "--store", fake.store, "-q"])
        #expect(quiet.status == 0 && quiet.output.isEmpty && quiet.error.isEmpty, "\(quiet)")
        let wait = try await fake.run(["wait", fake.mountpoint, "--complete", "--store", fake.store, "--quiet"])
        #expect(wait.status == 0 && wait.output.isEmpty && wait.error.isEmpty, "\(wait)")
        let status = try await fake.run(["status", "--store", fake.store, "--quiet"])
        #expect(status.output.contains(fake.mountpoint))
        let gone = try await fake.run(["mount", "/gone.incfs", fake.mountpoint, "--store", fake.store, "--quiet"])
        #expect(gone.status == 3 && gone.error.hasPrefix("incfs: The origin"), "\(gone)")
        try await fake.close()
    }

    @Test func aQuietPublicationIsItsAddress() async throws {
        let directory = TemporaryDirectory()
        try SystemCalls.makeDirectory(directory.path.appending("app"))
        try directory.path.appending("app").appending("f").write("text")
        let result = try await Executable.incfs.run(["publish", directory.path.appending("app").string, "-o", directory.path.string, "-q"])
        #expect(result.status == 0 && result.error.isEmpty && result.output.hasPrefix("app.incfs#sha256=") && result.output.split(separator: "\n").count == 1, "\(result)")
    }

    /// https://no-color.org, on a terminal that script(1) makes.
    @Test func noColourWhereItIsNotWanted() async throws {
        let fake = try FakeInstallation()
        _ = try await fake.run(["mount", "/a.incfs", fake.mountpoint, "--store", fake.store])
        let command = "\(Executable.incfs.path) status --store \(fake.store)"
        for (variables, coloured) in [(["TERM": "xterm", "NO_COLOR": ""], true), (["TERM": "xterm", "NO_COLOR": "1"], false), (["TERM": "dumb", "NO_COLOR": ""], false)] {
            let shown = try await Executable(path: "/usr/bin/script").run(["-qec", command, "/dev/null"], environment: variables)
            #expect(shown.status == 0 && shown.output.contains(fake.mountpoint) && shown.output.contains("\u{1b}[1m") == coloured, "\(variables): \(shown)")
        }
        try await fake.close()
    }
}
