import ControlAPI
import FoundationEssentials
import Glibc
import LinuxSystem
import MountTesting
import Testing

/// `incfs store list` and `remove`, with and without a daemon, and cut off in the middle.
@Suite(.serialized, .timeLimit(.minutes(3))) struct StoreCommandTests {
    /// Packages `app` and `other`, which share a file and small files; each has some of its own.
    static func withPackages(_ user: MountSite.User, _ body: @Sendable (MountSite, _ app: String, _ other: String) async throws -> Void) async throws {
        try await MountSite.with(user) { site in
            try site.addRandom("shared", count: 2 << 20, seed: 1)
            for i in 0..<20 { try site.addRandom("small\(i)", count: 2000 + i, seed: UInt64(50 + i)) }
            try await site.shell("cp -r \(site.source) \(site.output)/src2")
            try site.addRandom("app-only", count: 3 << 20, seed: 2)
            try await site.publish()
            try await site.shell("cd \(site.output)/src2; head -c 1500000 /dev/urandom > other-only; head -c 3000 /dev/urandom > little")
            try await site.incfs("publish", "\(site.output)/src2", "-o", site.output.string, "--name", "other", "--release", "7", "--in-place")
            try await body(site, "\(site.output)/app.incfs", "\(site.output)/other.incfs")
        }
    }

    static func list(_ site: MountSite) async throws -> StoreReport {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(StoreReport.self, from: Data(try await site.incfs("store", "list", "--json").utf8))
    }

    static func complete(_ site: MountSite, _ address: String) async throws {
        try await site.mount(address)
        try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "60")
    }

    static func bytesOnDisk(_ site: MountSite) async throws -> Int { Int(try await site.shell("du -sk \(site.store)/objects \(site.store)/partial \(site.store)/slabs | awk '{n += $1} END {print n}'").filter(\.isNumber)) ?? -1 }

    @Test(arguments: MountSite.User.allCases) func listsAndRemovesWithAndWithoutADaemon(_ user: MountSite.User) async throws {
        try await Self.withPackages(user) { site, app, other in
            let before = Int64(time(nil))
            #expect(try await site.incfs("store", "list").hasPrefix("The store is empty"))
            try await Self.complete(site, other)
            try await site.incfs("unmount", site.mountpoint.string)
            try await site.mount(app, "--no-fill")
            // A piece of it, lest the package become complete.
            #expect(try await site.read("pread", "app-only", length: 4096) == "same")

            var report = try await Self.list(site)
            #expect(report.store == site.store.string && report.bytesTotal > report.bytesFree && report.bytesFree > 0)
            #expect(report.packages.map(\.name) == ["app", "other"])
            #expect(report.packages.map(\.complete) == [false, true])
            #expect(report.packages.map(\.mountpoints) == [[site.mountpoint.string], []])
            #expect(report.packages.allSatisfy { $0.lastUse >= before && $0.lastUse <= Int64(time(nil)) + 1 })
            #expect(report.packages[1].bytesStored >= 3_500_000 && report.packages[1].release == "7")
            let text = try await site.incfs("store", "list")
            #expect(text.contains("NAME") && text.contains(site.mountpoint.string) && text.contains(String(report.packages[1].root.prefix(12))), "\(text)")

            // What is mounted stays, and nothing of a refused removal happens.
            let refused = try await site.tryIncfs("store", "remove", "other", "app")
            #expect(refused.status != 0 && refused.error.contains("app 1 is mounted at \(site.mountpoint)"), "\(refused)")
            let unknown = try await site.tryIncfs("store", "remove", "nothing")
            #expect(unknown.status == 2 && unknown.error.contains("has no package “nothing”"), "\(unknown)")
            #expect(try await Self.list(site).packages.count == 2)

            // With a daemon that serves another package, which shares content: that stays.
            let removed = try await site.incfs("store", "remove", "other")
            #expect(removed.hasPrefix("Removed other 7.\n") && removed.contains("free again"), "\(removed)")
            #expect(try await Self.list(site).packages.map(\.name) == ["app"])
            #expect(try await site.read("shared", "shared", length: 2 << 20) == "same")
            #expect(try await site.incfs("verify", site.mountpoint.string).hasPrefix("All is well"))
            #expect(try await site.status().blocksPresent >= 512 + 32)

            // Without a daemon: by the digest, and then there is nothing.
            report = try await Self.list(site)
            try await site.incfs("stop")
            #expect(site.processes.isEmpty && site.mounts == [])
            try await site.incfs("store", "remove", String(report.packages[0].root.prefix(8)))
            #expect(try await Self.list(site).packages.isEmpty)
            #expect(try await site.shell("find \(site.store)/objects \(site.store)/partial \(site.store)/packages -type f") == "")
            #expect(try await Self.bytesOnDisk(site) < 3000)
            try await site.incfs("stop")

            // And all of it comes back.
            try await Self.complete(site, app)
            #expect(try await site.read("read", "app-only", length: 3 << 20) == "same")
            #expect(try await site.read("read", "small3", length: 2003) == "same")
            try await site.incfs("unmount", site.mountpoint.string)
            try await Self.complete(site, other)
            try await site.incfs("store", "remove", "--unused")
            #expect(try await Self.list(site).packages.map(\.name) == ["other"])
            #expect(try await site.read("read", "shared", length: 2 << 20) == "same")
            #expect(try await site.incfs("verify", site.mountpoint.string).hasPrefix("All is well"))
        }
    }

    /// Cut off at any moment: packages are there or not, what is there is whole, and the next removal frees the rest.
    @Test func aRemovalCanBeKilledInTheMiddle() async throws {
        try await Self.withPackages(.root) { site, app, other in
            for delay in [0, 2, 5, 10, 20, 40] {
                for address in [app, other] {
                    try await Self.complete(site, address)
                    try await site.incfs("unmount", site.mountpoint.string)
                }
                let removal = try site.startIncfs(["store", "remove", "app"])
                try await Task.sleep(for: .milliseconds(delay))
                let report = try await site.report()
                kill(report.keeperPid, SIGKILL)
                kill(report.daemonPid, SIGKILL)
                _ = try await removal.finish()
                try await Self.complete(site, other)
                #expect(try await site.read("shared", "shared", length: 2 << 20) == "same")
                #expect(try await site.read("read", "small7", length: 2007) == "same")
                let verified = try await site.incfs("verify", site.mountpoint.string)
                #expect(verified.hasPrefix("All is well"), "after \(delay) ms: \(verified)")
                if try await Self.list(site).packages.contains(where: { $0.name == "app" }) { try await site.incfs("store", "remove", "app") } else { try await site.incfs("store", "remove", "--unused") }
                #expect(try await Self.list(site).packages.map(\.name) == ["other"])
                // What app had alone is gone: 3 MB of 5.
                #expect(try await Self.bytesOnDisk(site) < 4500, "after \(delay) ms")
                try await site.incfs("stop")
            }
        }
    }

    /// As a removal leaves it that was cut off after its first step.
    @Test func whatACutOffRemovalLeavesIsFoundByTheNext() async throws {
        try await Self.withPackages(.root) { site, app, _ in
            try await Self.complete(site, app)
            try await site.incfs("stop")
            try await site.shell("rm \(site.store)/packages/*/head")
            #expect(try await Self.list(site).packages.isEmpty)
            let said = try await site.incfs("store", "remove", "--unused")
            #expect(said.contains("free again") && !said.contains("0 B are"), "\(said)")
            #expect(try await site.shell("find \(site.store)/objects \(site.store)/partial \(site.store)/packages -type f") == "")
        }
    }
}
