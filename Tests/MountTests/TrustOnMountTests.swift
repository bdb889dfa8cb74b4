import Glibc
import LinuxSystem
import MountTesting
import TestOrigins
import Testing

/// Addresses without a pin, against a real server with a certificate of a test authority.
@Suite(.serialized, .timeLimit(.minutes(3))) struct TrustOnMountTests {
    /// A site whose package lies on an https server that is not this machine by its name.
    static func withServer(_ user: MountSite.User, _ body: @Sendable (MountSite, Nginx, _ mount: @Sendable (_ options: [String]) async throws -> ChildProcess.Result) async throws -> Void) async throws {
        let authority = try TestAuthority()
        let nginx = try Nginx(certificate: try authority.certificate("good"))
        defer { nginx.stop() }
        try await MountSite.with(user) { site in
            try await site.shell("chmod 755 \(FilePath(authority.file).removingLastComponent()); chmod 644 \(authority.file)", as: .root)
            let address = nginx.address("/app.incfs", host: "0.0.0.0")
            try await release(site, nginx, "1")
            try await body(site, nginx) { options in
                let result = try await site.start(
                    "\(site.programs)/incfs", ["mount", address, site.mountpoint.string] + options, environment: ["SSL_CERT_FILE": authority.file]
                ).finish()
                if result.status == 0 { try await site.incfs("unmount", site.mountpoint.string) }
                return result
            }
        }
    }

    /// Publishes a release with other contents to the server.
    static func release(_ site: MountSite, _ nginx: Nginx, _ name: String, package: String = "app", time: Int = 0) async throws {
        try await site.shell(
            """
            cd \(site.source); echo release \(name) > file; touch -d @\(1_700_000_000 + (Int(name) ?? 0) * 1000 + time) file .
            rm -rf \(site.directory)/home/p; mkdir \(site.directory)/home/p
            """)
        try await site.incfs("publish", site.source.string, "-o", "\(site.directory)/home/p", "--name", package, "--release", name)
        try await site.shell("cp \(site.directory)/home/p/* \(nginx.root)/; mv -f \(nginx.root)/\(package).incfs \(nginx.root)/app.incfs 2>/dev/null; chmod 644 \(nginx.root)/*", as: .root)
    }

    @Test(arguments: MountSite.User.allCases) func acceptedOnceUpdatedAloudAndNeverSwapped(_ user: MountSite.User) async throws {
        try await Self.withServer(user) { site, nginx, mount in
            let first = try await mount([])
            #expect(first.status == 0 && first.error.contains("is accepted and remembered") && first.error.contains("sha256:"), "\(first)")
            let again = try await mount([])
            #expect(again.status == 0 && !again.error.contains("sha256:"), "\(again)")
            try await Self.release(site, nginx, "2")
            let update = try await mount([])
            #expect(update.status == 0 && update.error.contains("newer release, 2 after 1"), "\(update)")
            try await Self.release(site, nginx, "1", time: 5)
            let older = try await mount([])
            #expect(older.status == 4 && older.error.contains("older"), "\(older)")
            try await Self.release(site, nginx, "3", package: "other")
            let swapped = try await mount([])
            #expect(swapped.status == 4 && swapped.error.contains("“app” before, and is “other” now"), "\(swapped)")
            #expect(site.mounts == [])
            // Neither a refusal nor --insecure changes what is remembered.
            #expect(try await mount(["--insecure"]).status == 0)
            #expect(try await mount([]).status == 4)
            #expect(try await site.shell("stat -c %a \(site.directory)/home/incfs/known") == "600\n")
            #expect(try await site.shell("wc -l < \(site.directory)/home/incfs/known") == "2\n")
        }
    }

    @Test func theStrictHaveTheirWay() async throws {
        try await Self.withServer(.root) { site, _, mount in
            let pin = try await mount(["--require-pin"])
            #expect(pin.status == 4 && pin.error.contains("--require-pin"), "\(pin)")
            #expect(try await site.tryIncfs("mount", "\(site.output)/none.incfs", site.mountpoint.string, "--require-pin").error.contains("--require-pin") == false)
            // A policy of the machine, in an /etc of the site's own.
            try await site.shell("cd \(site.directory)/home; mkdir up work; mount -t tmpfs tmpfs work; mkdir work/u work/w; mount -t overlay o -o lowerdir=/etc,upperdir=$PWD/work/u,workdir=$PWD/work/w /etc; mkdir /etc/incfs")
            try await site.shell("echo require-pin > /etc/incfs/policy")
            let policy = try await mount([])
            #expect(policy.status == 4 && policy.error.contains("policy"), "\(policy)")
            try await site.shell("printf 'refuse-insecure\\norigin https://elsewhere/\\n' > /etc/incfs/policy")
            #expect(try await mount(["--insecure"]).error.contains("does not allow --insecure"))
            #expect(try await mount([]).error.contains("only addresses below https://elsewhere/"))
            try await site.shell("echo nonsense > /etc/incfs/policy")
            let broken = try await mount([])
            #expect(broken.status == 4 && broken.error.contains("is not a rule"), "\(broken)")
            try await site.shell("chmod 666 /etc/incfs/policy")
            #expect(try await mount([]).error.contains("writable by nobody else"))
            try await site.shell("rm /etc/incfs/policy")
            #expect(try await mount([]).status == 0)
        }
    }

    @Test func plainHTTPNeedsAPinUnlessItStaysHere() async throws {
        try await MountSite.with { site in
            try site.addRandom("data", count: 10_000, seed: 1)
            let fragment = try await site.publish()
            let origin = try ControlledOrigin(root: site.directory)
            defer { origin.stop() }
            let far = "http://0.0.0.0:\(origin.port)/out/app.incfs"
            let refused = try await site.tryIncfs("mount", far, site.mountpoint.string)
            #expect(refused.status == 4 && refused.error.contains("http is not protected"), "\(refused)")
            for address in [far + fragment, origin.address] {
                try await site.mount(address)
                try await site.incfs("unmount", site.mountpoint.string)
            }
        }
    }
}
