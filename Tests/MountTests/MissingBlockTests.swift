import Glibc
import LinuxSystem
import MountTesting
import Testing

/// Reads of blocks that are not there, with an origin that answers when the test says so.
@Suite(.serialized, .timeLimit(.minutes(3))) struct MissingBlockTests {
    static let chunk = 131_072

    /// A mount, without fill unless told, of an in-place package: byte ranges at the origin are byte ranges of the files
    /// `a`, `b` and `c`, 4 MiB each.
    static func withMount(_ options: String = "--no-fill", _ body: @Sendable (MountSite, ControlledOrigin) async throws -> Void) async throws {
        try await MountSite.with { site in
            for (i, name) in ["a", "b", "c"].enumerated() { try site.addRandom(name, count: 4 << 20, seed: UInt64(i + 1)) }
            let fragment = try await site.publish(inPlace: true)
            let origin = try ControlledOrigin(root: site.directory)
            do {
                try await site.incfs(["mount", origin.address + fragment, site.mountpoint.string] + options.split(separator: " ").map(String.init))
                // The index is fetched at the mount; the tests look at content only.
                try await site.read("pread", "b", at: 31 * chunk, length: 4096).expectSame("the first read")
                try await body(site, origin)
            } catch {
                try? await site.close()
                origin.stop()
                throw error
            }
            // The daemon goes first: it may wait for held answers.
            try await site.close()
            origin.stop()
        }
    }

    /// Requests for one of the files.
    static func of(_ name: String, _ requests: [ControlledOrigin.Request]) -> [ControlledOrigin.Request] { requests.filter { $0.path == "/out/src/\(name)" } }

    @Test func waitingReadsHoldUpNobodyElse() async throws {
        try await Self.withMount { site, origin in
            // Backwards, so that nothing is fetched ahead.
            for i in (0..<8).reversed() { #expect(try await site.read("read", "a", at: i * Self.chunk, length: Self.chunk) == "same") }
            origin.rule { $0.path == "/out/src/a" ? .hold : .answer }
            // Far more than the 12 background requests of the kernel's default, in three chunks.
            let readers = try (0..<36).map { i in
                try site.reader("pread", "a", at: (16 + 4 * (i % 3)) * Self.chunk + (i / 3) * 8192, length: 4096)
            }
            try await site.waiting(readers)
            for method in TreeOnMountTests.methods {
                // Present in the store, not in the page cache: reading it sends requests through the connection.
                _ = try await site.probe(["forget", "\(site.mountpoint)/a"]).finish()
                #expect(try await site.read(method, "a", length: 8 * Self.chunk) == "same", "present data of the same file by \(method)")
            }
            #expect(try await site.read("read", "b", length: 2 << 20) == "same", "missing data of another file")
            #expect(try await site.shell("ls -l \(site.mountpoint) | wc -l") == "4\n")
            #expect(try await site.status().readersWaiting == 36)
            origin.open()
            for reader in readers { #expect(try await reader.finish().output.hasSuffix("same\n")) }
        }
    }

    @Test func readersGoOnInTheOrderInWhichBlocksArrive() async throws {
        try await Self.withMount { site, origin in
            origin.rule { $0.path == "/out/src/a" ? .hold : .answer }
            let chunks = [4, 9, 14, 19, 24]
            let readers = try chunks.map { try site.reader("pread", "a", at: $0 * Self.chunk + 40960, length: 4096) }
            try await site.reaches("has five readers waiting") { $0.readersWaiting == 5 }
            var released: Set<Int> = []
            for index in [2, 0, 4, 1, 3] {
                released.insert(chunks[index])
                let answered = released
                origin.rule { request in
                    request.path != "/out/src/a" || answered.contains { request.range.contains($0 * Self.chunk) } ? .answer : .hold
                }
                #expect(try await readers[index].finish(seconds: 10).output.hasSuffix("same\n"))
                let status = try await site.status()
                #expect(status.readersWaiting == 5 - released.count)
                #expect(Set(status.waits.map { Int($0.block) * 4096 / Self.chunk }) == Set(chunks).subtracting(released))
            }
        }
    }

    @Test func nobodyWaitsForABlockThatHeDidNotAskFor() async throws {
        try await Self.withMount { site, origin in
            // The kernel's readahead window reaches into the next chunk, which never comes.
            for (chunk, method) in [(2, "read"), (6, "shared"), (10, "pread"), (14, "splice"), (18, "sendfile"), (22, "private"), (26, "direct")] {
                let held = (chunk + 1) * Self.chunk
                origin.rule { $0.path == "/out/src/a" && $0.range.upperBound > held ? .hold : .answer }
                let said = try await site.reader(method, "a", at: held - 8192, length: 8192).finish(seconds: 10)
                #expect(said.output.hasSuffix("same\n"), "\(method): \(said)")
            }
        }
    }

    @Test func theRestOfAWindowIsPushedBeforeTheAnswer() async throws {
        try await Self.withMount { site, _ in
            // One page is read, at random: the kernel asks for no other. The rest of its chunk is in the page cache afterwards.
            var pushed = 0
            for chunk in [3, 8, 13, 18, 23, 28] {
                let said = try await site.probe(["pushed", "\(site.mountpoint)/a", "\(chunk * Self.chunk)", "\(Self.chunk)"]).finish()
                if said.output == "0 then 32\n" { pushed += 1 }
            }
            // A push that takes longer than 20 ms does not hold the answer up, so one or two may come late on a busy machine.
            #expect(pushed >= 4)
        }
    }

    @Test func manyReadersOfOneWindowDoNotStopEachOther() async throws {
        try await Self.withMount { site, origin in
            origin.delay(milliseconds: 5)
            for name in ["a", "c"] {
                let methods = ["read", "read", "shared", "splice", "pread", "sendfile"]
                let readers = try methods.map { try site.reader($0, name, length: 4 << 20) }
                for (method, reader) in zip(methods, readers) {
                    let said = try await reader.finish(seconds: 40)
                    #expect(said.output.hasSuffix("same\n"), "\(method): \(said)")
                }
            }
            #expect(try await site.status().readersWaiting == 0)
        }
    }

    @Test func aSequentialReaderHasSeveralRequestsUnderWay() async throws {
        try await Self.withMount { site, origin in
            origin.rule { $0.path == "/out/src/a" ? .hold : .answer }
            let reader = try site.reader("read", "a", length: 4 << 20)
            // The chunk that is waited for and the next one, before either is answered.
            try await origin.reached("two requests") { Self.of("a", $0).count >= 2 }
            origin.resetMostInFlight()
            origin.rule { _ in .answer }
            origin.delay(milliseconds: 20)
            #expect(try await reader.finish().output.hasSuffix("same\n"))
            #expect(origin.mostInFlight >= 4, "the window opens as the reader goes on")
            // Nothing is fetched twice on the way.
            let ranges = Self.of("a", origin.requests).map(\.range).sorted { $0.lowerBound < $1.lowerBound }
            #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }, "\(ranges)")
        }
    }

    @Test func aReaderGoesBeforeTheFill() async throws {
        try await MountSite.with { site in
            try site.addRandom("a", count: 16 << 20, seed: 4)
            try site.addRandom("last", count: 4 << 20, seed: 5)
            try await site.publish(inPlace: true)
            let origin = try ControlledOrigin(root: site.directory)
            do {
                // The fill gets its first megabyte, and then nothing more.
                origin.rule { $0.path == "/out/src/a" && $0.range.lowerBound >= 1 << 20 ? .hold : .answer }
                try await site.mount(origin.address)
                try await origin.reached("the fill") { Self.of("a", $0).contains { $0.range.lowerBound >= 1 << 20 } }
                #expect(try await site.read("pread", "last", at: 17 * Self.chunk, length: 4096) == "same")
                #expect(try await site.read("read", "last", length: 2 << 20) == "same")
                #expect(!Self.of("a", origin.requests).contains { $0.range.lowerBound >= 1 << 20 && $0.answered })
                // A reader of what the fill has asked for needs no second request, and of the rest he is first.
                origin.rule { $0.path == "/out/src/a" && $0.range.lowerBound >= 1 << 20 && !$0.range.contains(15 << 20) ? .hold : .answer }
                #expect(try await site.read("pread", "a", at: 15 << 20, length: 4096) == "same")
                origin.open()
                try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "30")
            } catch {
                try? await site.close()
                origin.stop()
                throw error
            }
            try await site.close()
            origin.stop()
        }
    }
}

extension String {
    /// A step that the rest of a test builds on.
    func expectSame(_ what: String) throws { if self != "same" { throw MountTestFailure("\(what): \(self)") } }
}
