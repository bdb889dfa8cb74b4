import Glibc
import LinuxSystem
import MountTesting
import Testing

/// What matters first: `wait --path` and `prefetch`.
@Suite(.serialized, .timeLimit(.minutes(2))) struct WaitForPathsTests {
    @Test func namedFilesComeFirstAndAreWaitedFor() async throws {
        try await MountSite.with { site in
            try await site.shell("mkdir -p \(site.source)/lib/deep \(site.source)/bin")
            for i in 0..<4 { try site.addRandom("a\(i)", count: 1 << 20, seed: UInt64(i) + 1) }
            for (i, name) in ["lib/x.so", "lib/y.so", "lib/z.txt", "lib/deep/w.so", "bin/tool"].enumerated() { try site.addRandom(name, count: 300_000, seed: UInt64(i) + 100) }
            try await site.publish()
            let origin = try ControlledOrigin(root: site.directory)
            defer { origin.stop() }
            try await site.mount(origin.address, "--no-fill")
            let mount = site.mountpoint.string
            // Nothing else fetches here: what comes is what was named.
            try await site.incfs("wait", mount, "--path", "lib/*.so", "--path", "\(mount)/bin")
            let files = try await site.report(files: true).mounts[0].files!
            for file in files {
                let named = ["lib/x.so", "lib/y.so", "bin/tool"].contains(file.path)
                if named { #expect(file.blocksPresent == file.blocksTotal, "\(file)") }
                if file.path.hasPrefix("a") { #expect(file.blocksPresent < file.blocksTotal, "\(file)") }
            }
            // Missing files of the same pattern take their time; the clock ends that, the fetching goes on.
            origin.rule { _ in .hold }
            let late = try await site.tryIncfs("wait", mount, "--path", "lib/deep", "--timeout", "0.5")
            #expect(late.status == 7 && late.error.contains("lib/deep/w.so"), "\(late)")
            let none = try await site.tryIncfs("wait", mount, "--path", "lib/*.dll")
            #expect(none.status == 2 && none.error.contains("matches lib/*.dll"), "\(none)")
            let both = try await site.tryIncfs("wait", mount, "--path", "x", "--complete")
            #expect(both.status == 2)
            // prefetch returns although the origin does not answer.
            try await site.incfs("prefetch", mount, "a1", "\(mount)/a2")
            let wrong = try await site.tryIncfs("prefetch", mount, "a9")
            #expect(wrong.status == 2 && wrong.error.contains("There is no a9"), "\(wrong)")
            origin.rule { _ in .answer }
            try await eventually("the prefetched files are there", seconds: 30) {
                let files = try await site.report(files: true).mounts[0].files!.filter { ["a1", "a2", "lib/deep/w.so"].contains($0.path) }
                return files.count == 3 && files.allSatisfy { $0.blocksPresent == $0.blocksTotal } ? true : nil
            }
        }
    }

    @Test func namedFilesOvertakeTheFill() async throws {
        try await MountSite.with { site in
            try site.addRandom("aaa", count: 32 << 20, seed: 1)
            try site.addRandom("zzz", count: 1 << 20, seed: 2)
            try await site.publish()
            let origin = try ControlledOrigin(root: site.directory)
            defer { origin.stop() }
            // The fill alone needs some ten seconds.
            origin.delay(milliseconds: 300)
            try await site.mount(origin.address)
            try await site.incfs("wait", site.mountpoint.string, "--path", "zzz")
            let files = try await site.report(files: true).mounts[0].files!
            #expect(files.first { $0.path == "aaa" }.map { $0.blocksPresent < $0.blocksTotal } == true, "\(files)")
        }
    }
}
