import Glibc
import LinuxSystem
import MountTesting
import TestOrigins
import Testing

/// Who waits is told for whom and why, and waits for nothing that cannot come.
@Suite(.serialized, .timeLimit(.minutes(3))) struct WaitTests {
    /// The answers to a final failure have no bound of their own; readers get theirs in five seconds (`FinalAnswerTests`).
    private static let atOnce: Double = 10

    /// A mounted package of which only the beginning is here: its pack's name, and what it lies at.
    private static func withMissing(_ options: String..., body: @Sendable (MountSite, MisbehavingOrigin, _ pack: String, _ files: [String: [UInt8]]) async throws -> Void) async throws {
        try await MountSite.with { site in
            for i in 0..<3 { try site.addRandom("f\(i)", count: 1 << 20, seed: UInt64(i + 1)) }
            try await site.publish()
            var files: [String: [UInt8]] = [:]
            for name in try SystemCalls.list(site.output) where name.starts(with: Array("app".utf8)) {
                files["/" + String(decoding: name, as: UTF8.self)] = try SystemCalls.contents(of: site.output.appending(bytes: name))
            }
            let pack = try #require(files.keys.first { $0.hasSuffix(".pack") })
            let origin = MisbehavingOrigin(files: files)
            defer { origin.stop() }
            try await site.incfs(["mount", origin.address("/app.incfs"), site.mountpoint.string, "--no-fill"])
            try await site.incfs("unmount", site.mountpoint.string)
            try await body(site, origin, pack, files)
        }
    }

    /// What a terminal shows of `incfs wait` that gives up after some seconds.
    private static func watched(_ site: MountSite, _ what: String, seconds: Int) async throws -> ChildProcess.Result {
        try await site.startShell("script -qec '\(site.programs)/incfs wait \(site.mountpoint) \(what) --timeout \(seconds)' /dev/null").finish(seconds: 60)
    }

    @Test func anOriginThatIsNotThereIsNamedOnTheTerminal() async throws {
        try await OutageTests.withPackage(files: 2) { site, nginx, address, pinned in
            try await site.mount(pinned, "--no-fill")
            try await site.incfs("unmount", site.mountpoint.string)
            nginx.interrupt()
            // The package was opened before: it mounts without its origin, and waits for it.
            try await site.mount(pinned)
            for what in ["--complete", "--path f1"] {
                let said = try await Self.watched(site, what, seconds: 6)
                #expect(said.status == 7 && said.output.contains("incfs: waiting for 127.0.0.1: cannot reach http://127.0.0.1:\(nginx.port)/app"), "\(said)")
                #expect(said.output.contains("connection refused"), "\(said)")
                #expect(said.output.ranges(of: "waiting for").count == 1, "said once: \(said)")
            }
            // Not on a terminal the reason comes at once.
            let plain = try await site.tryIncfs("wait", site.mountpoint.string, "--complete", "--timeout", "2")
            #expect(plain.status == 7 && plain.error.contains("fetched: ") && plain.error.contains("cannot reach http://127.0.0.1:\(nginx.port)/app"), "\(plain)")
            #expect(!plain.error.contains("incfs: waiting"), "\(plain)")
            try nginx.start()
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "60")
        }
    }

    @Test func whoMountsFromAnOriginThatIsNotThereIsToldWhyItTakesLong() async throws {
        try await OutageTests.withPackage(files: 1) { site, nginx, address, _ in
            nginx.interrupt()
            for (words, status) in [("mount \(address) \(site.mountpoint)", 3), ("run \(address)", 125), ("fetch \(address) \(site.directory)/home/fetched", 3)] as [(String, Int32)] {
                let said = try await site.startShell("script -qec '\(site.programs)/incfs \(words)' /dev/null").finish(seconds: 60)
                #expect(said.status == status && said.output.ranges(of: "incfs: waiting for 127.0.0.1: cannot reach \(address): connection refused").count == 1, "\(said)")
                let quiet = try await site.startShell("script -qec '\(site.programs)/incfs \(words.replacing(" ", with: " --quiet ", maxReplacements: 1))' /dev/null").finish(seconds: 60)
                #expect(quiet.status == status && !quiet.output.contains("waiting for"), "\(quiet)")
            }
            #expect(site.mounts == [])
        }
    }

    @Test func anOriginThatSaysNothingIsNamedToo() async throws {
        try await Self.withMissing { site, origin, pack, _ in
            origin.script(pack, .silence)
            try await site.mount(origin.address("/app.incfs"))
            let said = try await Self.watched(site, "--complete", seconds: 6)
            #expect(said.status == 7 && said.output.contains("incfs: waiting for 127.0.0.1, which has not answered yet"), "\(said)")
            let plain = try await site.tryIncfs("wait", site.mountpoint.string, "--complete", "--timeout", "6", "--quiet")
            #expect(plain.status == 7 && !plain.error.contains("waiting for"), "\(plain)")
        }
    }

    @Test func aPackThatIsGoneEndsTheWaitAtOnce() async throws {
        try await Self.withMissing { site, origin, pack, _ in
            origin.script(pack, .status(404))
            try await site.mount(origin.address("/app.incfs"))
            let complete = try await site.startIncfs(["wait", site.mountpoint.string, "--complete"]).finish(seconds: Self.atOnce)
            #expect(complete.status == 3 && complete.error.contains("\(site.mountpoint) cannot be completed: http://127.0.0.1:\(origin.port)\(pack) does not exist (404 Not Found)"), "\(complete)")
            let named = try await site.startIncfs(["wait", site.mountpoint.string, "--path", "f1"]).finish(seconds: Self.atOnce)
            #expect(named.status == 3 && named.error.contains("f1 cannot be had: http://127.0.0.1:\(origin.port)\(pack) does not exist (404 Not Found)"), "\(named)")
            // Published again: who waits again has it fetched.
            origin.script(pack, .honest)
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "30")
            for i in 0..<3 { #expect(try await site.read("read", "f\(i)", length: 1 << 20) == "same") }
        }
    }

    @Test func wrongBytesEndTheWaitWithTheStatusOfVerification() async throws {
        try await Self.withMissing { site, origin, pack, _ in
            origin.script(pack, .damage)
            try await site.mount(origin.address("/app.incfs"))
            for what in [["--complete"], ["--path", "f1"]] {
                let said = try await site.startIncfs(["wait", site.mountpoint.string] + what).finish(seconds: 60)
                #expect(said.status == 4 && said.error.contains("does not match its digest"), "\(said)")
            }
            try await site.incfs("unmount", site.mountpoint.string)
            for arguments in [["fetch", origin.address("/app.incfs"), "\(site.directory)/home/fetched"], ["cat", origin.address("/app.incfs"), "f1"]] {
                let said = try await site.startIncfs(arguments).finish(seconds: 60)
                #expect(said.status == 4 && said.error.contains("does not match its digest"), "\(said)")
            }
        }
    }

    /// A login page may go away: it is waited for, and said.
    @Test func aWebPageInsteadOfARangeIsSaid() async throws {
        try await Self.withMissing { site, origin, pack, _ in
            origin.script(pack, .webPage)
            try await site.mount(origin.address("/app.incfs"))
            for what in ["--complete", "--path f1"] {
                let said = try await Self.watched(site, what, seconds: 6)
                #expect(said.status == 7 && said.output.contains("incfs: waiting for 127.0.0.1: http://127.0.0.1:\(origin.port)\(pack) answered with a web page (200, text/html) where bytes "), "\(said)")
            }
            origin.script(pack, .honest)
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "60")
        }
    }

    @Test func aForegroundMountStaysWithWhatCanBeHad() async throws {
        try await Self.withMissing { site, origin, pack, _ in
            origin.script(pack, .status(404))
            let said = "\(site.directory)/home/said"
            let mount = try site.startShell("exec \(site.programs)/incfs mount \(origin.address("/app.incfs")) \(site.mountpoint) --foreground 2> \(said)")
            try await eventually("it has said what is gone") { () -> Bool? in
                guard let bytes = try? SystemCalls.contents(of: FilePath(said)) else { return nil }
                return String(decoding: bytes, as: UTF8.self).contains("\(site.mountpoint) cannot be completed: ") ? true : nil
            }
            #expect(mount.runs && site.mounts == [site.mountpoint.string])
            mount.signal(SIGTERM)
            let end = try await mount.finish()
            #expect(end.status == 0, "\(end)")
            #expect(!(try await site.shell("cat \(said)").contains("Everything is here")))
            #expect(site.mounts == [])
        }
    }
}
