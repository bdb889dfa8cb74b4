import Testing

@testable import HTTPSource

@Suite struct ProxySettingsTests {
    private func settings(_ values: [String: String]) -> ProxySettings { ProxySettings { values[$0] } }
    private func host(_ settings: ProxySettings, _ url: String) throws -> String? { settings.server(for: try OriginURL(url))?.host }

    @Test func byScheme() throws {
        let both = settings(["http_proxy": "http://plain:3128", "HTTPS_PROXY": "me:pw@secure"])
        #expect(try host(both, "http://x/") == "plain")
        #expect(try host(both, "https://x/") == "secure")
        #expect(both.forHTTPS == ProxySettings.Server(host: "secure", port: 80, credentials: "me:pw", isSOCKS: false))
        let all = settings(["all_proxy": "socks5://s", "http_proxy": ""])
        #expect(all.forHTTP == ProxySettings.Server(host: "s", port: 1080, credentials: nil, isSOCKS: true))
        #expect(settings(["http_proxy": "http://a", "HTTP_PROXY": "http://b"]).forHTTP?.host == "a")
        #expect(settings(["http_proxy": "ftp://a"]).forHTTP == nil)
    }

    @Test func exceptions() throws {
        let some = settings(["http_proxy": "http://p", "no_proxy": "example.com, .corp.net,*.org,10.0.0.1,other:8080"])
        for direct in ["example.com", "a.example.com", "corp.net", "x.corp.net", "a.b.org", "10.0.0.1", "other:8080", "localhost", "127.0.0.1", "127.9.9.9:1", "[::1]"] {
            #expect(try host(some, "http://\(direct)/") == nil, "\(direct)")
        }
        for proxied in ["notexample.com", "example.com.evil", "10.0.0.11", "other", "127.evil.com"] {
            #expect(try host(some, "http://\(proxied)/") == "p", "\(proxied)")
        }
        #expect(try host(settings(["http_proxy": "http://p", "NO_PROXY": "*"]), "http://x/") == nil)
    }
}
