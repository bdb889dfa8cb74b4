import BlockLoading
import Testing
import TestOrigins

@testable import HTTPSource

/// TLS and proxies against programs that nobody here wrote: nginx, tinyproxy and dante from Debian, certificates from openssl.
@Suite struct HTTPSourcePeerTests {
    static let file = Array("an envelope, or something like it".utf8)
    /// This machine by a name that is not passed over as a loopback address.
    static let host = "0.0.0.0"

    private func source(_ address: String, authorities: String? = nil, environment: [String: String] = [:]) throws -> HTTPSource {
        var configuration = HTTPSourceConfiguration()
        configuration.authorities = authorities
        configuration.proxy = ProxySettings { environment[$0] }
        return try HTTPSource(address: address, configuration: configuration)
    }

    /// What a read gives: the bytes, or the error.
    private func read(_ source: HTTPSource) async -> Result<[UInt8], SourceError> {
        let result: Result<[UInt8], SourceError>
        do { result = .success(try await source.read(path: [], offset: 3, length: 10)) } catch { result = .failure(error) }
        await source.shutdown()
        return result
    }
    private let expected = Array(file[3..<13])

    // MARK: TLS

    @Test func anAuthorityOfOnesOwnIsBelievedWhereItIsNamed() async throws {
        let authority = try TestAuthority()
        let nginx = try Nginx(certificate: try authority.certificate("good"))
        defer { nginx.stop() }
        try nginx.put("app.incfs", Self.file)
        for host in ["localhost", "127.0.0.1"] {
            #expect(try await read(source(nginx.address("/app.incfs", host: host), authorities: authority.file)).get() == expected)
        }
        // The same one is a stranger to the system.
        guard case .failure(let error) = await read(try source(nginx.address("/app.incfs"))) else { Issue.record("believed"); return }
        #expect(error.kind == .untrusted && error.message.contains("certificate that is not accepted") && error.message.contains("SSL_CERT_FILE"), "\(error)")
        #expect(TrustedAuthorities.path { ["SSL_CERT_FILE": authority.file][$0] } == authority.file)
        #expect(TrustedAuthorities.path { ["SSL_CERT_DIR": "/x", "SSL_CERT_FILE": ""][$0] } == "/x")
        #expect(TrustedAuthorities.path { _ in nil } == nil)
    }

    @Test(arguments: ["self-signed", "expired", "other name"]) func aBadCertificate(what: String) async throws {
        let authority = try TestAuthority()
        let certificate =
            switch what {
            case "self-signed": try authority.selfSigned()
            case "expired": try authority.certificate("old", expired: true)
            default: try authority.certificate("other", names: "DNS:else.example")
            }
        let nginx = try Nginx(certificate: certificate)
        defer { nginx.stop() }
        try nginx.put("app.incfs", Self.file)
        guard case .failure(let error) = await read(try source(nginx.address("/app.incfs", host: "localhost"), authorities: authority.file)) else {
            Issue.record("believed")
            return
        }
        #expect(error.kind == .untrusted, "\(error)")
        #expect(error.message.contains(what == "other name" ? "of another name than localhost" : "it has expired, or nobody vouches for it"), "\(error)")
        #expect(error.message.contains("localhost:\(nginx.port)") && error.message.lowercased().contains("check "))
        nginx.interrupt()
        #expect(try nginx.requests().filter { $0.status == 206 }.isEmpty, "nothing was asked of it")
    }

    @Test(arguments: ["127.0.0.1", "localhost"]) func authoritiesThatCannotBeRead(host: String) async throws {
        let authority = try TestAuthority()
        let nginx = try Nginx(certificate: try authority.certificate("good"))
        defer { nginx.stop() }
        guard case .failure(let error) = await read(try source(nginx.address("/app.incfs", host: host), authorities: "/nonexistent/ca.pem")) else { Issue.record("believed"); return }
        #expect(error.kind == .untrusted && error.message.contains("CA certificates in /nonexistent/ca.pem: check SSL_CERT_FILE"), "\(error)")
    }

    @Test func plainHTTPWhereTLSIsMeant() async throws {
        let nginx = try Nginx()
        defer { nginx.stop() }
        guard case .failure(let error) = await read(try source("https://127.0.0.1:\(nginx.port)/app.incfs")) else { Issue.record("believed"); return }
        #expect(error.kind == .unreachable && error.message.contains("TLS"), "\(error)")
    }

    // MARK: Proxies

    @Test func plainRequestsAreHandedToTheProxy() async throws {
        let nginx = try Nginx()
        let proxy = try ProxyServer(.http)
        defer { proxy.stop(); nginx.stop() }
        try nginx.put("app.incfs", Self.file)
        let address = nginx.address("/app.incfs", host: Self.host)
        #expect(try await read(source(address, environment: ["http_proxy": "http://127.0.0.1:\(proxy.port)"])).get() == expected)
        #expect(try proxy.connections(to: "GET http://\(Self.host):\(nginx.port)/app.incfs").count == 1, "in absolute form")
        // Named as an exception it is reached directly, and so is what only another scheme's proxy is for.
        for environment in [["http_proxy": "127.0.0.1:\(proxy.port)", "no_proxy": "example.org,\(Self.host)"], ["https_proxy": "127.0.0.1:\(proxy.port)"]] {
            #expect(try await read(source(address, environment: environment)).get() == expected)
        }
        #expect(try proxy.connections(to: "Established connection to host").count == 1)
    }

    @Test func TLSGoesThroughATunnel() async throws {
        let authority = try TestAuthority()
        let nginx = try Nginx(certificate: try authority.certificate("good"))
        let proxy = try ProxyServer(.http)
        defer { proxy.stop(); nginx.stop() }
        try nginx.put("app.incfs", Self.file)
        let address = nginx.address("/app.incfs", host: Self.host)
        let environment = ["https_proxy": "http://127.0.0.1:\(proxy.port)"]
        #expect(try await read(source(address, authorities: authority.file, environment: environment)).get() == expected)
        #expect(try proxy.connections(to: "CONNECT \(Self.host):\(nginx.port)").count == 1)
        // The certificate is the origin's, and is checked through the tunnel as well.
        guard case .failure(let error) = await read(try source(address, environment: environment)) else { Issue.record("believed"); return }
        #expect(error.kind == .untrusted && error.message.contains("through the proxy 127.0.0.1:\(proxy.port)"), "\(error)")
    }

    @Test(arguments: [false, true]) func aProxyThatWantsALogin(secure: Bool) async throws {
        let authority = try TestAuthority()
        let nginx = try Nginx(certificate: secure ? try authority.certificate("good") : nil)
        let proxy = try ProxyServer(.http, login: ("me", "p-w"))
        defer { proxy.stop(); nginx.stop() }
        try nginx.put("app.incfs", Self.file)
        let address = nginx.address("/app.incfs", host: Self.host)
        let name = secure ? "https_proxy" : "http_proxy"
        #expect(try await read(source(address, authorities: authority.file, environment: [name: "http://me:p-w@127.0.0.1:\(proxy.port)"])).get() == expected)
        guard case .failure(let error) = await read(try source(address, authorities: authority.file, environment: [name: "http://127.0.0.1:\(proxy.port)"])) else {
            Issue.record("let through")
            return
        }
        #expect(error.message.contains("the proxy wants a login") && error.message.contains("user:password@"), "\(error)")
    }

    @Test func throughSOCKS() async throws {
        let nginx = try Nginx()
        let proxy = try ProxyServer(.socks)
        defer { proxy.stop(); nginx.stop() }
        try nginx.put("app.incfs", Self.file)
        // An address that the proxy resolves, and that is not passed over as a loopback address.
        #expect(try await read(source(nginx.address("/app.incfs", host: "127.1"), environment: ["all_proxy": "socks5h://127.0.0.1:\(proxy.port)"])).get() == expected)
        #expect(try proxy.connections(to: "127.0.0.1.\(nginx.port)").count >= 1)
    }

    @Test func aProxyThatIsNotThere() async throws {
        let nginx = try Nginx()
        let proxy = try ProxyServer(.http)
        proxy.stop()
        defer { nginx.stop() }
        for name in ["http_proxy", "https_proxy"] {
            let address = (name == "http_proxy" ? "http" : "https") + "://\(Self.host):\(nginx.port)/app.incfs"
            guard case .failure(let error) = await read(try source(address, environment: [name: "http://127.0.0.1:\(proxy.port)"])) else { Issue.record("read"); return }
            #expect(error.kind == .unreachable && error.message.contains("through the proxy 127.0.0.1:\(proxy.port)") && error.message.contains("refused"), "\(error)")
        }
    }
}
