import AsyncHTTPClient
import BlockLoading
import NIOCore
import Synchronization

/// The clients of one source, one per way to go: directly, through a proxy's tunnel (TLS, SOCKS), or by handing the
/// request to a proxy. Each is made when it is first needed.
final class ClientPool: Sendable {
    enum Route: Hashable, Sendable {
        case direct
        /// CONNECT or SOCKS: the connection goes to the origin.
        case tunnel(ProxySettings.Server)
        /// The proxy itself is asked, in absolute form.
        case forward(ProxySettings.Server)
    }
    /// A client with the certificate is never used for another origin than the address's own.
    private struct Key: Hashable {
        var route: Route
        var showsCertificate: Bool
    }
    private struct State {
        var clients: [Key: HTTPClient] = [:]
        var closed = false
    }
    private let state = Mutex(State())
    private let configuration: HTTPSourceConfiguration

    init(_ configuration: HTTPSourceConfiguration) { self.configuration = configuration }

    func route(for url: OriginURL) -> Route {
        guard let server = configuration.proxy.server(for: url) else { return .direct }
        return url.isSecure || server.isSOCKS ? .tunnel(server) : .forward(server)
    }

    /// The client for `route`; nil after `shutdown`.
    ///
    /// - Parameter ownOrigin: the address's own origin is asked: it may see the client certificate.
    func client(for route: Route, ownOrigin: Bool) throws(SourceError) -> HTTPClient? {
        let key = Key(route: route, showsCertificate: ownOrigin && configuration.secrets.clientCertificate != nil)
        let (known, closed) = state.withLock { ($0.clients[key], $0.closed) }
        if known != nil || closed { return known }
        var settings = settings(for: route)
        if key.showsCertificate, let tls = try ClientCertificate(configuration.secrets)?.added(to: settings.tlsConfiguration!) { settings.tlsConfiguration = tls }
        return state.withLock { state in
            if state.closed { return nil }
            if let client = state.clients[key] { return client }
            let client = HTTPClient(configuration: settings)
            state.clients[key] = client
            return client
        }
    }

    func shutdown() async {
        let clients = state.withLock { state in
            state.closed = true
            defer { state.clients.removeAll() }
            return Array(state.clients.values)
        }
        // Its only error is being shut down twice.
        for client in clients { try? await client.shutdown() }
    }

    private func settings(for route: Route) -> HTTPClient.Configuration {
        var settings = HTTPClient.Configuration()
        // Redirects are followed by the source: each target may need another proxy, and credentials must stay behind.
        settings.redirectConfiguration = .disallow
        settings.decompression = .disabled
        settings.httpVersion = .http1Only
        settings.tlsConfiguration = TrustedAuthorities.configuration(configuration.authorities)
        settings.timeout.connect = .milliseconds(configuration.connectTimeout)
        settings.timeout.read = .milliseconds(configuration.stallTimeout)
        settings.timeout.write = .milliseconds(configuration.stallTimeout)
        settings.connectionPool.idleTimeout = .milliseconds(configuration.idleTimeout)
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = max(1, configuration.connectionsPerHost)
        // The loader retries, and wants to know why.
        settings.connectionPool.retryConnectionEstablishment = false
        switch route {
        case .direct: break
        case .tunnel(let server):
            if server.isSOCKS {
                settings.proxy = .socksServer(host: server.host, port: server.port)
            } else {
                settings.proxy = .server(host: server.host, port: server.port, authorization: server.credentials.map(Self.basic))
            }
        case .forward: settings.http1_1ConnectionDebugInitializer = AbsoluteFormHandler.install
        }
        return settings
    }

    /// The value of an Authorization header.
    static func basicHeader(_ name: String, _ password: String) -> String { HTTPClient.Authorization.basic(username: name, password: password).headerValue }

    /// Basic authorization from `user:password` as it stands in an address.
    static func basic(_ credentials: String) -> HTTPClient.Authorization {
        let halves = credentials.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return .basic(username: OriginURL.decode(halves[0]), password: halves.count > 1 ? OriginURL.decode(halves[1]) : "")
    }
}
