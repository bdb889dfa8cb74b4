import Glibc
import LinuxSystem
import MountTesting
import Testing

/// Exit statuses that need a real mount, device or disk. The others: 2 in `CommandLineTests/ParseTests`, 3 and 4 in
/// `RefusedMountTests`, 125 to 127 in `CommandLineRunTests`.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ExitStatusTests {
    @Test func fiveWithoutTheRightToTheDevice() async throws {
        try await MountSite.with(.nobody) { site in
            try site.addRandom("f", count: 4096, seed: 1)
            try await site.publish()
            try await site.shell("chmod 0600 /dev/fuse", as: .root)
            let result = try await site.tryIncfs("mount", "\(site.output)/app.incfs", site.mountpoint.string)
            #expect(result.status == 5 && result.error.contains("/dev/fuse"), "\(result)")
            // A mount point of somebody else.
            try await site.shell("chmod 0666 /dev/fuse; mkdir -m 700 \(site.directory)/roots", as: .root)
            let closed = try await site.tryIncfs("mount", "\(site.output)/app.incfs", "\(site.directory)/roots")
            #expect(closed.status == 5, "\(closed)")
            #expect(site.mounts == [])
        }
    }

    @Test func sixWhereTheDiskIsFull() async throws {
        try await MountSite.with { site in
            try site.addRandom("f", count: 1 << 20, seed: 1)
            try await site.publish()
            let small = "\(site.directory)/small"
            try await site.shell("mkdir \(small); mount -t tmpfs -o size=64k,mode=700 tmpfs \(small); cat /dev/zero > \(small)/ballast || true")
            let full = try await site.tryIncfs("mount", "\(site.output)/app.incfs", site.mountpoint.string, "--store", small)
            #expect(full.status == 6 && full.error.contains(small), "\(full)")
            let published = try await site.tryIncfs("publish", site.source.string, "-o", small)
            #expect(published.status == 6, "\(published)")
            let readOnly = try await site.shell("mount -o remount,ro \(small) && echo done")
            #expect(readOnly == "done\n")
            let nowhere = try await site.tryIncfs("mount", "\(site.output)/app.incfs", site.mountpoint.string, "--store", "\(small)/store")
            #expect(nowhere.status == 6, "\(nowhere)")
            #expect(site.mounts == [])
            try await eventually("no process is left; there are \(site.processes)", seconds: 20) { site.processes.isEmpty ? true : nil }
        }
    }

    @Test func sevenWhenTheTimeIsOver() async throws {
        let origin = try ControlledOrigin(root: "/tmp")
        defer { origin.stop() }
        try await MountSite.with { site in
            try site.addRandom("f", count: 1 << 20, seed: 1)
            try await site.publish()
            origin.rule { $0.path.hasSuffix(".incfs") ? .answer : .hold }
            try await site.mount("http://127.0.0.1:\(origin.port)/\(site.directory.lastComponent!.string)/out/app.incfs")
            let late = try await site.tryIncfs("wait", site.mountpoint.string, "--complete", "--timeout", "0.2", "--quiet")
            #expect(late.status == 7 && late.output.isEmpty && late.error.split(separator: "\n").count <= 2, "\(late)")
            try await site.incfs("unmount", site.mountpoint.string)
        }
    }
}
