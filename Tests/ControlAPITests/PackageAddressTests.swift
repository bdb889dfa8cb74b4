import Testing

@testable import ControlAPI

@Suite struct PackageAddressTests {
    static let digest = String(repeating: "0aF9", count: 16)

    @Test func pathsBecomeAbsoluteAndKeepTheirOddNames() throws {
        #expect(try PackageAddress("out/a.incfs", relativeTo: "/w").place == .path("/w/out/a.incfs"))
        #expect(try PackageAddress("/p/a#b.incfs", relativeTo: "/w").place == .path("/p/a#b.incfs"))
        #expect(try PackageAddress("a:b", relativeTo: "/w").place == .path("/w/a:b"))
        #expect(try PackageAddress("./out/./a.incfs", relativeTo: "/w").place == .path("/w/out/a.incfs"))
        #expect(try PackageAddress("../a.incfs", relativeTo: "/w").place == .path("/w/../a.incfs"))
        let pinned = try PackageAddress("/p/a.incfs#sha256=\(Self.digest)", relativeTo: "/w")
        #expect(pinned.location == "/p/a.incfs" && pinned.root == Self.digest.lowercased())
    }

    @Test func urlsKeepEverythingButTheDigest() throws {
        let address = try PackageAddress("HTTPS://user:pw@Example.ORG:8443/x/a.incfs?q=1#sha256=\(Self.digest)", relativeTo: "/")
        #expect(address.place == .url("HTTPS://user:pw@Example.ORG:8443/x/a.incfs?q=1", host: "example.org"))
        #expect(address.root == Self.digest.lowercased() && !address.isLocal)
    }

    @Test(arguments: [
        "", "#sha256=\(digest)", "/a#sha256=", "/a#sha256=12", "/a#sha256=\(digest)0", "/a#sha256=\(digest.dropLast())g", "ftp://h/a", "http://", "http:///a",
        "http://h:0/", "http://h:70000/", "http://h:x/", "http://[::1/a", "http://h/a b", "http://h\\@x/a", "http://h/a#top", "http://h/\u{1}", "http://user@/a",
    ])
    func nonsenseIsAUsageError(_ text: String) {
        let error = #expect(throws: ControlError.self) { try PackageAddress(text, relativeTo: "/w") }
        #expect(error?.code == .usage && error?.exitCode == 2)
    }

    @Test(arguments: [
        ("/path", true), ("http://localhost/a", true), ("http://LOCALHOST:80/a", true), ("http://x.localhost/a", true), ("http://127.0.0.1:8080/a", true),
        ("http://127.255.0.9/a", true), ("http://[::1]:80/a", true), ("https://127.0.0.1/a", true),
        ("http://127.0.0.1.evil.example/a", false), ("http://127.0.0.1@evil.example/a", false), ("http://localhost.evil.example/a", false),
        ("http://evil.example/127.0.0.1", false), ("http://128.0.0.1/", false), ("http://127.1/", false), ("http://2130706433/", false),
        ("http://127.0.0.256/", false), ("http://127.0.0.+1/", false), ("http://[::2]/", false), ("http://evil.example?@localhost/", false), ("http://mylocalhost/", false),
    ])
    func overPlainHTTPOnlyThisMachineIsTrustedWithoutADigest(_ text: String, _ local: Bool) throws {
        let address = try PackageAddress(text, relativeTo: "/")
        #expect(address.isLocal == local)
        if local { try address.requireTrust(insecure: false) } else {
            let error = #expect(throws: ControlError.self) { try address.requireTrust(insecure: false) }
            #expect(error?.code == .untrusted && error?.exitCode == 4)
            try address.requireTrust(insecure: true)
            try PackageAddress(text + "#sha256=\(Self.digest)", relativeTo: "/").requireTrust(insecure: false)
        }
    }

    @Test func httpsIsComparedWithWhatWasAcceptedUnlessAPinIsWanted() throws {
        let address = try PackageAddress("HTTPS://h.example/a.incfs", relativeTo: "/")
        try address.requireTrust(insecure: false)
        for text in ["https://h.example/a.incfs", "http://localhost/a"] {
            #expect(throws: ControlError.self) { try PackageAddress(text, relativeTo: "/").requireTrust(insecure: false, requirePin: true) }
            try PackageAddress(text + "#sha256=\(Self.digest)", relativeTo: "/").requireTrust(insecure: false, requirePin: true)
        }
        try PackageAddress("/p", relativeTo: "/").requireTrust(insecure: false, requirePin: true)
    }
}
