import Glibc
import LinuxSystem
import MountTesting
import Testing

/// Where the store may lie, and what the modes are of what is made.
@Suite(.serialized, .timeLimit(.minutes(2))) struct PlacesTests {
    @Test func aFileSystemWithoutGapsIsRefused() async throws {
        try await MountSite.with { site in
            try site.addRandom("f", count: 1 << 20, seed: 1)
            try await site.publish()
            let image = "\(site.directory)/disk", place = "\(site.directory)/exfat"
            try await site.shell("truncate -s 40M \(image); mkfs.exfat \(image) >/dev/null; mkdir \(place); device=$(losetup -f --show \(image)); mount.exfat-fuse $device \(place); losetup -d $device")
            let refused = try await site.tryIncfs("mount", "\(site.output)/app.incfs", site.mountpoint.string, "--store", "\(place)/store")
            #expect(refused.status == 6, "\(refused)")
            #expect(refused.error.contains("cannot keep files with gaps (fuseblk)") && refused.error.contains("--store DIR"), "\(refused)")
            try await site.shell("umount \(place); rmdir \(place)")
            #expect(!site.processes.contains { $0.hasPrefix("incfs") } && site.mounts == [])
        }
    }

    @Test(arguments: MountSite.User.allCases) func oneOfOurOwnMountsIsRefused(_ user: MountSite.User) async throws {
        try await MountSite.with(user) { site in
            try site.addRandom("f", count: 1 << 20, seed: 1)
            try await site.shell("mkdir \(site.source)/dir")
            try await site.publish()
            try await site.mount()
            for place in ["\(site.mountpoint)/dir", "\(site.mountpoint)/new/store"] {
                let refused = try await site.tryIncfs("store", "list", "--store", place)
                #expect(refused.status == 6 && refused.error.contains("on a mount of incfs (\(site.mountpoint))"), "\(refused)")
            }
            // Nor is a mount made over the store.
            try await site.incfs("unmount", site.mountpoint.string)
            for place in [site.store, site.store.removingLastComponent()] {
                let refused = try await site.tryIncfs("mount", "\(site.output)/app.incfs", place.string)
                #expect(refused.status != 0 && refused.error.contains("would cover the store"), "\(refused)")
            }
            #expect(site.mounts == [])
        }
    }

    @Test(arguments: MountSite.User.allCases) func defaultPlacesArePrivate(_ user: MountSite.User) async throws {
        try await MountSite.with(user) { site in
            try site.addRandom("f", count: 1 << 20, seed: 1)
            try await site.publish()
            // /var/cache of the site.
            try await site.shell("mount -t tmpfs x /var/cache", as: .root)
            let store = user == .root ? "/var/cache/incfs" : "\(site.directory)/home/.cache/incfs"
            for (variables, place) in [(["INCFS_STORE": ""], store), (["INCFS_STORE": "\(site.store)/deep/er"], "\(site.store)/deep/er")] {
                let result = try await site.start("\(site.programs)/incfs", ["mount", "\(site.output)/app.incfs", site.mountpoint.string], environment: variables).finish()
                #expect(result.status == 0, "\(result)")
                #expect(try await site.shell("stat -c '%a %U' \(place)") == "700 \(user)\n")
                #expect(try await site.shell("ls \(place)").contains("objects"))
                let sockets = user == .root ? "/run/incfs" : "\(site.directory)/run/incfs"
                #expect(try await site.shell("stat -c %a \(sockets); stat -c %a \(sockets)/*.sock") == "700\n600\n")
                #expect(site.log.contains("mounted \(site.mountpoint)"))
                try await site.incfs("stop")
            }
        }
    }

    /// Receives what the journal would, and writes each datagram as a line of JSON.
    private static let receiver = """
        import json, os, socket, sys
        os.makedirs("/run/systemd/journal", exist_ok=True)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind("/run/systemd/journal/socket"); os.chmod("/run/systemd/journal/socket", 0o666)
        t = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        t.bind("/run/systemd/journal/stdout"); os.chmod("/run/systemd/journal/stdout", 0o666); t.listen()
        print("ready", flush=True)
        while True: print(json.dumps(s.recv(65536).decode("utf-8")), flush=True)
        """

    @Test(arguments: MountSite.User.allCases) func theJournalIsLoggedToWhereThereIsOne(_ user: MountSite.User) async throws {
        try await MountSite.with(user) { site in
            try site.addRandom("f", count: 1 << 20, seed: 1)
            try await site.publish()
            try await site.shell("cat > \(site.directory)/receive.py <<'END'\n\(Self.receiver)\nEND\nchmod 755 \(site.directory)/run; mkdir -p /run/systemd/journal", as: .root)
            let receiver = try site.startShell("exec python3 \(site.directory)/receive.py > \(site.directory)/received", as: .root)
            @Sendable func received() -> String { (try? SystemCalls.contents(of: site.directory.appending("received"))).map { String(decoding: $0, as: UTF8.self) } ?? "" }
            try await eventually("the journal receives", seconds: 20) { received().hasPrefix("ready") ? true : nil }
            let mount = "\(site.programs)/incfs mount \(site.output)/app.incfs \(site.mountpoint)"
            if user == .nobody {
                // A user's command logs to the file, unless a service of systemd runs it: then its output is the journal's.
                try await site.shell(mount)
                #expect(site.log.contains("mounted \(site.mountpoint)") && !received().contains("incfs"))
                try await site.incfs("stop")
                try await site.shell(": > \(site.directory)/home/incfs/log; exec 2> \(site.directory)/home/stream; JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) \(mount)")
            } else { try await site.shell(mount) }
            try await eventually("keeper and daemon have said something", seconds: 20) {
                let text = received()
                return text.contains("PRIORITY=6\\nSYSLOG_IDENTIFIER=incfs-keeper\\n") && text.contains("MESSAGE=mounted \(site.mountpoint)") ? true : nil
            }
            #expect(site.log == "")
            // The daemon's own words, and the error of whom it does not answer.
            let report = try await site.report()
            try await site.incfs("unmount", site.mountpoint.string)
            try await eventually("the daemon has said something", seconds: 20) { received().contains("SYSLOG_IDENTIFIER=incfsd\\nSYSLOG_PID=\(report.daemonPid)\\nMESSAGE=\(site.mountpoint): unmounted") ? true : nil }
            kill(report.keeperPid, SIGSTOP)
            kill(report.daemonPid, SIGSTOP)
            let silent = try await site.startIncfs(["mount", "\(site.output)/app.incfs", site.mountpoint.string]).finish(seconds: 60)
            kill(report.keeperPid, SIGCONT)
            kill(report.daemonPid, SIGCONT)
            #expect(silent.status != 0 && silent.error.contains("journalctl -t incfsd -t incfs-keeper"), "\(silent)")
            receiver.signal(SIGKILL)
            _ = try await receiver.finish()
        }
    }

    @Test func errorsAboutTheDaemonNameItsLog() async throws {
        try await MountSite.with { site in
            try site.addRandom("f", count: 1 << 20, seed: 1)
            try await site.publish()
            try await site.mount()
            let report = try await site.report()
            kill(report.keeperPid, SIGSTOP)
            kill(report.daemonPid, SIGSTOP)
            try await site.shell("mkdir \(site.directory)/other")
            let silent = try await site.startIncfs(["mount", "\(site.output)/app.incfs", "\(site.directory)/other"]).finish(seconds: 60)
            kill(report.keeperPid, SIGCONT)
            kill(report.daemonPid, SIGCONT)
            #expect(silent.status != 0 && silent.error.contains("/var/log/incfs.log"), "\(silent)")
        }
    }
}
