import BlockLoading
import Synchronization
import Testing
import TestOrigins

@testable import HTTPSource

@Suite struct HTTPSourceMisbehaviourTests {
    static let file = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    /// A source over `/dir/app.incfs` of a misbehaving origin, with short time-outs.
    private func withOrigin(
        _ script: (MisbehavingOrigin) -> Void, query: String = "", log: @escaping LoaderLog = { _, _ in }, proxy: ProxySettings = ProxySettings(),
        _ body: (HTTPSource, MisbehavingOrigin) async throws -> Void
    ) async throws {
        let origin = MisbehavingOrigin(files: ["/dir/app.incfs": Self.file, "/dir/packs/0": Self.file, "/else/0": Self.file])
        script(origin)
        var configuration = HTTPSourceConfiguration()
        configuration.connectTimeout = 500
        configuration.stallTimeout = 200
        configuration.proxy = proxy
        let source = try HTTPSource(address: origin.address("/dir/app.incfs") + query, configuration: configuration, log: log)
        do {
            try await body(source, origin)
        } catch {
            Issue.record(error)
        }
        await source.shutdown()
        origin.stop()
    }

    private func failure(_ source: HTTPSource, _ offset: UInt64 = 1000, _ length: Int = 500) async -> SourceError? {
        do { _ = try await source.read(path: Array("packs/0".utf8), offset: offset, length: length); return nil } catch { return error }
    }
    private func read(_ source: HTTPSource, _ offset: UInt64 = 1000, _ length: Int = 500) async throws -> [UInt8] {
        try await source.read(path: Array("packs/0".utf8), offset: offset, length: length)
    }
    private let expected = Array(file[1000..<1500])

    @Test func anHonestOriginOverOneConnection() async throws {
        try await withOrigin({ _ in }, query: "?token=t%20u#sha256=00") { (source, origin) async throws -> Void in
            for _ in 0..<5 { #expect(try await read(source) == expected) }
            #expect(try await source.readUpTo(path: [], offset: 19_990, length: 100) == Array(Self.file[19_990...]))
            #expect(try await source.readUpTo(path: [], offset: 20_000, length: 100) == [])
            #expect(origin.connections == 1)
            let request = origin.requests[0]
            #expect(request.target == "/dir/packs/0?token=t%20u")
            #expect(request.headers["range"] == "bytes=1000-1499" && request.headers["accept-encoding"] == "identity")
            #expect(request.headers["cache-control"] == nil)
            _ = try await source.read(path: [], offset: 0, length: 1, options: ReadOptions(bypassCaches: true))
            #expect(origin.requests.last?.headers["cache-control"] == "no-cache")
            #expect(!source.name.contains("token"))
        }
    }

    @Test func rangeIgnoredOnASmallFile() async throws {
        try await withOrigin({ $0.script("/dir/packs/0", .ignoreRange(), .ignoreRange(announce: false)) }) { (source, _) async throws -> Void in
            #expect(try await read(source) == expected)
            #expect(try await read(source) == expected)
            #expect(await failure(source, 19_900, 200)?.kind == .final(errno: 5))
            #expect(try await source.readUpTo(path: Array("packs/0".utf8), offset: 19_999, length: 9).count == 1)
            #expect(source.statistics.wholeFiles == 4)
        }
    }

    @Test(arguments: [true, false])
    func rangeIgnoredOnALargeFile(_ announce: Bool) async throws {
        let large = [UInt8](repeating: 7, count: 6 << 20)
        let origin = MisbehavingOrigin(files: ["/big": large])
        origin.script("/big", .ignoreRange(announce: announce))
        let source = try HTTPSource(address: origin.address("/big"))
        do {
            _ = try await source.read(path: [], offset: 5, length: 10)
            Issue.record("no error")
        } catch {
            #expect(error.kind == .final(errno: 5))
            #expect(error.message.contains("ignores Range"))
        }
        #expect(try await source.read(path: [], offset: 0, length: large.count) == large)
        await source.shutdown()
        origin.stop()
    }

    @Test(arguments: [
        (Misbehaviour.shiftRange(by: 5), "where bytes 1000-1499 were asked for"), (.omitContentRange, "206 without Content-Range"),
        (.shortBody(by: 100), "closed in the middle"), (.longBody(by: 3), "announces 503 bytes for 500"), (.overrun(by: 3), "more than the 500 bytes"),
        (.webPage, "login page"), (.stall, "no byte came for too long"), (.silence, "no byte came for too long"), (.drop, "closed in the middle"),
        (.status(500), "server error (500"), (.status(503), "503"),
    ])
    func whatMayPassIsTemporaryAndPasses(_ step: Misbehaviour, _ words: String) async throws {
        try await withOrigin({ $0.script("/dir/packs/0", step, .honest) }) { (source, origin) async throws -> Void in
            let error = await failure(source)
            #expect(error?.kind == .temporary)
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "none")")
            #expect(error?.message.contains(origin.address("/dir/packs/0")) == true)
            #expect(try await read(source) == expected)
        }
    }

    @Test func finalAnswers() async throws {
        try await withOrigin({ $0.script("/dir/packs/0", .status(404), .status(403), .status(410), .encoded("gzip"), .honest) }) { (source, _) async throws -> Void in
            for words in ["404", "403", "410", "gzip"] {
                let error = await failure(source)
                #expect(error?.kind == .final(errno: 5) && error?.message.contains(words) == true)
            }
            #expect(await failure(source, 19_999, 2)?.message.contains("ends after 20000 bytes") == true)
            #expect(await failure(source, 50_000, 2)?.message.contains("has 20000 bytes") == true)
        }
    }

    @Test func askedToWait() async throws {
        try await withOrigin({ $0.script("/dir/packs/0", .status(429, ["Retry-After": "7"]), .honest) }) { (source, _) async throws -> Void in
            #expect(await failure(source)?.kind == .throttled(retryAfter: .seconds(7)))
            #expect(try await read(source) == expected)
        }
    }

    @Test func redirectsKeepTheRangeAndLeaveCredentialsBehind() async throws {
        let other = MisbehavingOrigin(files: ["/else/0": Self.file])
        let origin = MisbehavingOrigin(files: [:])
        origin.script("/dir/packs/0", .redirect("../moved", status: 301))
        origin.script("/dir/moved", .redirect(other.address("/else/0"), status: 307))
        let source = try HTTPSource(address: "http://me:p%40ss@127.0.0.1:\(origin.port)/dir/app.incfs")
        #expect(try await read(source) == expected)
        #expect(origin.requests.map { $0.headers["authorization"] } == ["Basic bWU6cEBzcw==", "Basic bWU6cEBzcw=="])
        #expect(other.requests.map { $0.headers["authorization"] } == [nil])
        #expect(other.requests.map { $0.headers["range"] } == ["bytes=1000-1499"])
        #expect(source.statistics.redirects == 2)
        await source.shutdown()
        origin.stop()
        other.stop()
    }

    @Test func redirectsInACircle() async throws {
        try await withOrigin({ $0.script("/dir/packs/0", .redirect("0")) }) { (source, origin) async throws -> Void in
            let error = await failure(source)
            #expect(error?.kind == .final(errno: 5) && error?.message.contains("circle") == true)
            #expect(origin.requests.count == 11)
        }
    }

    @Test func aChangedTagIsLoggedOnceAndNeverAnError() async throws {
        let lines = Mutex<[String]>([])
        let script = { (origin: MisbehavingOrigin) in origin.script("/dir/packs/0", .tagged("\"a\""), .tagged("\"b\""), .tagged("\"a\""), .tagged("\"b\"")) }
        try await withOrigin(script, log: { _, line in lines.withLock { $0.append(line) } }) { (source, _) async throws -> Void in
            for _ in 0..<5 { #expect(try await read(source) == expected) }
            #expect(source.statistics.changedAtOrigin == 3)
        }
        #expect(lines.withLock { $0.count } == 1)
        #expect(lines.withLock { $0[0] }.contains("changed at the origin"))
    }

    @Test func nobodyListens() async throws {
        let origin = MisbehavingOrigin(files: [:])
        let address = origin.address("/x")
        origin.stop()
        let source = try HTTPSource(address: address)
        let error = await failure(source)
        #expect(error?.kind == .unreachable)
        #expect(error?.message.contains("cannot reach \(address.dropLast(2))/packs/0: connection refused") == true, "\(error?.message ?? "none")")
        await source.shutdown()
        #expect(await failure(source)?.message.contains("closed") == true)
    }

    @Test func anUnknownName() async throws {
        let source = try HTTPSource(address: "http://no-such-host.invalid/x")
        let error = await failure(source)
        #expect(error?.kind == .unreachable)
        #expect(error?.message.contains("no-such-host.invalid") == true, "\(error?.message ?? "none")")
        await source.shutdown()
    }

    @Test func aProxyGetsTheAbsoluteForm() async throws {
        let proxy = MisbehavingOrigin(files: ["http://files.example/dir/packs/0": Self.file])
        var configuration = HTTPSourceConfiguration()
        configuration.proxy = ProxySettings(forHTTP: .init(host: "127.0.0.1", port: proxy.port, credentials: "u:p", isSOCKS: false))
        let source = try HTTPSource(address: "http://files.example/dir/app.incfs?q=1", configuration: configuration)
        #expect(try await read(source) == expected)
        let request = proxy.requests[0]
        #expect(request.target == "http://files.example/dir/packs/0?q=1")
        #expect(request.headers["host"] == "files.example" && request.headers["proxy-authorization"] == "Basic dTpw")
        await source.shutdown()
        proxy.stop()
    }

    @Test func cancellationEndsAReadThatHangs() async throws {
        try await withOrigin({ $0.script("/dir/packs/0", .silence) }) { (source, origin) async throws -> Void in
            let task = Task { await failure(source) }
            #expect(await origin.requests(atLeast: 1))
            task.cancel()
            #expect(await task.value != nil)
        }
    }
}
