import Glibc
import LinuxSystem
import MountTesting
import TestOrigins
import Testing

/// An answer that waiting cannot better is an error at once.
@Suite(.serialized, .timeLimit(.minutes(2))) struct FinalAnswerTests {
    @Test func aPackThatIsGoneIsAnErrorAtOnce() async throws {
        try await OutageTests.withPackage(files: 2) { site, nginx, address, _ in
            try await site.mount(address, "--no-fill")
            #expect(try await site.read("read", "f0", length: 1 << 20) == "same")
            let pack = try #require(try SystemCalls.list(nginx.root).map { String(decoding: $0, as: UTF8.self) }.first { $0 != "app.incfs" && $0 != "src" })
            try SystemCalls.rename(nginx.root.appending(pack), to: nginx.root.appending("away"))
            for (way, error) in [("pread", "error EIO "), ("read", "error EIO "), ("direct", "error EIO "), ("sendfile", "error EIO "), ("splice", "error EIO "), ("shared", "error SIGBUS")] {
                let start = MonotonicTime.now
                let said = try await site.reader(way, "f1", length: 65536).finish(seconds: 20)
                #expect(said.output.contains(error), "\(way): \(said)")
                #expect(MonotonicTime.now.since(start) < 5_000_000_000, "\(way) was not at once")
            }
            let status = try await site.status()
            #expect(status.errors.failedReads >= 5)
            #expect(status.lastError?.contains("f1") == true && status.lastError?.contains("404") == true, "\(status.lastError ?? "no error")")
            #expect(site.log.contains(" error ") && site.log.contains("404"), "\(site.log)")
            #expect(try await site.incfs("status", site.mountpoint.string).contains("404"))
            // What is there stays readable; and the next reader asks again.
            #expect(try await site.read("shared", "f0", length: 1 << 20) == "same")
            try SystemCalls.rename(nginx.root.appending("away"), to: nginx.root.appending(pack))
            // A final answer is repeated for a tenth of a second (`FinalFailures`): five times that bound.
            try await Task.sleep(for: .milliseconds(500))
            #expect(try await site.read("read", "f1", length: 2 << 20) == "same")
        }
    }

    @Test func aPackageThatIsGoneCannotBeMounted() async throws {
        try await OutageTests.withPackage(files: 1) { site, nginx, _, _ in
            let gone = try await site.tryIncfs("mount", nginx.address("/none.incfs"), site.mountpoint.string)
            #expect(gone.status == 3 && gone.error.contains("404"), "\(gone)")
            let foreign = try await site.tryIncfs("mount", nginx.address("/app.incfs") + "#sha256=" + String(repeating: "ab", count: 32), site.mountpoint.string)
            #expect(foreign.status == 4, "\(foreign)")
            try nginx.put("page.incfs", Array("<html>not a package</html>".utf8))
            let page = try await site.tryIncfs("mount", nginx.address("/page.incfs"), site.mountpoint.string)
            #expect(page.status != 0 && page.error.contains("page.incfs"), "\(page)")
            #expect(site.mounts == [])
        }
    }
}
