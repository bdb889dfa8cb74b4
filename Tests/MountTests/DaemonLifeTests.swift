import ControlAPI
import Glibc
import LinuxSystem
import MountTesting
import TestOrigins
import Testing

/// When the daemon begins and when it ends.
@Suite(.serialized, .timeLimit(.minutes(4))) struct DaemonLifeTests {
    @Test(arguments: MountSite.User.allCases) func survivesTheTerminalAndStops(_ user: MountSite.User) async throws {
        try await MountSite.with(user) { site in
            try site.addRandom("f", count: 1 << 20, seed: 1)
            try await site.publish()
            // A terminal that hangs up: script(1) closes it when the command has ended.
            let said = try await site.shell("script -qec '\(site.programs)/incfs mount \(site.output)/app.incfs \(site.mountpoint)' /dev/null </dev/null")
            #expect(said.contains("is mounted at"), "\(said)")
            let report = try await site.report()
            for pid in [report.keeperPid, report.daemonPid] {
                let words = try await site.shell("ps -o tty=,sid= -p \(pid)", as: .root).split(separator: " ").map { String($0.filter { $0 != "\n" }) }
                #expect(words == ["?", "\(report.keeperPid)"], "process \(pid): \(words)")
                kill(pid, SIGHUP)
            }
            #expect(try await site.read("read", "f", length: 1 << 20) == "same")
            #expect(try await site.report().daemonPid == report.daemonPid)

            // In use: nothing is stopped, and the error says by what it can be found.
            let reader = try site.start("/bin/sh", ["-c", "cd \(site.mountpoint); exec sleep 60"])
            try await eventually("somebody is inside") { site.processes.contains("sleep") ? true : nil }
            let busy = try await site.tryIncfs("stop")
            #expect(busy.status != 0 && busy.error.contains("is in use"), "\(busy)")
            #expect(try await site.report().daemonPid == report.daemonPid)
            try await site.incfs("stop", "--lazy")
            #expect(site.mounts == [])
            kill(reader.pid, SIGKILL)
            _ = try await reader.finish()
            #expect(!site.processes.contains { $0.hasPrefix("incfs") }, "\(site.processes)")
            #expect(try await site.incfs("stop") == "")
        }
    }

    @Test func endsHalfAMinuteAfterTheLastUnmount() async throws {
        try await MountSite.with { site in
            try site.addRandom("f", count: 1 << 20, seed: 1)
            try await site.publish()
            let mounted = try await site.start("\(site.programs)/incfs", ["mount", "\(site.output)/app.incfs", site.mountpoint.string], environment: ["INCFS_LINGER": ""]).finish()
            #expect(mounted.status == 0, "\(mounted)")
            try await site.incfs("unmount", site.mountpoint.string)
            let start = MonotonicTime.now
            try await eventually("no process is left", seconds: 150) { site.processes.isEmpty ? true : nil }
            #expect(MonotonicTime.now.since(start) > 25_000_000_000)
        }
    }

    @Test func aStoreHasOneDaemon() async throws {
        try await MountSite.with { site in
            try site.addRandom("f", count: 1 << 20, seed: 1)
            try await site.publish()
            try await site.mount()
            let keeper = try await site.report().keeperPid
            // Another user's command, on the same store.
            try await site.shell("mkdir -m 700 \(site.directory)/run2; chown nobody \(site.directory)/run2; chmod -R a+rwX \(site.store); mkdir -m 777 \(site.directory)/mnt2", as: .root)
            let other = try await site.start(
                "\(site.programs)/incfs", ["mount", "\(site.output)/app.incfs", "\(site.directory)/mnt2"], as: .nobody, environment: ["XDG_RUNTIME_DIR": "\(site.directory)/run2"]).finish()
            #expect(other.status != 0 && other.error.contains("The store \(site.store) is in use by another daemon (process \(keeper), socket /run/incfs/"), "\(other)")
            #expect(other.error.contains("incfs stop") && other.error.contains("--store"), "\(other)")
            #expect(site.mounts == [site.mountpoint.string])
        }
    }

    /// A package of 4 MiB that takes seconds, mounted and at once unmounted; `body` gets the blocks that were there then.
    static func afterAnEarlyUnmount(_ options: [String], _ user: MountSite.User = .root, _ body: @Sendable (MountSite, Nginx) async throws -> Void) async throws {
        let nginx = try Nginx(extra: "limit_rate 300k;")
        defer { nginx.stop() }
        try await MountSite.with(user) { site in
            for i in 0..<4 { try site.addRandom("f\(i)", count: 1 << 20, seed: UInt64(i + 1)) }
            try await site.publish()
            try await site.shell("cp -r \(site.output)/app* \(nginx.root)", as: .root)
            try await site.incfs(["mount", nginx.address("/app.incfs"), site.mountpoint.string] + options)
            try await site.incfs("unmount", site.mountpoint.string)
            #expect(site.mounts == [])
            try await body(site, nginx)
        }
    }

    @Test func theFillStopsWithTheLastUnmount() async throws {
        try await Self.afterAnEarlyUnmount([]) { site, _ in
            #expect(try await site.report().fills == nil)
            let first = try await StoreCommandTests.list(site).packages[0]
            try await Task.sleep(for: .seconds(2))
            let second = try await StoreCommandTests.list(site).packages[0]
            #expect(!second.complete && second.bytesStored == first.bytesStored && !second.filling)
        }
    }

    @Test(arguments: MountSite.User.allCases) func theFillGoesOnWhereThatIsWanted(_ user: MountSite.User) async throws {
        try await Self.afterAnEarlyUnmount(["--keep-filling"], user) { site, nginx in
            let fill = try #require(try await site.report().fills?.first)
            #expect(fill.name == "app" && fill.blocksTotal == 1024 && fill.blocksPresent < 1024)
            #expect(try await site.incfs("status").contains("app"))
            #expect(try await StoreCommandTests.list(site).packages[0].filling)
            // Longer than the daemon lingers: it stays for the fill.
            try await eventually("the fill has ended", seconds: 60) { try await site.report().fills == nil ? true : nil }
            #expect(try await StoreCommandTests.list(site).packages[0].complete)
            nginx.interrupt()
            try await site.mount(nginx.address("/app.incfs"))
            #expect(try await site.read("read", "f3", length: 1 << 20) == "same")
            try await site.incfs("unmount", site.mountpoint.string)
            try await eventually("no process is left", seconds: 50) { site.processes.isEmpty ? true : nil }
        }
    }

    @Test(arguments: MountSite.User.allCases) func aFillThatIsWantedOutlivesItsDaemon(_ user: MountSite.User) async throws {
        try await Self.afterAnEarlyUnmount(["--keep-filling"], user) { site, nginx in
            let before = try await site.report()
            let present = try #require(before.fills?.first).blocksPresent
            kill(before.daemonPid, SIGKILL)
            // Nobody asks for anything: the keeper starts a daemon, and that one goes on by itself.
            let after = try await eventually("another daemon fetches", seconds: 30) { () -> StatusReport? in
                guard let report = try? await site.report(), report.daemonPid != before.daemonPid, report.fills?.isEmpty == false else { return nil }
                return report
            }
            #expect(after.mounts.isEmpty && after.fills?.first?.name == "app" && present < 1024)
            #expect(try await site.shell("stat -c '%a %U' \(site.directory)/run/incfs/*.fills/*") == "600 \(user)\n")
            try await eventually("the fill has ended", seconds: 60) { try await site.report().fills == nil ? true : nil }
            #expect(try await StoreCommandTests.list(site).packages[0].complete)
            try await eventually("the wish is forgotten", seconds: 20) { (try? SystemCalls.list(site.directory.appending("run/incfs")))?.contains { String(decoding: $0, as: UTF8.self).hasSuffix(".fills") } == false ? true : nil }
            try await eventually("no process is left", seconds: 50) { site.processes.isEmpty ? true : nil }
        }
    }

    @Test func aMountTakesAFillOverAndStopEndsOne() async throws {
        try await Self.afterAnEarlyUnmount(["--keep-filling"]) { site, nginx in
            #expect(try await site.report().fills != nil)
            try await site.incfs("mount", nginx.address("/app.incfs"), site.mountpoint.string, "--keep-filling")
            #expect(try await site.report().fills == nil)
            try await site.incfs("unmount", site.mountpoint.string)
            #expect(try await site.report().fills?.count == 1)
            try await site.incfs("stop")
            #expect(site.processes.isEmpty, "\(site.processes)")
            // What was stopped is not begun again.
            #expect(try await StoreCommandTests.list(site).packages[0].filling == false)
        }
    }

    @Test(arguments: MountSite.User.allCases) func uninstallEndsEverythingAndSaysWhatIsLeft(_ user: MountSite.User) async throws {
        try await MountSite.with(user) { site in
            try site.addRandom("f", count: 1 << 20, seed: 1)
            try await site.publish()
            try await site.mount()
            let said = try await site.incfs("uninstall")
            #expect(site.mounts == [] && site.processes.isEmpty)
            #expect(said.contains("Unmounted \(site.mountpoint).") && said.contains("Stopped 1 daemon."), "\(said)")
            let line = try #require(said.split(separator: "\n").last.map(String.init))
            #expect(line.contains("rm -rf ") && line.contains("'\(site.store)'"), "\(said)")
            // The command that it prints leaves nothing.
            try await site.shell(line.replacing("'\(site.store)'", with: "\(site.store)/*"))
            let again = try await site.incfs("uninstall", "--store", "\(site.directory)/none")
            #expect(again.contains("Nothing is left"), "\(again)")
        }
    }

    /// What the printed command removes is not what a mount of a backing directory needs.
    @Test func uninstallNamesMountsOfBackingDirectoriesAndLeavesThemWhatTheyNeed() async throws {
        try await MountSite.with { site in
            try await site.shell("mkdir \(site.directory)/back")
            try await site.incfs("mount", "--backing", "\(site.directory)/back", site.mountpoint.string)
            let said = try await site.incfs("uninstall")
            #expect(said.contains("Still mounted: \(site.mountpoint). End it with: incfs unmount '\(site.mountpoint)'\n") && !said.contains("'/run/incfs'"), "\(said)")
            #expect(try await site.incfs("status").contains("\(site.mountpoint)"))
            try await site.incfs("unmount", site.mountpoint.string)
            try await eventually("its daemon has ended") { try await site.incfs("uninstall").contains("'/run/incfs'") ? true : nil }
        }
    }
}
