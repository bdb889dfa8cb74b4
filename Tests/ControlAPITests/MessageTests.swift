import Testing

@testable import ControlAPI

@Suite struct MessageTests {
    static let requests: [ControlRequest] = [
        .hello,
        .mount(MountRequest(address: "https://h/a.incfs", root: String(repeating: "ab", count: 32), mountpoint: "/mnt/ü \"\\\n", fill: false,
                            readTimeoutSeconds: 1.5, insecure: true, allowOther: true, lease: true,
                            network: NetworkEnvironment(httpProxy: "http://p:1", httpsProxy: "http://p:2", noProxy: "a,b"))),
        .mount(MountRequest(address: "/a", mountpoint: "/m")),
        .unmount(UnmountRequest(mountpoint: "/m", lazy: true)),
        .status(StatusRequest()), .status(StatusRequest(mountpoint: "/m", files: true)),
        .wait(WaitRequest(mountpoint: "/m", timeoutSeconds: 0)),
        .verify(VerifyRequest(mountpoint: "/m")),
        .verify(VerifyRequest(address: "/a", root: nil, insecure: false, network: NetworkEnvironment())),
        .prefetch(PrefetchRequest(mountpoint: "/m", paths: [WirePath("a"), WirePath(bytes: [0xff, 0x61])])),
        .stop(StopRequest(onlyIfIdle: true)),
        .storeList,
        .storeRemove(StoreRemoveRequest(names: ["app", "0123abcd"], unused: true)),
    ]

    static var replies: [ControlReply] {
        var mount = MountStatus(mountpoint: "/m", address: "a", name: "n", release: "r", root: "0")
        mount.waits = [ReaderWait(path: WirePath(bytes: [0x80]), block: 3, seconds: 0.25, pid: 7)]
        mount.files = [FileReport(path: WirePath("f"), size: .max, blocksPresent: 1, blocksTotal: 2, touched: true)]
        mount.fillState = .waiting
        return [
            .done, .hello(HelloReport(daemonPid: 1, version: "1")),
            .progress(ProgressReport(done: 1, total: 2, bytesPerSecond: 3, secondsLeft: 4, note: "n")),
            .mounted(MountReport(mountpoint: "/m", address: "a", name: "n", release: "", root: "", files: 1, bytes: 2, daemonPid: 3)),
            .status(StatusReport(daemonPid: 1, keeperPid: 2, version: "v", store: "/s", mounts: [mount])),
            .verified(VerifyReport(blocksChecked: 1, blocksMissing: 2, problems: [VerifyProblem(path: WirePath("f"), firstBlock: 1, blockCount: 2, problem: "p")])),
            .error(ControlError(.timedOut, "m", hint: "h", errno: 62)),
        ]
    }

    @Test(arguments: requests) func requestsComeBackAsTheyWere(_ request: ControlRequest) throws {
        let line = ControlProtocol.line(request)
        #expect(line.last == 0x0a && line.filter { $0 == 0x0a }.count == 1)
        #expect(try ControlProtocol.decode(ControlRequest.self, line.dropLast()) == request)
    }

    @Test(arguments: replies) func repliesComeBackAsTheyWere(_ reply: ControlReply) throws {
        let line = ControlProtocol.line(reply)
        #expect(line.filter { $0 == 0x0a }.count == 1)
        #expect(try ControlProtocol.decode(ControlReply.self, line.dropLast()) == reply)
    }

    @Test func theWireFormIsTheDocumentedOne() {
        #expect(String(decoding: ControlProtocol.line(ControlRequest.unmount(UnmountRequest(mountpoint: "/m"))), as: UTF8.self)
            == #"{"body":{"lazy":false,"mountpoint":"/m"},"op":"unmount","v":1}"# + "\n")
        #expect(String(decoding: ControlProtocol.line(ControlReply.hello(HelloReport(daemonPid: 12, version: "0"))), as: UTF8.self)
            == #"{"body":{"daemon_pid":12,"version":"0"},"kind":"hello","v":1}"# + "\n")
    }

    @Test func unknownFieldsAreIgnored() throws {
        let line = Array(#"{"v":1,"op":"unmount","later":[1],"body":{"mountpoint":"/m","lazy":true,"more":{}}}"#.utf8)
        #expect(try ControlProtocol.decode(ControlRequest.self, line) == .unmount(UnmountRequest(mountpoint: "/m", lazy: true)))
    }

    @Test(arguments: [
        ("", ControlError.Code.badRequest), ("{}", .badRequest), ("[]", .badRequest), ("null", .badRequest), ("{\"v\":1", .badRequest),
        (#"{"v":1,"op":"mount"}"#, .badRequest), (#"{"v":1,"op":"mount","body":{}}"#, .badRequest), (#"{"v":1,"op":"mount","body":7}"#, .badRequest),
        (#"{"v":1,"op":"unmount","body":{"mountpoint":5,"lazy":false}}"#, .badRequest), (#"{"v":1e999,"op":"hello"}"#, .badRequest),
        (#"{"v":2,"op":"hello"}"#, .protocolVersion), (#"{"v":-9223372036854775808,"op":"hello"}"#, .protocolVersion),
        (#"{"v":1,"op":"format_disk","body":{}}"#, .unknownRequest), ("\u{0}\u{1}\u{2}", .badRequest),
    ])
    func hostileLinesAreRefused(_ text: String, _ code: ControlError.Code) {
        let error = #expect(throws: ControlError.self) { try ControlProtocol.decode(ControlRequest.self, Array(text.utf8)) }
        #expect(error?.code == code)
    }

    @Test func deepAndBrokenBytesAreRefused() {
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(throws: ControlError.self) { try ControlProtocol.decode(ControlRequest.self, deep) }
        #expect(throws: ControlError.self) { try ControlProtocol.decode(ControlRequest.self, [0xff, 0xfe, 0x7b, 0x7d]) }
        let valid = ControlProtocol.line(Self.requests[1])
        for end in 0..<(valid.count - 1) {
            #expect(throws: ControlError.self) { try ControlProtocol.decode(ControlRequest.self, Array(valid[..<end])) }
        }
    }

    @Test func anErrorOfALaterVersionIsStillReadable() throws {
        let line = Array(#"{"v":9,"kind":"error","body":{"code":"new_code","message":"No."}}"#.utf8)
        #expect(try ControlProtocol.decode(ControlReply.self, line) == .error(ControlError(ControlError.Code(rawValue: "new_code"), "No.")))
    }

    @Test func namesOfAnyBytesSurvive() {
        for bytes in [[0x61], [0xff], [0xc3, 0xa9], [0xed, 0xa0, 0x80], [0x80, 0x2f, 0x00]] as [[UInt8]] {
            let path = WirePath(bytes: bytes)
            #expect(path.bytes == bytes)
            #expect((path.pathBytes == nil) == (String(validating: bytes, as: UTF8.self) != nil))
        }
        #expect(Hexadecimal.bytes("0") == nil && Hexadecimal.bytes("0g") == nil && Hexadecimal.bytes("0aFF") == [10, 255])
    }

    @Test func authoritiesComeFromTheEnvironment() {
        func authorities(_ environment: [String: String]) -> String? { NetworkEnvironment { environment[$0] }.authorities }
        #expect(authorities([:]) == nil && authorities(["SSL_CERT_FILE": ""]) == nil)
        #expect(authorities(["SSL_CERT_FILE": "/f", "SSL_CERT_DIR": "/d"]) == "/f")
        #expect(authorities(["SSL_CERT_FILE": "", "SSL_CERT_DIR": "/d"]) == "/d")
    }

    /// A daemon takes over mounts whose requests an older one wrote down, and a request of an older program is still one of version 1.
    @Test func theNetworkKeepsItsNameInMessages() {
        for request in Self.requests {
            let line = String(decoding: ControlProtocol.line(request), as: UTF8.self)
            switch request {
            case .mount, .verify: #expect(line.contains("\"proxies\":{") && !line.contains("network"))
            default: break
            }
        }
        #expect(String(decoding: ControlProtocol.line(ControlRequest.list(ListRequest(package: PackageReference(address: "/a", root: nil, insecure: false, network: NetworkEnvironment()), path: WirePath("p"), recursive: false))), as: UTF8.self).contains("\"proxies\":{"))
    }

    @Test func proxiesComeFromTheEnvironment() {
        let some = NetworkEnvironment { ["HTTP_PROXY": "bad", "https_proxy": "s", "HTTPS_PROXY": "S", "NO_PROXY": "n"][$0] }
        #expect(some == NetworkEnvironment(httpProxy: nil, httpsProxy: "s", noProxy: "n"))
        #expect(NetworkEnvironment { $0 == "all_proxy" ? "a" : nil } == NetworkEnvironment(httpProxy: "a", httpsProxy: "a"))
    }
}
