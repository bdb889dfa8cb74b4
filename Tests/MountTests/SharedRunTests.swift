import ControlAPI
import FoundationEssentials
import Glibc
import LinuxSystem
import MountTesting
import TestOrigins
import Testing

/// `incfs run` as people meet it: the publisher's program, one mount for many runs, fixed places, writing, and what is said when something is wrong.
@Suite(.serialized, .timeLimit(.minutes(3))) struct SharedRunTests {
    /// A package whose program tells where it is.
    static func withEntry(_ user: MountSite.User, _ body: @Sendable (MountSite) async throws -> Void) async throws {
        try await MountSite.with(user) { site in
            try site.addRandom("data", count: 300_000, seed: 1)
            try await site.shell(
                """
                cd \(site.source); mkdir bin
                printf '#!/bin/sh\\necho "$INCFS_ROOT|$PWD|$0|$*"; cat "$INCFS_ROOT/data" | sha256sum\\n' > bin/app
                printf '#!/bin/sh\\necho "$INCFS_ROOT"; while [ ! -e "$1" ]; do sleep 0.05; done; cmp "$INCFS_ROOT/data" \(site.source)/data && echo same\\n' > bin/stay
                chmod 755 bin/*; chown -R \(user) .
                """, as: .root)
            try await site.incfs("publish", site.source.string, "-o", site.output.string, "--name", "app", "--entry", "bin/app")
            try await body(site)
        }
    }

    /// Starts a run that goes on until its number is called.
    static func stay(_ site: MountSite, _ number: Int) throws -> ChildProcess {
        try site.startIncfs(["run", "\(site.output)/app.incfs", "--program", "bin/stay", "--", "\(site.directory)/home/go-\(number)"])
    }

    static func call(_ site: MountSite, _ number: Int) async throws { try await site.shell("touch \(site.directory)/home/go-\(number)") }

    static func lines(_ result: ChildProcess.Result) -> [String] { result.output.split(separator: "\n").map(String.init) }

    @Test(arguments: MountSite.User.allCases) func thePublishersProgramRunsAtTheSamePlaceEachTime(_ user: MountSite.User) async throws {
        try await Self.withEntry(user) { site in
            let digest = try await site.shell("sha256sum < \(site.source)/data")
            var places: Set<String> = []
            for _ in 0..<2 {
                let result = try await site.tryIncfs("run", "\(site.output)/app.incfs", "--", "one", "--two")
                let lines = Self.lines(result)
                #expect(result.status == 0 && lines.count == 2, "\(result)")
                let fields = lines[0].split(separator: "|").map(String.init)
                #expect(fields[2] == fields[0] + "/bin/app" && fields[3] == "one --two" && fields[1] == "/", "\(lines)")
                #expect(lines.last.map { $0 + "\n" } == digest)
                places.insert(fields[0])
            }
            #expect(places.count == 1)
            // A newer release of the same address is found at the same place: what programs keep by path stays good.
            try await site.shell("echo new > \(site.source)/new; chown \(user) \(site.source)/new", as: .root)
            try await site.incfs("publish", site.source.string, "-o", site.output.string, "--name", "app", "--entry", "bin/app")
            let newer = try await site.tryIncfs("run", "\(site.output)/app.incfs")
            #expect(newer.output.hasPrefix(places.first! + "|"), "\(newer)")
            try await CommandLineRunTests.nothingIsLeft(site)
        }
    }

    @Test(arguments: MountSite.User.allCases) func runsShareAMountThatEndsWithTheLastHoweverItEnds(_ user: MountSite.User) async throws {
        try await Self.withEntry(user) { site in
            let runs = try (0..<3).map { try Self.stay(site, $0) }
            for run in runs { #expect(try await run.line().hasPrefix(user == .root ? "/run/incfs/run/app-" : "\(site.directory)/run/incfs/run/app-")) }
            #expect(site.mounts.count == 1)
            // One is killed and gives nothing back by itself; one ends; the last still has its files.
            runs[0].signal(SIGKILL)
            _ = try await runs[0].finish()
            try await Self.call(site, 1)
            #expect(try await runs[1].finish().output.hasSuffix("same\n"))
            #expect(site.mounts.count == 1)
            try await Self.call(site, 2)
            #expect(try await runs[2].finish().output.hasSuffix("same\n"))
            try await eventually("the mount is gone", seconds: 20) { site.mounts.isEmpty ? true : nil }
            try await site.shell("pkill -9 -f '[b]in/stay' || true")
            try await CommandLineRunTests.nothingIsLeft(site)
        }
    }

    @Test(arguments: MountSite.User.allCases) func aReplacedDaemonKeepsSharedMountsForTheirUsers(_ user: MountSite.User) async throws {
        try await Self.withEntry(user) { site in
            let run = try Self.stay(site, 0)
            _ = try await run.line()
            let old = try await site.report().daemonPid
            kill(old, SIGKILL)
            try await eventually("another daemon serves", seconds: 30) { (try? await site.report()).map { $0.daemonPid != old && $0.mounts.count == 1 } == true ? true : nil }
            // A second run joins the mount that was restored.
            let second = try Self.stay(site, 1)
            _ = try await second.line()
            #expect(site.mounts.count == 1)
            for (number, child) in [run, second].enumerated() {
                try await Self.call(site, number)
                let end = try await child.finish(seconds: 30)
                #expect(end.status == 0 && end.output.hasSuffix("same\n"), "\(end)")
            }
            try await CommandLineRunTests.nothingIsLeft(site)
        }
    }

    /// Whoever kills all processes of a user leaves mounts without a daemon: they are told, and the same command works again.
    @Test(arguments: MountSite.User.allCases) func killingKeeperAndDaemonHindersNobodyLater(_ user: MountSite.User) async throws {
        try await Self.withEntry(user) { site in
            let run = try Self.stay(site, 0)
            let place = try await run.line()
            try await site.mount()
            let report = try await site.report()
            // Stopped first, so that neither sees the other's end.
            for pid in [report.keeperPid, report.daemonPid] { kill(pid, SIGSTOP) }
            for pid in [report.keeperPid, report.daemonPid] { kill(pid, SIGKILL) }
            try await eventually("both are gone") { site.processes.contains { $0.hasPrefix("incfsd") || $0.hasPrefix("incfs-keeper") } ? nil : true }
            try await Self.call(site, 0)
            #expect(try await run.finish(seconds: 30).status != 0)
            #expect(site.mounts.count == 2)
            let status = try await site.incfs("status")
            for place in [place, site.mountpoint.string] { #expect(status.contains("\(place)  \(site.output)/app.incfs\n  its daemon is gone"), "\(status)") }

            // Two at once: neither takes the other's new mount for the dead one.
            let again = try (1...2).map { try Self.stay(site, $0) }
            for run in again { #expect(try await run.line() == place) }
            for number in 1...2 { try await Self.call(site, number) }
            var ends: [ChildProcess.Result] = []
            for run in again { ends.append(try await run.finish(seconds: 30)) }
            #expect(ends.allSatisfy { $0.status == 0 && $0.output.hasSuffix("same\n") }, "\(ends)")
            #expect(ends.contains { $0.error.contains("the mount at \(place) had lost its daemon; it is unmounted") }, "\(ends)")
            try await site.mount()
            #expect(site.mounts == [site.mountpoint.string])
            try await site.incfs("unmount", site.mountpoint.string)
            try await CommandLineRunTests.nothingIsLeft(site)
        }
    }

    @Test(arguments: MountSite.User.allCases) func aFixedPlaceIsTheProgramsAlone(_ user: MountSite.User) async throws {
        try await Self.withEntry(user) { site in
            try await site.shell("mkdir -p /opt; ls -A /opt > \(site.directory)/home/before", as: .root)
            for place in ["/opt/incfs-app/deep", "/usr/share/incfs-test"] {
                let result = try await site.tryIncfs("run", "\(site.output)/app.incfs", "--at", place)
                let lines = Self.lines(result)
                #expect(result.status == 0 && lines.first?.hasPrefix("\(place)|/|\(place)/bin/app|") == true, "\(result)")
                #expect(lines.last.map { $0 + "\n" } == (try await site.shell("sha256sum < \(site.source)/data")))
                #expect(access(place, F_OK) != 0)
            }
            // Everything else is still there.
            let beside = try await site.tryIncfs("run", "\(site.output)/app.incfs", "--at", "/usr/share/incfs-test", "--program", "bin/app")
            #expect(beside.status == 0, "\(beside)")
            let nowhere = try await site.tryIncfs("run", "\(site.output)/app.incfs", "--at", "/incfs-nowhere")
            #expect(nowhere.status == 125 && nowhere.error.contains("/incfs-nowhere does not exist"), "\(nowhere)")
        }
    }

    @Test(arguments: MountSite.User.allCases) func theCurrentDirectoryIsKept(_ user: MountSite.User) async throws {
        try await Self.withEntry(user) { site in
            for options in ["", "--writable", "--at /usr/share/incfs-here", "--writable --at /usr/share/incfs-here"] {
                let result = try await site.startShell("cd \(site.directory)/home && exec \(site.programs)/incfs run \(site.output)/app.incfs \(options) -- x").finish()
                let fields = Self.lines(result).first?.split(separator: "|").map(String.init) ?? []
                #expect(result.status == 0 && fields.count == 4 && fields[1] == "\(site.directory)/home", "\(options): \(result)")
            }
        }
    }

    @Test func whoWaitsLongIsTold() async throws {
        try await Self.withEntry(.root) { site in
            let origin = try ControlledOrigin(root: site.directory)
            origin.rule { $0.path.hasSuffix(".incfs") ? .answer : .hold }
            do {
                // On a terminal, and only there.
                let run = try site.startShell("script -qec '\(site.programs)/incfs run \(origin.address)' /dev/null")
                try await eventually("a reader has waited", seconds: 30) { (try? await site.report())?.mounts.first?.waits.contains { $0.seconds > 3.5 } == true ? true : nil }
                origin.open()
                let said = try await run.finish(seconds: 30)
                #expect(said.status == 0 && said.output.contains("incfs: waiting for 127.0.0.1: bin/app"), "\(said)")
            } catch {
                origin.stop()
                throw error
            }
            origin.stop()
        }
    }

    @Test func filesThatCannotBeReadAreExplained() async throws {
        try await Self.withEntry(.root) { site in
            let origin = try ControlledOrigin(root: site.directory)
            // The program comes, its data does not: the second chunk is gone for good.
            try await site.shell("cd \(site.output); rm *.incfs *.pack* 2>/dev/null; true")
            try await site.incfs("publish", site.source.string, "-o", site.output.string, "--name", "app", "--entry", "bin/app", "--in-place")
            origin.rule { $0.path.hasSuffix("/data") ? .status(404) : .answer }
            let result = try await site.tryIncfs("run", origin.address)
            origin.stop()
            #expect(result.error.contains("could not be read") && result.error.contains("file   data") && result.error.contains("cause") && result.error.contains("do  "), "\(result)")
        }
    }

    /// A program of a package whose file `data` is gone for good; the others can be had.
    private static func withLostData(_ user: MountSite.User, _ body: @Sendable (MountSite, String) async throws -> Void) async throws {
        try await MountSite.with(user) { site in
            try site.addRandom("data", count: 300_000, seed: 1)
            try await site.shell(
                """
                cd \(site.source); mkdir bin; echo other > other
                printf '%s\\n' '#!/usr/bin/python3' 'import mmap, os, sys' 'print("mapped", flush=True)' \
                    'with open(os.environ["INCFS_ROOT"] + "/data", "rb") as f: print(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[8192])' > bin/map
                printf '#!/bin/sh\\n"$INCFS_ROOT/bin/map" & wait $!\\n' > bin/child
                printf '#!/bin/sh\\nread line < "$INCFS_ROOT/other"; echo $line; while [ ! -e "$1" ]; do sleep 0.05; done; kill -s "$2" $$\\n' > bin/stay
                chmod 755 bin/*; chown -R \(user) .
                """, as: .root)
            try await site.incfs("publish", site.source.string, "-o", site.output.string, "--name", "app", "--in-place")
            let origin = try ControlledOrigin(root: site.directory)
            defer { origin.stop() }
            origin.rule { $0.path.hasSuffix("/data") ? .status(404) : .answer }
            try await body(site, origin.address)
            try await CommandLineRunTests.nothingIsLeft(site)
        }
    }

    @Test(arguments: MountSite.User.allCases) func aProgramThatDiesOfSIGBUSIsToldWhichFileItWas(_ user: MountSite.User) async throws {
        try await Self.withLostData(user) { site, address in
            let result = try await site.tryIncfs("run", address, "--program", "bin/map")
            #expect(result.status == 128 + SIGBUS && result.output == "mapped\n", "\(result)")
            #expect(result.error.contains("/bin/map was ended by SIGBUS: a page of a mapped file could not be read.\n  file   data, from byte 8192 on\n  cause  "), "\(result)")
            #expect(result.error.contains("404") && result.error.contains("\n  do     try again; if it happens again, tell the publisher"), "\(result)")
            // A child's failed read is its program's.
            let child = try await site.tryIncfs("run", address, "--program", "bin/child")
            #expect(child.status == 128 + SIGBUS && child.error.contains("bin/child met files of its package that could not be read.\n  file   data, from byte 8192 on"), "\(child)")
        }
    }

    @Test func aRunIsNotToldOfReadsThatFailedForAnother() async throws {
        try await Self.withLostData(.root) { site, address in
            func stay(_ name: String, _ signal: String) throws -> ChildProcess {
                try site.startIncfs(["run", address, "--program", "bin/stay", "--", "\(site.directory)/home/\(name)", signal])
            }
            let quiet = try stay("quiet", "TERM"), bus = try stay("bus", "BUS")
            for run in [quiet, bus] { #expect(try await run.line() == "other") }
            let other = try await site.tryIncfs("run", address, "--program", "bin/map")
            #expect(other.status == 128 + SIGBUS, "\(other)")
            #expect(try await site.report().mounts.first?.errors.failedReads ?? 0 > 0)
            try await site.shell("touch \(site.directory)/home/quiet \(site.directory)/home/bus")
            let said = try await quiet.finish()
            #expect(said.status == 128 + SIGTERM && !said.error.contains("could not be read"), "\(said)")
            // What it died of was nothing of the package.
            let alone = try await bus.finish()
            #expect(alone.status == 128 + SIGBUS && alone.error.contains("was ended by SIGBUS") && alone.error.contains("cause  not the package: every read of it by this program was answered"), "\(alone)")
        }
    }
}
