import Glibc
import LinuxSystem
import Testing

@testable import ControlAPI

/// A server on a socket of its own, closed with the test.
private struct Fixture {
    let directory = TemporaryDirectory()
    let handler = TestHandler()
    let server: ControlServer
    var path: FilePath { directory.path.appending("s") }

    init(owner: UInt32 = geteuid()) throws {
        server = try ControlServer(listening: SystemCalls.listen(atSocket: directory.path.appending("s")), owner: owner, handler: handler)
    }

    func withClient<Value: Sendable>(_ body: @escaping @Sendable (ControlClient) throws -> Value) async throws -> Value {
        let path = path
        return try await onThread { try body(try ControlClient(connectingTo: path)) }
    }

    func close() async throws { let server = server; try await onThread { server.close() } }
}

@Suite(.timeLimit(.minutes(1))) struct ControlServerTests {
    @Test func requestsOfOneConnectionAreAnsweredInOrder() async throws {
        let fixture = try Fixture()
        try await fixture.withClient { client in
            #expect(try client.call(.hello) == .hello(HelloReport(daemonPid: 4711, version: "test")))
            #expect(try client.call(.unmount(UnmountRequest(mountpoint: "/m"))) == .done)
            guard case .status(let report) = try client.call(.status(StatusRequest()), timeoutSeconds: 10) else { Issue.record("no status"); return }
            #expect(report.daemonPid == 4711)
        }
        #expect(fixture.handler.events == ["unmount /m"])
        try await fixture.close()
    }

    @Test func errorsArriveAsTheyWereThrown() async throws {
        let fixture = try Fixture()
        try await fixture.withClient { client in
            let known = #expect(throws: ControlError.self) { try client.call(.unmount(UnmountRequest(mountpoint: "/none"))) }
            #expect(known == ControlError(.notMounted, "Nothing is mounted at /none."))
            let odd = #expect(throws: ControlError.self) { try client.call(.verify(VerifyRequest(mountpoint: "/m"))) }
            #expect(odd?.code == .internalFailure)
            let cancelled = #expect(throws: ControlError.self) { try client.call(.prefetch(PrefetchRequest(mountpoint: "/m", paths: []))) }
            #expect(cancelled?.code == .cancelled)
        }
        try await fixture.close()
    }

    @Test func progressComesBeforeTheAnswer() async throws {
        let fixture = try Fixture()
        let seen = try await fixture.withClient { client in
            var seen: [UInt64] = []
            let answer = try client.call(.wait(WaitRequest(mountpoint: "/m"))) { seen.append($0.done) }
            #expect(answer == .done)
            return seen
        }
        #expect(seen == [1, 2])
        try await fixture.close()
    }

    @Test func aClientThatLeavesCancelsItsRequest() async throws {
        let fixture = try Fixture()
        let (near, far) = try SystemCalls.pipe()
        let path = fixture.path
        async let call: Void = onThread {
            let client = try ControlClient(connectingTo: path)
            client.interruption = near
            let error = #expect(throws: ControlError.self) { try client.call(.mount(MountRequest(address: "/slow", mountpoint: "/m"))) }
            #expect(error?.code == .cancelled)
        }
        try await fixture.handler.reached("mount /m")
        _ = try [1 as UInt8].withUnsafeBytes { try SystemCalls.write(far, $0) }
        try await call
        try await fixture.handler.reached("mount cancelled")
        try await fixture.close()
        SystemCalls.close(near)
        SystemCalls.close(far)
    }

    @Test func aMountNobodyHearsOfIsTakenBack() async throws {
        let fixture = try Fixture()
        try await fixture.withClient { client in
            _ = #expect(throws: ControlError.self) { try client.call(.mount(MountRequest(address: "/stubborn", mountpoint: "/m")), timeoutSeconds: 0.05) }
        }
        try await fixture.handler.reached("unmount /m lazily")
        try await fixture.close()
    }

    @Test func aLeasedMountEndsWithItsConnectionAndAnotherStays() async throws {
        let fixture = try Fixture()
        try await fixture.withClient { client in
            _ = try client.call(.mount(MountRequest(address: "/a", mountpoint: "/leased", lease: true)))
            _ = try client.call(.mount(MountRequest(address: "/a", mountpoint: "/stays")))
        }
        try await fixture.handler.reached("unmount /leased lazily")
        try await fixture.close()
        #expect(fixture.handler.events == ["mount /leased", "mount /stays", "unmount /leased lazily"])
    }

    @Test func closingCancelsAndStillAnswers() async throws {
        let fixture = try Fixture()
        async let answer: ControlError? = fixture.withClient { client in
            #expect(throws: ControlError.self) { try client.call(.mount(MountRequest(address: "/slow", mountpoint: "/m"))) }
        }
        try await fixture.handler.reached("mount /m")
        try await fixture.close()
        #expect(try await answer?.code == .cancelled)
    }

    @Test func hostileBytesGetAnErrorAndHarmNobodyElse() async throws {
        let fixture = try Fixture()
        let path = fixture.path
        for (bytes, code) in [
            (Array("not json\n".utf8), "bad_request"), (Array("{\"v\":1,\"op\":\"x\"}\n".utf8), "unknown_request"),
            ([UInt8](repeating: 0x20, count: ControlProtocol.maximumRequestLength), "line_too_long"), ([UInt8](repeating: 0x5b, count: 500_000) + [0x0a], "bad_request"),
        ] {
            let said = try await onThread {
                let socket = try SystemCalls.connect(toSocket: path)
                // The server may refuse, and close, before it has read everything.
                try? SystemCalls.sendAll(socket.rawValue, bytes)
                var said: [UInt8] = [], chunk = [UInt8](repeating: 0, count: 4096)
                while let n = chunk.withUnsafeMutableBytes({ try? SystemCalls.read(socket.rawValue, into: $0) }), n > 0 { said += chunk[..<n] }
                return String(decoding: said, as: UTF8.self)
            }
            #expect(said.contains("\"code\":\"\(code)\""), "\(said)")
        }
        let hello = try await fixture.withClient { try $0.call(.hello) }
        #expect(hello == .hello(HelloReport(daemonPid: 4711, version: "test")))
        try await fixture.close()
    }

    @Test func oneConnectionTooManyIsTold() async throws {
        let fixture = try Fixture()
        let path = fixture.path
        try await onThread {
            var clients: [ControlClient] = []
            for _ in 0..<ControlProtocol.maximumConnections {
                let client = try ControlClient(connectingTo: path)
                _ = try client.call(.hello)
                clients.append(client)
            }
            let error = #expect(throws: ControlError.self) { try ControlClient(connectingTo: path).call(.hello) }
            #expect(error?.code == .busy)
            _ = try clients[0].call(.hello)
        }
        try await fixture.close()
    }

    @Test func somebodyElsesDaemonAnswersNobodyButRoot() async throws {
        let fixture = try Fixture(owner: 4_000_000)
        let refusal = try await fixture.withClient { client -> ControlError? in
            do throws(ControlError) { _ = try client.call(.hello) } catch { return error }
            return nil
        }
        #expect(refusal?.code == (geteuid() == 0 ? nil : .permission))
        try await fixture.close()
    }
}
