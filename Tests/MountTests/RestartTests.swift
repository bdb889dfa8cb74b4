import Glibc
import LinuxSystem
import MountTesting
import TestOrigins
import Testing

/// The daemon is killed under running programs.
@Suite(.serialized, .timeLimit(.minutes(3))) struct RestartTests {
    /// The whole chunks' worth of answers that nginx has sent, overlaps counted in bytes.
    static func overlap(_ nginx: Nginx) throws -> (sent: Int, twice: Int, partly: Int) {
        var sent = 0, partly = 0
        var ranges: [String: [Range<Int>]] = [:]
        for request in try nginx.requests() where request.status == 206 && !request.path.hasSuffix("app.incfs") {
            let ends = request.range.dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) }
            guard ends.count == 2 else { throw MountTestFailure("an unexpected Range: \(request)") }
            sent += request.bytes
            // Cut off by a kill or by the outage: it did not arrive.
            if request.bytes < ends[1] + 1 - ends[0] { partly += 1 } else { ranges[request.path, default: []].append(ends[0]..<ends[1] + 1) }
        }
        var twice = 0
        for list in ranges.values {
            var end = 0
            for range in list.sorted(by: { $0.lowerBound < $1.lowerBound }) {
                twice += max(0, min(end, range.upperBound) - range.lowerBound)
                end = max(end, range.upperBound)
            }
        }
        return (sent, twice, partly)
    }

    @Test func nothingThatWasStoredIsFetchedAgain() async throws {
        // Slow enough that the last files are still missing when a busy machine gets round to stopping the origin.
        try await OutageTests.withPackage(files: 6, nginx: "limit_rate 200k;") { site, nginx, address, _ in
            try await site.mount(address)
            var daemons: Set<Int32> = []
            for round in 1...3 {
                try await site.reaches("has more than in round \(round - 1)") { $0.blocksPresent > UInt64(round) * 512 }
                // With the origin gone what has arrived is stored, and nothing is on the way: then the log says exactly
                // what was stored before the kill.
                nginx.interrupt()
                try await site.reaches("waits") { $0.fillState == .waiting || $0.complete }
                let readers = try ["read", "pread", "shared", "direct"].enumerated().map { try site.reader($1, "f\(6 - round)", at: $0 << 18, length: 1 << 18) }
                try await site.reaches("has readers waiting") { $0.readersWaiting == 4 }
                let before = try await site.report()
                daemons.insert(before.daemonPid)
                kill(before.daemonPid, SIGKILL)
                try await eventually("another daemon has all that was stored") { () -> Bool? in
                    guard let report = try? await site.report(), report.daemonPid != before.daemonPid, let mount = report.mounts.first else { return nil }
                    return mount.blocksPresent >= before.mounts[0].blocksPresent ? true : nil
                }
                #expect(!readers.contains { !$0.runs })
                try nginx.start()
                for reader in readers {
                    let said = try await reader.finish()
                    #expect(said.output.hasSuffix("same\n"), "round \(round): \(said)")
                }
            }
            #expect(daemons.count == 3)
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "60")
            for i in 0..<6 { #expect(try await site.read("read", "f\(i)", length: 2 << 20) == "same") }
            #expect(try await site.status().errors.failedReads == 0)
            let (sent, twice, partly) = try Self.overlap(nginx)
            #expect(twice == 0, "of \(sent) bytes \(twice) were sent twice; \(partly) answers were cut off")
            #expect(sent >= 12 << 20)
        }
    }

    @Test func killedInFullFlight() async throws {
        try await OutageTests.withPackage(files: 8, nginx: "limit_rate 700k;") { site, nginx, address, _ in
            try await site.mount(address)
            let readers = try (0..<8).map { i in
                try site.startShell("for r in 1 2 3; do \(site.programs)/mount-probe \(["read", "shared", "pread", "direct"][i % 4]) \(site.mountpoint)/f\(i) \(site.source)/f\(i) 0 2097152 || exit 1; done")
            }
            var last: Int32 = 0
            var stored: UInt64 = 0
            for round in 1...5 {
                let previous = last
                // Whatever was stored when the last one was killed is there without having been fetched again: what the new one has fetched
                // (the index, of a page or two, included) is not counted.
                let kept = stored
                let pid = try await eventually("a daemon has all that was stored before round \(round)") { () -> Int32? in
                    guard let report = try? await site.report(), report.daemonPid != previous, let mount = report.mounts.first else { return nil }
                    let found = Int64(mount.blocksPresent) * 4096 - Int64(mount.bytesFetched)
                    return found >= Int64(kept) * 4096 - 65_536 ? report.daemonPid : nil
                }
                try await site.reaches("has fetched something in round \(round)") { $0.bytesFetched > 100_000 || $0.complete }
                stored = try await site.status().blocksPresent
                kill(pid, SIGKILL)
                last = pid
            }
            for (i, reader) in readers.enumerated() {
                let said = try await reader.finish()
                #expect(said.status == 0 && said.output.split(separator: "\n").filter { $0 == "same" }.count == 3, "reader \(i): \(said)")
            }
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "60")
            let verified = try await site.incfs("verify", site.mountpoint.string)
            #expect(verified.hasPrefix("All is well"), "\(verified)")
            #expect(try await site.status().errors.failedReads == 0)
        }
    }
}
