import Glibc
import LinuxSystem
import MountTesting
import TestOrigins
import Testing

/// mount(8) and lines of /etc/fstab, by the helper where mount(8) looks for it.
@Suite(.serialized, .timeLimit(.minutes(3))) struct FstabTests {
    /// A published package behind nginx, a place `b` besides the mount point, and in /sbin and /etc what an installation has.
    static func with(_ user: MountSite.User = .root, _ body: @Sendable (MountSite, Nginx, _ pin: String) async throws -> Void) async throws {
        let nginx = try Nginx()
        defer { nginx.stop() }
        try await MountSite.with(user) { site in
            try site.addRandom("f", count: 1 << 20, seed: 1)
            try await site.shell("cp /bin/true \(site.source)/program; mkdir \(site.source)/../../b", as: .root)
            try await site.shell("chown \(user) \(site.directory)/b", as: .root)
            let fragment = try await site.publish()
            try await site.shell("cp -r \(site.output)/. \(nginx.root)", as: .root)
            // Only this mount namespace sees them.
            try await site.shell(
                """
                cd \(site.directory); mkdir sbin etc
                ln -s \(site.programs)/incfs sbin/mount.incfs
                touch etc/fstab
                mount -t overlay -o lowerdir=\(site.directory)/sbin:$(realpath /sbin) overlay $(realpath /sbin)
                mount -t overlay -o lowerdir=\(site.directory)/etc:/etc overlay /etc
                """, as: .root)
            try await body(site, nginx, "pin=sha256:" + fragment.dropFirst("#sha256=".count))
        }
    }

    static func fstab(_ site: MountSite, _ lines: String...) throws {
        // Written in place: the file of the lower layer must stay the one that is seen.
        let file = try SystemCalls.open(site.directory.appending("etc/fstab"), flags: O_WRONLY | O_TRUNC)
        try Array(lines.map { $0 + "\n" }.joined().utf8).withUnsafeBytes { try SystemCalls.writeAll(file.rawValue, $0) }
    }

    static func mount(_ site: MountSite, _ arguments: String..., as user: MountSite.User? = nil) async throws -> ChildProcess.Result {
        try await site.start("/usr/bin/mount", arguments, as: user).finish()
    }

    @Test func theLinesOfAFstabAreMounted() async throws {
        try await Self.with { site, nginx, pin in
            let address = nginx.address("/app.incfs"), b = "\(site.directory)/b"
            try Self.fstab(
                site, "# a comment",
                "\(address)  \(site.mountpoint)  incfs  _netdev,nofail,x-systemd.automount,\(pin),store=\(site.directory)/home/s\\040t,read_timeout=30,no_fill,allow_other  0 0",
                "\(address)  \(b)  incfs  ro,noauto,noexec,\(pin)  0 0")
            let all = try await Self.mount(site, "-a")
            #expect(all.status == 0 && all.output.isEmpty && all.error.isEmpty, "\(all)")
            #expect(site.mounts == [site.mountpoint.string])
            #expect(try await site.read("read", "f", length: 1 << 20) == "same")
            #expect(access("\(site.directory)/home/s t", F_OK) == 0)
            // What is mounted is not mounted again.
            let again = try await Self.mount(site, "-a", "-v")
            #expect(again.status == 0 && site.mounts == [site.mountpoint.string], "\(again)")
            // One that is not mounted by itself, by its directory alone.
            let verbose = try await Self.mount(site, "-v", b)
            #expect(verbose.status == 0 && verbose.output.contains("app 1 is mounted at \(b)"), "\(verbose)")
            let table = try await site.shell("findmnt -n -o SOURCE,FSTYPE,OPTIONS \(b)")
            #expect(table.hasPrefix("\(address) fuse.incfs ro,nosuid,nodev,noexec,"), "\(table)")
            #expect(try await site.startShell("\(b)/program").finish().status == 126)
            #expect(try await site.shell("\(site.mountpoint)/program; echo $?") == "0\n")
            try await site.shell("umount \(b) && umount \(site.mountpoint)")
            #expect(site.mounts == [])
        }
    }

    @Test func whatCannotBeMountedSaysWhyAndLeavesNothing() async throws {
        try await Self.with { site, nginx, pin in
            let address = nginx.address("/app.incfs"), wrong = "pin=sha256:" + String(repeating: "0", count: 64)
            let untrusted = try await Self.mount(site, "-t", "incfs", address, site.mountpoint.string, "-o", wrong)
            #expect(untrusted.status == 32 && untrusted.error.contains("is not the one that was asked for") , "\(untrusted)")
            let unknown = try await Self.mount(site, "-t", "incfs", address, site.mountpoint.string, "-o", "frobnicate")
            #expect(unknown.status == 1 && unknown.error.contains("“frobnicate” is unknown"), "\(unknown)")
            let gone = try await Self.mount(site, "-t", "incfs", nginx.address("/none.incfs"), site.mountpoint.string)
            #expect(gone.status == 32 && gone.error.contains("404"), "\(gone)")
            let fake = try await Self.mount(site, "-f", "-v", "-t", "incfs", address, site.mountpoint.string)
            #expect(fake.status == 0 && fake.output.contains("would be mounted"), "\(fake)")
            #expect(site.mounts == [])
            let sloppy = try await Self.mount(site, "-s", "-t", "incfs", address, site.mountpoint.string, "-o", "frobnicate,\(pin)")
            #expect(sloppy.status == 0 && site.mounts == [site.mountpoint.string], "\(sloppy)")
            try await site.shell("umount \(site.mountpoint)")
        }
    }

    /// mount(8) gives up its privileges for a line with `user`; the mount is made by fusermount3.
    @Test func aUserMountsAndUnmountsALineForUsers() async throws {
        try await Self.with(.nobody) { site, nginx, pin in
            try Self.fstab(site, "\(nginx.address("/app.incfs"))  \(site.mountpoint)  incfs  noauto,user,\(pin)  0 0")
            let mounted = try await Self.mount(site, site.mountpoint.string)
            #expect(mounted.status == 0 && mounted.error.isEmpty, "\(mounted)")
            #expect(try await site.shell("grep fuse.incfs /proc/self/mountinfo").contains("noexec"))
            #expect(try await site.shell("grep fuse.incfs /proc/self/mountinfo").contains("user_id=65534"))
            #expect(try await site.read("read", "f", length: 1 << 20) == "same")
            let end = try await site.start("/usr/bin/umount", [site.mountpoint.string]).finish()
            #expect(end.status == 0 && site.mounts == [], "\(end)")
        }
    }
}
