import ControlAPI
import Glibc
import LinuxSystem
import MountTesting
import Testing

/// The store's disk fills up under running mounts: small file systems of their own, full to the last block.
@Suite(.serialized, .timeLimit(.minutes(3))) struct FullDiskTests {
    enum Disk: String, CaseIterable { case tmpfs, ext4 }

    static let names = ["f0", "f1", "f2"]
    static let count = 8 << 20

    /// A mounted package of 24 MiB over a store of 64 MiB in which a file leaves only `room` MiB.
    static func withPackage(_ user: MountSite.User, _ disk: Disk, room: Int, _ body: @Sendable (MountSite) async throws -> Void) async throws {
        try await MountSite.with(user) { site in
            for (i, name) in names.enumerated() { try site.addRandom(name, count: count, seed: UInt64(i + 1)) }
            for i in 0..<50 { try site.addRandom("small\(i)", count: 3000 + i, seed: UInt64(100 + i)) }
            try await site.publish()
            switch disk {
            case .tmpfs: try await site.shell("mount -t tmpfs -o size=64m,mode=700 store \(site.store)", as: .root)
            case .ext4:
                try await site.shell(
                    "truncate -s 64M \(site.directory)/disk; mkfs.ext4 -q -m 0 -O ^has_journal \(site.directory)/disk; mount -o loop \(site.directory)/disk \(site.store)", as: .root)
            }
            try await site.shell("chown \(user) \(site.store); chmod 700 \(site.store)", as: .root)
            try await site.shell("free=$(df -k --output=avail \(site.store) | tail -1); head -c $(((free - \(room) * 1024) * 1024)) /dev/zero > \(site.store)/ballast")
            try await body(site)
        }
    }

    /// Free and all bytes of the store's disk, as its user has them.
    static func space(_ site: MountSite) async throws -> (free: Int, total: Int) {
        let words = try await site.shell("df -B1 --output=avail,size \(site.store) | tail -1").split(separator: " ").compactMap { Int($0.filter(\.isNumber)) }
        return (words[0], words[1])
    }

    /// Not a block more goes in, once what ext4 had set aside is used up; it still counts some as free that it gives to nobody.
    static func takesNothing(_ site: MountSite) async throws {
        #expect(try await site.shell("for i in $(seq 2000); do head -c 4096 /dev/zero >> \(site.store)/junk || { echo full; exit; }; done; echo taken") == "full\n")
    }

    static func readsEverything(_ site: MountSite) async throws {
        for way in TreeOnMountTests.methods { for name in names { #expect(try await site.read(way, name, length: count) == "same", "\(way) of \(name)") } }
        #expect(try await site.read("pread", "small7", length: 3007) == "same")
    }

    @Test(arguments: [(MountSite.User.root, Disk.tmpfs), (.nobody, .tmpfs), (.root, .ext4)])
    func theFillStopsAtTheFloorAndAFullDiskFailsNoRead(_ user: MountSite.User, _ disk: Disk) async throws {
        try await Self.withPackage(user, disk, room: 12) { site in
            try await site.mount()
            let stopped = try await site.reaches("has stopped its fill") { $0.fillState == .stopped }
            #expect(stopped.fillNote?.contains("nearly full") == true && stopped.fillNote?.contains("incfs store remove") == true, "\(stopped.fillNote ?? "")")
            #expect(try await site.incfs("status", site.mountpoint.string).contains("the disk is nearly full"))
            #expect(site.log.contains("the fill stops: the store's disk is nearly full"))
            let (free, total) = try await Self.space(site)
            #expect(free >= total / 20 - 65536 && free < total / 20 + (4 << 20), "\(free) of \(total) are free")
            #expect(stopped.blocksPresent > 1024 && !stopped.complete)

            // The last block goes.
            try await site.shell("cat /dev/zero > \(site.store)/junk; true")
            try await Self.takesNothing(site)
            try await Self.readsEverything(site)
            try await site.shell("sync -f \(site.mountpoint); echo 3 > /proc/sys/vm/drop_caches", as: .root)
            // Many readers at once, of more than is kept in memory.
            let readers = try (0..<12).map { try site.reader(["direct", "pread", "shared"][$0 % 3], Self.names[$0 % 3], at: ($0 / 3) << 20, length: 4 << 20) }
            for reader in readers { #expect(try await reader.finish().output.hasSuffix("same\n")) }
            let full = try await site.status()
            #expect(full.errors.failedReads == 0 && full.errors.corruptBlocks == 0 && !full.complete)

            // Mounted on the full disk: what the package needs for itself is here already.
            try await site.incfs("unmount", site.mountpoint.string)
            try await site.mount()
            try await Self.readsEverything(site)
            #expect(try await site.status().errors.failedReads == 0)

            // There is room again.
            try await site.shell("rm \(site.store)/junk \(site.store)/ballast")
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "60")
            #expect(try await site.incfs("verify", site.mountpoint.string).hasPrefix("All is well"))
            #expect(try await site.status().fillNote == nil)
        }
    }

    @Test(arguments: MountSite.User.allCases) func aFetchEndsWhereTheStoreHasNoRoom(_ user: MountSite.User) async throws {
        try await Self.withPackage(user, .tmpfs, room: 12) { site in
            let place = "\(site.directory)/home/app"
            let result = try await site.tryIncfs("fetch", "\(site.output)/app.incfs", place)
            #expect(result.status == 6 && result.error.contains("The disk of the store \(site.store) is nearly full") && result.error.contains("incfs store remove --unused"), "\(result)")
            #expect(try SystemCalls.list(site.directory.appending("home")).allSatisfy { !String(decoding: $0, as: UTF8.self).contains("app") })
            // With room it goes on.
            try await site.shell("rm \(site.store)/ballast")
            try await site.incfs("fetch", "\(site.output)/app.incfs", place)
            try await site.shell("diff -r \(site.source) \(place)")
        }
    }

    @Test(arguments: MountSite.User.allCases) func aFetchEndsWhereItsDirectoryHasNoRoom(_ user: MountSite.User) async throws {
        try await MountSite.with(user) { site in
            for (i, name) in Self.names.enumerated() { try site.addRandom(name, count: Self.count, seed: UInt64(i + 1)) }
            try await site.publish()
            try await site.shell("mkdir \(site.directory)/small; mount -t tmpfs -o size=12m,mode=755 small \(site.directory)/small; chown \(user) \(site.directory)/small", as: .root)
            let result = try await site.tryIncfs("fetch", "\(site.output)/app.incfs", "\(site.directory)/small/app")
            #expect(result.status == 6 && result.error.contains("Cannot write f1 of \(site.directory)/small/app: No space left on device") && result.error.contains("Make room and run it again"), "\(result)")
            #expect(try SystemCalls.list(site.directory.appending("small")).isEmpty)
            try await site.shell("mount -o remount,size=64m \(site.directory)/small", as: .root)
            // Nothing is fetched a second time.
            let json = try await site.incfs("fetch", "--json", "\(site.output)/app.incfs", "\(site.directory)/small/app")
            #expect(json.contains("\"bytes_fetched\" : 0"), "\(json)")
            try await site.shell("diff -r \(site.source) \(site.directory)/small/app")
        }
    }

    @Test func aFirstMountOnAFullDiskReadsAsWell() async throws {
        try await Self.withPackage(.root, .tmpfs, room: 1) { site in
            // The daemon's own directories and nothing else.
            try await site.mount("\(site.output)/app.incfs", "--no-fill")
            try await site.incfs("unmount", site.mountpoint.string)
            try await site.shell("rm -rf \(site.store)/packages/*; cat /dev/zero > \(site.store)/junk; true")
            try await Self.takesNothing(site)
            try await site.mount()
            try await Self.readsEverything(site)
            #expect(try await site.status().errors.failedReads == 0)
        }
    }
}
