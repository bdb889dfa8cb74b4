import Glibc
import LinuxSystem
import MountTesting
import Testing

/// Signals to programs that wait for a missing block.
@Suite(.serialized, .timeLimit(.minutes(3))) struct InterruptTests {
    static let ways = ["pread", "read", "shared", "private", "populate", "direct", "sendfile", "splice", "exec"]

    /// A mount on which no content ever comes, until the rule of the origin is changed. One file for each way and signal.
    static func withSilentOrigin(_ files: [String], _ body: @Sendable (MountSite, ControlledOrigin) async throws -> Void) async throws {
        try await MountSite.with { site in
            for (i, file) in files.enumerated() { try site.addRandom(file, count: 400_000, seed: UInt64(i + 1)) }
            try await site.shell("chmod 755 \(site.source)/*")
            try await site.publish(inPlace: true)
            let origin = try ControlledOrigin(root: site.directory)
            origin.rule { $0.path.hasPrefix("/out/src/") ? .hold : .answer }
            do {
                try await site.mount(origin.address, "--no-fill")
                try await body(site, origin)
            } catch {
                try? await site.close()
                origin.stop()
                throw error
            }
            try await site.close()
            origin.stop()
        }
    }

    static func start(_ way: String, _ file: String, _ site: MountSite) throws -> ChildProcess {
        way == "exec" ? try site.probe(["exec", "\(site.mountpoint)/\(file)"]) : try site.reader(way, file, at: 135_168, length: 200_000)
    }

    @Test(arguments: [SIGKILL, SIGTERM, SIGINT, SIGQUIT]) func aFatalSignalEndsAWaitingReader(_ signal: CInt) async throws {
        try await Self.withSilentOrigin(Self.ways) { site, _ in
            // Where the kernel looks for SIGKILL (and what it turns into it) only, a signal that dumps core has to wait for the block:
            // in a random pread, whose page counts as read ahead, and in populating a mapping, which it takes up again and again.
            for way in Self.ways where signal != SIGQUIT || !["pread", "populate"].contains(way) {
                let reader = try Self.start(way, way, site)
                try await site.waiting(reader)
                let (milliseconds, status) = try await reader.end(by: signal, "a reader by \(way)")
                #expect(status == 128 + signal, "\(way)")
                // 100 ms is the promise; a busy machine is not its fault.
                #expect(milliseconds < 500, "\(way) took \(milliseconds) ms")
            }
            // And nobody is left in the table who is not there any more, once the kernel has told.
            try await site.reaches("has no reader of the interrupted kind", seconds: 5) { $0.waits.allSatisfy { $0.path == "pread" } }
            #expect(try await site.status().errors.failedReads == 0)
        }
    }

    @Test func readersInFilesWithOthersWaitingCanBeKilled() async throws {
        try await Self.withSilentOrigin(["shared-file"]) { site, origin in
            // All wait for pages of one chunk, some for the very same page.
            let ways = ["read", "pread", "shared", "read", "splice", "direct"]
            let readers = try ways.map { try Self.start($0, "shared-file", site) }
            try await site.reaches("has a reader waiting") { $0.readersWaiting >= 1 }
            for reader in readers[..<4] { #expect(try await reader.line() == "ready") }
            for (way, reader) in zip(ways, readers).dropLast(2) {
                let (milliseconds, status) = try await reader.end(by: SIGKILL)
                #expect(status == 137 && milliseconds < 500, "\(way) took \(milliseconds) ms")
            }
            origin.open()
            for reader in readers.suffix(2) { #expect(try await reader.finish().output.hasSuffix("same\n")) }
        }
    }

    @Test func aHandledSignalDoesNotDisturbAWaitingRead() async throws {
        let ways = Self.ways.dropLast()
        try await Self.withSilentOrigin(Array(ways)) { site, origin in
            // sendfile(2) itself looks for signals between reading and writing, on every file system: there the handler restarts.
            let readers = try ways.map { try site.reader($0, $0, length: 400_000, environment: [$0 == "sendfile" ? "PROBE_RESTARTING_ALARM" : "PROBE_ALARM": "10"]) }
            try await site.reaches("has all readers waiting") { $0.readersWaiting >= ways.count }
            // Each gets dozens of signals while it waits.
            try await Task.sleep(nanoseconds: 300_000_000)
            origin.open()
            for (way, reader) in zip(ways, readers) {
                let said = try await reader.finish()
                let lines = said.output.split(separator: "\n")
                #expect(lines.last == "same", "\(way): \(said)")
                #expect((lines.dropLast().last?.split(separator: " ").last).flatMap { Int($0) } ?? 0 > 0, "\(way) had no signal: \(said)")
            }
            #expect(try await site.status().errors.failedReads == 0)
        }
    }

    @Test func aProgramIsStoppedAndGoesOn() async throws {
        try await Self.withSilentOrigin(["x"]) { site, origin in
            let reader = try site.reader("shared", "x", length: 400_000)
            try await site.waiting(reader)
            reader.signal(SIGSTOP)
            origin.open()
            reader.signal(SIGCONT)
            #expect(try await reader.finish().output.hasSuffix("same\n"))
        }
    }
}
