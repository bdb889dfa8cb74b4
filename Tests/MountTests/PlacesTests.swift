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
