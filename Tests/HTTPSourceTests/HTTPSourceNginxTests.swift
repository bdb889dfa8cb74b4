import BlockLoading
import Testing
import TestOrigins

@testable import HTTPSource

/// Debian's nginx as an origin that nobody here wrote.
@Suite struct HTTPSourceNginxTests {
    @Test func parallelRangesOverFewKeptAliveConnections() async throws {
        let nginx = try Nginx()
        defer { nginx.stop() }
        let file = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 131 >> 3) }
        try nginx.put("app.incfs", Array("envelope".utf8))
        try nginx.put("a b%\u{e9}#?", file)
        let source = try HTTPSource(address: nginx.address("/app.incfs?x=y"))
        #expect(try await source.readUpTo(path: [], offset: 0, length: 4096) == Array("envelope".utf8))
        let path = Array("a b%\u{e9}#?".utf8)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for i in 0..<25 {
                        let offset = (worker * 25 + i) * 5000
                        if try await source.read(path: path, offset: UInt64(offset), length: 5000) != Array(file[offset..<offset + 5000]) { return false }
                    }
                    return true
                }
            }
            for try await right in group { #expect(right) }
        }
        await source.shutdown()
        nginx.interrupt()
        let requests = try nginx.requests()
        #expect(requests.count == 201)
        #expect(requests.allSatisfy { $0.status == 206 })
        #expect(Set(requests.map(\.connection)).count <= 8)
        #expect(Set(requests.dropFirst().map(\.range)).count == 200)
        #expect(requests.allSatisfy { $0.path.hasSuffix("?x=y") })
    }

    @Test func aRestartOfTheServerIsAnOutageAndNoMore() async throws {
        let nginx = try Nginx()
        defer { nginx.stop() }
        try nginx.put("app.incfs", Array("envelope".utf8))
        let source = try HTTPSource(address: nginx.address("/app.incfs"))
        #expect(try await source.read(path: [], offset: 0, length: 8) == Array("envelope".utf8))
        nginx.interrupt()
        var kinds: [SourceError.Kind] = []
        for _ in 0..<3 {
            do { _ = try await source.read(path: [], offset: 0, length: 8) } catch { kinds.append(error.kind) }
        }
        #expect(kinds.count == 3 && kinds.allSatisfy { $0 == .unreachable || $0 == .temporary } && kinds.last == .unreachable)
        try nginx.start()
        #expect(try await source.read(path: [], offset: 0, length: 8) == Array("envelope".utf8))
        await source.shutdown()
    }

    @Test func anEmptyFileAndPastTheEnd() async throws {
        let nginx = try Nginx()
        defer { nginx.stop() }
        try nginx.put("empty", [])
        let source = try HTTPSource(address: nginx.address("/empty"))
        #expect(try await source.readUpTo(path: [], offset: 0, length: 100) == [])
        #expect(try await source.readUpTo(path: [], offset: 10, length: 100) == [])
        do {
            _ = try await source.read(path: Array("none".utf8), offset: 0, length: 1)
            Issue.record("no error")
        } catch {
            #expect(error.kind == .final(errno: 5) && error.message.contains("404"))
        }
        await source.shutdown()
    }
}
