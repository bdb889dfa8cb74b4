import Glibc
import LinuxSystem
import MountTesting
import Testing

/// Who may see a mount, and what its files may do.
@Suite(.serialized, .timeLimit(.minutes(2))) struct AccessTests {
    static func withModes(_ user: MountSite.User, _ body: @Sendable (MountSite) async throws -> Void) async throws {
        try await MountSite.with(user) { site in
            try await site.shell(
                """
                cd \(site.source); echo open > open; chmod 644 open; echo closed > closed; chmod 600 closed; mkdir -m 700 private; echo deep > private/deep
                cp /usr/bin/id setuid; chmod 4755 setuid
                """)
            try await site.publish()
            try await body(site)
        }
    }

    @Test func rootsMountsAreForEverybodyAsFarAsTheirModesGo() async throws {
        try await Self.withModes(.root) { site in
            try await site.mount()
            let place = site.mountpoint
            #expect(try await site.shell("chmod 755 \(site.directory); cat \(place)/open", as: .root) == "open\n")
            #expect(try await site.shell("cat \(place)/open; cat \(place)/closed 2>&1; cat \(place)/private/deep 2>&1; true", as: .nobody).contains("Permission denied"))
            #expect(try await site.shell("cat \(place)/open", as: .nobody) == "open\n")
            for hidden in ["closed", "private/deep"] { #expect(try await site.startShell("cat \(place)/\(hidden)", as: .nobody).finish().status != 0) }
            #expect(try await site.shell("stat -c '%U %a' \(place)/closed") == "root 600\n")
            // The set-user-id bit is shown and means nothing.
            #expect(try await site.shell("stat -c %a \(place)/setuid; \(place)/setuid -u", as: .nobody) == "4755\n65534\n")
            // Nor where a writable layer lies over it.
            try await site.incfs("unmount", place.string)
            try await site.mount(nil, "--writable")
            #expect(try await site.shell("stat -c %a \(place)/setuid; \(place)/setuid -u", as: .nobody) == "4755\n65534\n")
            let layer = try await site.shell("grep ' \(place) ' /proc/self/mountinfo | tail -1")
            #expect(layer.contains(" overlay ") && layer.contains("nosuid") && layer.contains("nodev"), "\(layer)")
            try await site.incfs("unmount", place.string)
            try await site.mount(nil, "--writable", "--no-exec")
            #expect(try await site.startShell("\(place)/setuid", as: .nobody).finish().status == 126)
            try await site.incfs("unmount", place.string)
            try await site.mount()
            let options = try await site.shell("grep ' \(place) ' /proc/self/mountinfo")
            #expect(options.contains("nosuid") && options.contains("nodev") && options.contains("allow_other") && options.contains("default_permissions"), "\(options)")
        }
    }

    @Test func aUsersMountIsHisAloneUnlessTheMachineAllowsMore() async throws {
        try await Self.withModes(.nobody) { site in
            try await site.mount()
            #expect(try await site.shell("stat -c '%U %a' \(site.mountpoint)/closed") == "nobody 600\n")
            #expect(try await site.startShell("cat \(site.mountpoint)/open", as: .root).finish().status != 0)
            #expect(try await site.shell("\(site.mountpoint)/setuid -u") == "65534\n")
            try await site.incfs("unmount", site.mountpoint.string)

            // An /etc of the site's own.
            try await site.shell("cd \(site.directory)/home; mkdir work; mount -t tmpfs tmpfs work; mkdir work/u work/w; mount -t overlay o -o lowerdir=/etc,upperdir=$PWD/work/u,workdir=$PWD/work/w /etc; echo '# nothing' > /etc/fuse.conf; chmod 644 /etc/fuse.conf", as: .root)
            for words in [["--allow-other"], ["-o", "allow_other"]] {
                let refused = try await site.startIncfs(["mount", "\(site.output)/app.incfs", site.mountpoint.string] + words).finish()
                #expect(refused.status == 5 && refused.error.contains("user_allow_other") && refused.error.contains("/etc/fuse.conf"), "\(refused)")
            }
            #expect(site.mounts == [])
            try await site.shell("echo user_allow_other > /etc/fuse.conf", as: .root)
            try await site.mount(nil, "-o", "allow_other,noexec")
            #expect(try await site.shell("cat \(site.mountpoint)/open", as: .root) == "open\n")
            #expect(try await site.startShell("\(site.mountpoint)/setuid").finish().status == 126)
        }
    }

    @Test func aClosedDeviceIsExplained() async throws {
        try await Self.withModes(.nobody) { site in
            try await site.shell("chmod 600 /dev/fuse", as: .root)
            let refused = try await site.tryIncfs("mount", "\(site.output)/app.incfs", site.mountpoint.string)
            #expect(refused.status == 5 && refused.error.contains("chmod 0666 /dev/fuse") && refused.error.contains("/etc/udev/rules.d"), "\(refused)")
            #expect(site.mounts == [])
        }
    }
}
