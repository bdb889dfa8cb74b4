import Glibc
import LinuxSystem
import MountTesting
import TestOrigins
import Testing

/// An ordinary user, through fusermount3, with no configuration.
@Suite(.serialized, .timeLimit(.minutes(2))) struct UserMountTests {
    static func withPackage(_ body: @Sendable (MountSite, Nginx, _ address: String) async throws -> Void) async throws {
        let nginx = try Nginx()
        defer { nginx.stop() }
        try await MountSite.with(.nobody) { site in
            try site.addRandom("f", count: 3 << 20, seed: 1)
            try await site.shell("ln -s f link; mkdir dir; echo hello > dir/small; cp /usr/bin/sha256sum dir/program".split(separator: ";").map { "cd \(site.source) && \($0)" }.joined(separator: "\n"))
            try await site.publish()
            try await site.shell("cp -r \(site.output)/. \(nginx.root)", as: .root)
            try await body(site, nginx, nginx.address("/app.incfs"))
        }
    }

    @Test func mountsReadsFillsAndUnmounts() async throws {
        try await Self.withPackage { site, nginx, address in
            try await site.mount(address)
            #expect(try await site.shell("grep fuse.incfs /proc/self/mountinfo").contains("user_id=65534"))
            for way in TreeOnMountTests.methods { #expect(try await site.read(way, "f", length: 3 << 20) == "same", "\(way)") }
            #expect(try await site.shell("cat \(site.mountpoint)/dir/small; stat -c %U \(site.mountpoint)/link; \(site.mountpoint)/dir/program < /dev/null").hasPrefix("hello\nnobody\n"))
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "30")
            #expect(try await site.incfs("verify", site.mountpoint.string).hasPrefix("All is well"))
            #expect(try await site.incfs("status", "--json").contains("\"complete\" : true"))
            try await site.shell("fusermount3 -u \(site.mountpoint)")
            #expect(site.mounts == [])
            // And once more from the store, ended by the command.
            nginx.interrupt()
            try await site.mount(address)
            #expect(try await site.read("read", "f", length: 3 << 20) == "same")
            try await site.incfs("unmount", site.mountpoint.string)
            #expect(site.mounts == [])
            try await eventually("no process is left", seconds: 20) { site.processes.isEmpty ? true : nil }
        }
    }

    @Test func aWaitingReaderCanBeKilledAndTheDaemonReplaced() async throws {
        try await Self.withPackage { site, nginx, address in
            try await site.mount(address, "--no-fill")
            nginx.interrupt()
            // Not for the same page: that of a killed pread stays locked until its block comes.
            for (i, way) in ["pread", "read", "shared", "direct"].enumerated() {
                let reader = try site.reader(way, "f", at: (i + 1) << 18, length: 100_000)
                try await site.waiting(reader)
                let (milliseconds, status) = try await reader.end(by: SIGTERM)
                #expect(status == 143 && milliseconds < 500, "\(way) took \(milliseconds) ms")
            }
            let reader = try site.reader("read", "f", at: 2 << 20, length: 500_000)
            try await site.waiting(reader)
            let daemon = try await site.report().daemonPid
            #expect(try await site.incfs("status", "--json").contains("\"daemon_pid\" : \(daemon)"))
            kill(daemon, SIGKILL)
            try nginx.start()
            #expect(try await reader.finish().output.hasSuffix("same\n"))
        }
    }
}
