import Glibc
import LinuxSystem
import MountTesting
import TestOrigins
import Testing

/// The origin goes away and comes back; a real nginx in that role.
@Suite(.serialized, .timeLimit(.minutes(3))) struct OutageTests {
    /// A package of `count` files of 2 MiB on an nginx; its address.
    static func withPackage(files count: Int, nginx options: String = "", _ body: @Sendable (MountSite, Nginx, _ address: String, _ pinned: String) async throws -> Void) async throws {
        let nginx = try Nginx(extra: options)
        defer { nginx.stop() }
        try await MountSite.with { site in
            for i in 0..<count { try site.addRandom("f\(i)", count: 2 << 20, seed: UInt64(i + 1)) }
            let fragment = try await site.publish(to: nginx.root)
            try await body(site, nginx, nginx.address("/app.incfs"), nginx.address("/app.incfs") + fragment)
        }
    }

    @Test func readersWaitThroughAnOutageAndTheFillGoesOn() async throws {
        // Slow enough to be interrupted in the middle.
        try await Self.withPackage(files: 4, nginx: "limit_rate 400k;") { site, nginx, address, _ in
            try await site.mount(address)
            try await site.reaches("has some of it") { $0.blocksPresent > 64 }
            nginx.interrupt()
            // The last file, from its end to its beginning: far from where the fill is.
            let readers = try ["read", "shared", "pread", "direct"].enumerated().map { try site.reader($1, "f3", at: (3 - $0) << 19, length: 1 << 19) }
            let stuck = try await site.reaches("says why readers wait") { $0.readersWaiting == 4 && $0.waitReason != nil }
            #expect(stuck.waitReason?.contains("127.0.0.1:\(nginx.port)") == true, "\(stuck.waitReason ?? "")")
            #expect(stuck.fillState == .waiting && !stuck.complete)
            let text = try await site.incfs("status", site.mountpoint.string)
            #expect(text.contains("waiting  4 readers: cannot reach") && text.contains(": f3, block 384, for "), "\(text)")
            #expect(!readers.contains { !$0.runs })
            try nginx.start()
            for reader in readers { #expect(try await reader.finish().output.hasSuffix("same\n")) }
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "60")
            let end = try await site.status()
            #expect(end.complete && end.waitReason == nil && end.errors.failedReads == 0 && end.fillState == .complete)
            for i in 0..<4 { #expect(try await site.read("read", "f\(i)", length: 2 << 20) == "same") }
        }
    }

    @Test func onlyAReadTimeoutEndsAWaitingRead() async throws {
        try await Self.withPackage(files: 2) { site, nginx, address, _ in
            try await site.mount(address, "--no-fill", "--read-timeout", "1.5")
            #expect(try await site.read("read", "f0", length: 1 << 20) == "same")
            nginx.interrupt()
            for way in ["pread", "read", "direct"] {
                let start = MonotonicTime.now
                let said = try await site.reader(way, "f1", length: 4096).finish()
                let seconds = Double(MonotonicTime.now.since(start)) / 1e9
                #expect(said.output.contains("error ETIME "), "\(way): \(said)")
                #expect(seconds >= 1.5 && seconds < 6, "\(way) took \(seconds) s")
            }
            #expect(try await site.read("shared", "f1", length: 4096) == "error SIGBUS")
            #expect(try await site.read("pread", "f0", length: 65536) == "same")
            try nginx.start()
            // The loader may be in a pause that is longer than the limit.
            try await eventually("a read is answered again") { try await site.read("pread", "f1", length: 4096) == "same" ? true : nil }
            #expect(try await site.read("shared", "f1", length: 2 << 20) == "same")
        }
    }

    @Test func everyWayToUnmountLeavesNothing() async throws {
        try await Self.withPackage(files: 2) { site, _, address, _ in
            for way in ["umount \(site.mountpoint)", "fusermount3 -u \(site.mountpoint)", "\(site.programs)/incfs unmount \(site.mountpoint)", "umount -l \(site.mountpoint)"] {
                try await site.mount(address)
                #expect(site.mounts == [site.mountpoint.string])
                #expect(try await site.read("read", "f0", length: 100_000) == "same")
                try await site.shell(way)
                #expect(site.mounts == [], "\(way)")
                try await eventually("the daemon has noticed “\(way)”", seconds: 10) { try await site.report().mounts.isEmpty ? true : nil }
            }
            // A while after the last unmount the daemon and its keeper end too.
            try await eventually("no process is left", seconds: 20) { site.processes.isEmpty ? true : nil }
            #expect(try SystemCalls.list(site.directory.appending("run/incfs")).isEmpty)
        }
    }

    @Test func aMountWithWaitingReadersIsBusyUntilDetached() async throws {
        try await Self.withPackage(files: 1) { site, nginx, address, _ in
            try await site.mount(address, "--no-fill")
            nginx.interrupt()
            let reader = try site.reader("read", "f0", at: 1 << 20, length: 65536)
            try await site.waiting(reader)
            let busy = try await site.tryIncfs("unmount", site.mountpoint.string)
            #expect(busy.status != 0 && busy.error.contains("is in use") && busy.error.contains("--lazy"), "\(busy)")
            #expect(reader.runs)
            try await site.incfs("unmount", "--lazy", site.mountpoint.string)
            #expect(site.mounts == [])
            // Detached, not cut off: the read is answered when the block comes.
            try nginx.start()
            #expect(try await reader.finish().output.hasSuffix("same\n"))
            try await eventually("the daemon has let go", seconds: 10) { try await site.report().mounts.isEmpty ? true : nil }
        }
    }

    @Test func whatWasFetchedIsThereWithoutTheOrigin() async throws {
        try await Self.withPackage(files: 3) { site, nginx, address, pinned in
            try await site.mount(pinned, "--no-fill")
            #expect(try await site.read("read", "f0", length: 2 << 20) == "same")
            try await site.incfs("unmount", site.mountpoint.string)
            nginx.interrupt()
            // Partly there: present blocks are readable, others wait.
            try await site.mount(pinned)
            #expect(try await site.read("shared", "f0", length: 2 << 20) == "same")
            let reader = try site.reader("read", "f1", length: 2 << 20)
            try await site.waiting(reader)
            try nginx.start()
            #expect(try await reader.finish().output.hasSuffix("same\n"))
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "30")
            try await site.incfs("unmount", site.mountpoint.string)
            // All there: by the pin, and by the address as last seen.
            try await site.mount(address)
            try await site.incfs("unmount", site.mountpoint.string)
            nginx.interrupt()
            for place in [pinned, address] {
                try await site.mount(place)
                for i in 0..<3 { #expect(try await site.read("read", "f\(i)", length: 2 << 20) == "same") }
                try await site.reaches("is complete") { $0.complete }
                try await site.incfs("unmount", site.mountpoint.string)
            }
        }
    }
}
