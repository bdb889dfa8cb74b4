import Glibc
import LinuxSystem
import MountTesting
import TestOrigins
import Testing

/// The commands over real mounts.
@Suite(.serialized, .timeLimit(.minutes(3))) struct CommandLineRunTests {
    /// A package with a few programs.
    static func withPrograms(_ body: @Sendable (MountSite) async throws -> Void) async throws {
        try await MountSite.with { site in
            try site.addRandom("data", count: 1 << 20, seed: 1)
            try await site.shell(
                """
                cd \(site.source); mkdir bin
                printf '#!/bin/sh\\nexit "$1"\\n' > bin/leave
                printf '#!/bin/sh\\nkill -s "$1" $$; sleep 5\\n' > bin/die
                printf '#!/bin/sh\\necho "$INCFS_ROOT" "$@"; sha256sum < "$INCFS_ROOT/data"\\n' > bin/tell
                printf '#!/bin/sh\\ntrap "echo got; exit 9" USR1 TERM\\necho started\\nwhile :; do sleep 0.05; done\\n' > bin/stay
                printf '#!/bin/sh\\necho started\\nexec sleep 60\\n' > bin/sleep
                chmod 755 bin/*; echo text > bin/text; chmod 644 bin/text
                """)
            try await site.publish()
            try await body(site)
        }
    }

    static func run(_ site: MountSite, _ words: String...) async throws -> ChildProcess.Result {
        try await site.startIncfs(["run", "\(site.output)/app.incfs", "--"] + words).finish()
    }

    /// No mount, no private mount point; after the daemon's last seconds no process.
    static func nothingIsLeft(_ site: MountSite) async throws {
        #expect(site.mounts == [])
        // Where a program held the mount to its end, the daemon hears of that a moment later.
        let places: @Sendable () -> [String] = { (try? SystemCalls.list(site.directory.appending("run/incfs/run")).map { String(decoding: $0, as: UTF8.self) }) ?? [] }
        try await eventually("no mount point of a run is left; there are \(places())", seconds: 20) { places().isEmpty ? true : nil }
        try await eventually("no process is left; there are \(site.processes)", seconds: 20) { site.processes.isEmpty ? true : nil }
    }

    @Test func exitStatusAndSignalsOfTheProgramPassThrough() async throws {
        try await Self.withPrograms { site in
            for status in [0, 1, 3, 77, 255] { #expect(try await Self.run(site, "bin/leave", "\(status)").status == Int32(status)) }
            for (name, number) in [("TERM", SIGTERM), ("KILL", SIGKILL), ("SEGV", SIGSEGV)] {
                #expect(try await Self.run(site, "bin/die", name).status == 128 + number)
            }
            let told = try await Self.run(site, "tell", "a b", "--c")
            let lines = told.output.split(separator: "\n")
            #expect(told.status == 0 && lines.count == 2 && lines[0].hasSuffix(" a b --c") && lines[0].hasPrefix("/run/incfs/run/app-"), "\(told)")
            let digest = try await site.shell("sha256sum < \(site.source)/data")
            #expect(lines.last.map { $0 + "\n" } == digest)
            #expect(try await Self.run(site, "none").status == 127)
            #expect(try await Self.run(site, "bin/text").status == 126)
            let nothing = try await site.tryIncfs("run", "\(site.output)/none.incfs", "--", "x")
            #expect(nothing.status == 125, "\(nothing)")
            try await Self.nothingIsLeft(site)
        }
    }

    @Test func signalsReachTheProgram() async throws {
        try await Self.withPrograms { site in
            for signal in [SIGUSR1, SIGTERM] {
                let child = try site.startIncfs(["run", "\(site.output)/app.incfs", "--", "bin/stay"])
                #expect(try await child.line() == "started")
                child.signal(signal)
                let end = try await child.finish(seconds: 20)
                #expect(end.status == 9 && end.output.contains("got"), "\(end)")
            }
            let child = try site.startIncfs(["run", "\(site.output)/app.incfs", "--", "bin/sleep"])
            #expect(try await child.line() == "started")
            child.signal(SIGINT)
            #expect(try await child.finish(seconds: 20).status == 130)
            try await Self.nothingIsLeft(site)
        }
    }

    @Test func anInterruptedRunLeavesNothing() async throws {
        let origin = try ControlledOrigin(root: "/tmp")
        defer { origin.stop() }
        try await Self.withPrograms { site in
            let address = "http://127.0.0.1:\(origin.port)/\(site.directory.lastComponent!.string)/out/app.incfs"
            // While the package is opened, and while the program's first block is awaited.
            origin.rule { _ in .hold }
            let opening = try site.startIncfs(["run", address, "--", "bin/sleep"])
            try await origin.reached("a request") { !$0.isEmpty }
            opening.signal(SIGINT)
            #expect(try await opening.finish(seconds: 20).status == 130)
            origin.rule { $0.path.hasSuffix(".incfs") ? .answer : .hold }
            let starting = try site.startIncfs(["run", address, "--", "bin/sleep"])
            try await eventually("the program is being started") {
                (try? await site.report())?.mounts.first?.waits.contains { $0.path == "bin/sleep" } == true ? true : nil
            }
            starting.signal(SIGINT)
            #expect(try await starting.finish(seconds: 20).status == 130)
            try await Self.nothingIsLeft(site)
            try await site.close()
        }
    }

    @Test func aMountpointTakesOneMount() async throws {
        try await Self.withPrograms { site in
            try await site.mount()
            // As soon as umount(8) has returned the place is free.
            for round in 1...20 {
                let said = try await site.startShell("umount \(site.mountpoint) && \(site.programs)/incfs mount \(site.output)/app.incfs \(site.mountpoint)").finish()
                #expect(said.status == 0 && site.mounts == [site.mountpoint.string], "round \(round): \(said)")
            }
            let again = try await site.tryIncfs("mount", "\(site.output)/app.incfs", site.mountpoint.string)
            #expect(again.status != 0 && again.error.contains("mounted at \(site.mountpoint) already"), "\(again)")
            // With a store of its own, that is from another daemon, as well.
            let other = try await site.tryIncfs("mount", "\(site.output)/app.incfs", site.mountpoint.string, "--store", "\(site.directory)/home/store")
            #expect(other.status != 0 && other.error.contains("\(site.mountpoint)"), "\(other)")
            #expect(site.mounts == [site.mountpoint.string])
            #expect(try await site.read("read", "data", length: 1 << 20) == "same")
            // Two mounts of one store share what is there.
            try await site.shell("mkdir \(site.directory)/second")
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "20")
            try await site.incfs("mount", "\(site.output)/app.incfs", "\(site.directory)/second", "--no-fill")
            #expect(try await site.report().mounts.allSatisfy(\.complete))
            try await site.incfs("unmount", "\(site.directory)/second")
            try await site.incfs("unmount", site.mountpoint.string)
            #expect(try await site.tryIncfs("unmount", site.mountpoint.string).status == 1)
        }
    }

    @Test func aForegroundMountEndsWithItsSignal() async throws {
        try await Self.withPrograms { site in
            let child = try site.startIncfs(["mount", "\(site.output)/app.incfs", site.mountpoint.string, "--foreground"])
            #expect(try await child.line().contains("is mounted at \(site.mountpoint)"))
            #expect(try await site.read("read", "data", length: 1 << 20) == "same")
            child.signal(SIGINT)
            #expect(try await child.finish(seconds: 20).status == 0)
            try await Self.nothingIsLeft(site)
        }
    }

    @Test func verifyFindsWhatIsWrongAndItIsFetchedAgain() async throws {
        try await Self.withPrograms { site in
            try await site.mount()
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "20")
            #expect(try await site.incfs("verify", site.mountpoint.string).hasPrefix("All is well"))
            // One byte of the stored file, behind everybody's back.
            let stored = try await site.shell("find \(site.store) -type f -size 1048576c")
            let path = try #require(stored.split(separator: "\n").first)
            try await site.shell("printf X | dd of='\(path)' bs=1 seek=500000 conv=notrunc status=none && sync '\(path)'")
            let found = try await site.tryIncfs("verify", site.mountpoint.string)
            #expect(found.status == 1 && found.output.contains("data: block 122: "), "\(found)")
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "30")
            #expect(try await site.incfs("verify", site.mountpoint.string).hasPrefix("All is well"))
            _ = try await site.probe(["forget", "\(site.mountpoint)/data"]).finish()
            #expect(try await site.read("read", "data", length: 1 << 20) == "same")
            try await site.incfs("unmount", site.mountpoint.string)
            // Of a package that is not mounted.
            #expect(try await site.incfs("verify", "\(site.output)/app.incfs").hasPrefix("All is well"))
        }
    }
}
