import ControlAPI
import Glibc
import LinuxSystem
import MountTesting
import Testing

/// Programs that write beside themselves: what they write is kept, the package stays as it is.
@Suite(.serialized, .timeLimit(.minutes(3))) struct WritableTests {
    /// Publishes what a script made in the source directory; `entry` is its program.
    static func withProgram(_ user: MountSite.User, _ script: String, entry: String, _ body: @Sendable (MountSite) async throws -> Void) async throws {
        try await MountSite.with(user) { site in
            try await site.shell("cd \(site.source)\n\(script)", seconds: 120)
            try await site.incfs("publish", site.source.string, "-o", site.output.string, "--name", "app", "--entry", entry)
            try await body(site)
        }
    }

    static func run(_ site: MountSite, _ options: String...) async throws -> ChildProcess.Result { try await site.startIncfs(["run", "\(site.output)/app.incfs"] + options).finish() }

    @Test(arguments: MountSite.User.allCases) func aPythonTreeKeepsWhatItCompiled(_ user: MountSite.User) async throws {
        let script = """
            mkdir bin lib
            printf '#!/bin/sh\\nexport PYTHONPATH="$INCFS_ROOT/lib"\\nexec /usr/bin/python3 -m app\\n' > bin/app; chmod 755 bin/app
            mkdir lib/app
            echo 'VALUE = 41' > lib/app/part.py
            printf 'import os, app.part\\nprint(app.part.VALUE + 1, os.path.isfile(app.part.__cached__))\\n' > lib/app/__main__.py
            touch lib/app/__init__.py
            """
        try await Self.withProgram(user, script, entry: "bin/app") { site in
            // Without a writable layer nothing is compiled into the package.
            #expect(try await Self.run(site).output == "42 False\n")
            for _ in 0..<2 {
                let result = try await Self.run(site, "--writable")
                #expect(result.status == 0 && result.output == "42 True\n", "\(result)")
            }
            #expect(try await site.shell("find \(site.store)/writable -name '*.pyc' | wc -l") != "0\n")
            #expect(try await Self.run(site).output == "42 False\n")
            #expect(try await site.shell("find \(site.source) -name '*.pyc' | wc -l") == "0\n")
        }
    }

    @Test(arguments: MountSite.User.allCases) func aJavaProgramKeepsItsStateBesideItsJar(_ user: MountSite.User) async throws {
        let script = """
            mkdir bin lib
            cat > State.java <<'END'
            import java.nio.file.*;
            public class State {
                public static void main(String[] words) throws Exception {
                    Path place = Path.of(State.class.getProtectionDomain().getCodeSource().getLocation().toURI()).resolveSibling("state.txt");
                    Files.writeString(place, "run\\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                    System.out.println(Files.readAllLines(place).size());
                }
            }
            END
            javac -d classes State.java && jar cfe lib/state.jar State -C classes . && rm -r classes
            printf '#!/bin/sh\\nexec java -XX:-UsePerfData -jar "$INCFS_ROOT/lib/state.jar"\\n' > bin/app; chmod 755 bin/app
            """
        try await Self.withProgram(user, script, entry: "bin/app") { site in
            for count in 1...2 {
                let result = try await Self.run(site, "--writable=\(site.directory)/home/kept")
                #expect(result.status == 0 && result.output == "\(count)\n", "\(result)")
            }
            #expect(try await site.shell("cat \(site.directory)/home/kept/upper/lib/state.txt") == "run\nrun\n")
            let readOnly = try await Self.run(site)
            #expect(readOnly.status != 0 && readOnly.error.contains("Read-only file system"), "\(readOnly)")
            // At a fixed place as well.
            #expect(try await Self.run(site, "--writable=\(site.directory)/home/kept", "--at", "/usr/share/incfs-state").output == "3\n")
        }
    }

    @Test(arguments: MountSite.User.allCases) func aLayerHasOneProgramAtATime(_ user: MountSite.User) async throws {
        let script = "mkdir bin; printf '#!/bin/sh\\necho ready; while [ ! -e \"$1\" ]; do sleep 0.05; done; echo x > \"$INCFS_ROOT/kept\"\\n' > bin/app; chmod 755 bin/app"
        try await Self.withProgram(user, script, entry: "bin/app") { site in
            let go = "\(site.directory)/home/go"
            let first = try site.startIncfs(["run", "\(site.output)/app.incfs", "--writable", "--", go])
            #expect(try await first.line() == "ready")
            let second = try await Self.run(site, "--writable", "--", go)
            #expect(second.status == 125 && second.error.contains("Another program or mount writes over this package"), "\(second)")
            try await site.shell("touch \(go)")
            #expect(try await first.finish().status == 0)
            #expect(try await Self.run(site, "--writable", "--", go).status == 0)
        }
    }

    @Test func aLayerIsAMountsOrAProgramsButNotBoth() async throws {
        let script = "mkdir bin; printf '#!/bin/sh\\necho ready; while [ ! -e \"$1\" ]; do sleep 0.05; done\\n' > bin/app; chmod 755 bin/app"
        try await Self.withProgram(.root, script, entry: "bin/app") { site in
            let go = "\(site.directory)/home/go"
            // A mount has it: neither a run nor another mount gets it; a run that writes elsewhere or not at all is free.
            try await site.mount(nil, "--writable")
            let refused = try await Self.run(site, "--writable", "--", go)
            #expect(refused.status == 125 && refused.error.contains("Another program or mount writes over this package"), "\(refused)")
            try await site.shell("mkdir \(site.directory)/second; touch \(go)")
            let second = try await site.tryIncfs("mount", "\(site.output)/app.incfs", "\(site.directory)/second", "--writable")
            #expect(second.status == 1 && second.error.contains("Another program or mount writes over this package"), "\(second)")
            #expect(site.mounts == [site.mountpoint.string])
            #expect(try await Self.run(site, "--writable=\(site.directory)/home/elsewhere", "--", go).status == 0)
            #expect(try await Self.run(site, "--", go).status == 0)
            // The daemon that had it is replaced: its successor has it, and in between nobody else can take it.
            let running = try await site.report()
            let old = running.daemonPid
            let layer = try #require(LayerDirectory.all(inStore: site.store).first)
            kill(running.keeperPid, SIGSTOP)
            kill(old, SIGKILL)
            try await eventually("the daemon has ended") { try String(decoding: SystemCalls.contents(of: FilePath("/proc/\(old)/stat")), as: UTF8.self).contains(") Z ") ? true : nil }
            #expect(layer.isClaimed)
            kill(running.keeperPid, SIGCONT)
            try await eventually("another daemon serves", seconds: 30) { (try? await site.report()).map { $0.daemonPid != old && $0.mounts.count == 1 } == true ? true : nil }
            #expect(try await Self.run(site, "--writable", "--", go).status == 125)
            try await site.incfs("unmount", site.mountpoint.string)
            #expect(!layer.isClaimed)
            // A run has it: a mount does not get it, and leaves nothing behind.
            try await site.shell("rm \(go)")
            let run = try site.startIncfs(["run", "\(site.output)/app.incfs", "--writable", "--", go])
            #expect(try await run.line() == "ready")
            let mount = try await site.tryIncfs("mount", "\(site.output)/app.incfs", site.mountpoint.string, "--writable")
            #expect(mount.status == 1 && mount.error.contains("Another program or mount writes over this package"), "\(mount)")
            #expect(!site.mounts.contains(site.mountpoint.string))
            try await site.shell("touch \(go)")
            #expect(try await run.finish().status == 0)
            try await site.mount(nil, "--writable")
            try await site.incfs("unmount", site.mountpoint.string)
        }
    }

    @Test(arguments: MountSite.User.allCases) func whatWasWrittenIsShownAndRemovedByNameAlone(_ user: MountSite.User) async throws {
        let script = "mkdir bin; printf '#!/bin/sh\\nhead -c 100000 /dev/urandom > \"$INCFS_ROOT/kept\"; echo ready; while [ ! -e \"$1\" ]; do sleep 0.05; done\\n' > bin/app; chmod 755 bin/app"
        try await Self.withProgram(user, script, entry: "bin/app") { site in
            let go = "\(site.directory)/home/go"
            let runs = try ["--writable", "--writable=\(site.directory)/home/elsewhere"].map { try site.startIncfs(["run", "\(site.output)/app.incfs", $0, "--", go]) }
            for run in runs { #expect(try await run.line() == "ready") }
            let layers = try await site.report().mounts[0].layers
            #expect(layers.count == 2 && layers.contains("\(site.directory)/home/elsewhere") && layers.contains { $0.hasPrefix("\(site.store)/writable/app-") }, "\(layers)")
            #expect(try await site.incfs("status").contains("  written  kept in \(site.store)/writable/app-"))
            var list = try await StoreCommandTests.list(site)
            #expect(list.layers.count == 1 && list.layers[0].used && list.layers[0].bytes >= 100_000 && layers.contains(list.layers[0].directory), "\(list.layers)")
            #expect(try await site.incfs("store", "list").contains("Written over \(list.layers[0].name): "))
            let refused = try await site.tryIncfs("store", "remove", "--written", "app")
            #expect(refused.status != 0 && refused.error.contains("writes to \(list.layers[0].directory) now"), "\(refused)")
            try await site.shell("touch \(go)")
            for run in runs { #expect(try await run.finish().status == 0) }

            // Packages go, what was written stays until it is named.
            try await site.incfs("store", "remove", "--unused")
            list = try await StoreCommandTests.list(site)
            #expect(list.packages == [] && list.layers.count == 1 && !list.layers[0].used && list.layers[0].bytes >= 100_000, "\(list)")
            let left = try await site.incfs("uninstall")
            #expect(left.contains("what programs have written over packages:\n  \(list.layers[0].directory)/upper  ("), "\(left)")
            #expect(try await site.tryIncfs("store", "remove", "--written", "other").status == 2)
            let both = try await site.tryIncfs("store", "remove", "--written", "--unused")
            #expect(both.status == 2 && both.error.contains("by name only"), "\(both)")
            #expect(try await site.incfs("store", "remove", "--written", "app").contains("Removed what was written in \(list.layers[0].directory)."))
            #expect(try await StoreCommandTests.list(site).layers == [])
            #expect(access(list.layers[0].directory, F_OK) != 0)
            // And is made anew.
            #expect(try await Self.run(site, "--writable", "--", go).status == 0)
        }
    }

    @Test func aMountOfRootsIsWritableForAllWhoMay() async throws {
        try await MountSite.with { site in
            try site.addRandom("data", count: 100_000, seed: 1)
            try await site.publish()
            for round in 1...2 {
                try await site.mount(nil, "--writable")
                #expect(try await site.shell("echo \(round) >> \(site.mountpoint)/new; wc -l < \(site.mountpoint)/new") == "\(round)\n")
                try await site.shell("echo changed > \(site.mountpoint)/data")
                #expect(try await site.status().layers.map { $0.hasPrefix("\(site.store)/writable/app-") } == [true])
                try await site.incfs("unmount", site.mountpoint.string)
                #expect(site.mounts == [])
                #expect(try await site.shell("grep -c ' \(site.mountpoint) ' /proc/self/mountinfo || true") == "0\n")
            }
            // The package itself is what it was.
            try await site.mount()
            #expect(try await site.shell("ls \(site.mountpoint)") == "data\n")
            #expect(try await site.shell("stat -c %s \(site.mountpoint)/data") == "100000\n")
        }
    }

    @Test func anOrdinaryUserIsToldWhatWorks() async throws {
        try await MountSite.with(.nobody) { site in
            try site.addRandom("data", count: 1000, seed: 1)
            try await site.publish()
            let refused = try await site.tryIncfs("mount", "\(site.output)/app.incfs", site.mountpoint.string, "--writable")
            #expect(refused.status == 5 && refused.error.contains("incfs run --writable"), "\(refused)")
            #expect(site.mounts == [])
        }
    }
}
