import Glibc

/// Which proxy to go through, from the environment's customary variables, lower case before upper case: `http_proxy`,
/// `https_proxy`, `all_proxy`, `no_proxy`.
public struct ProxySettings: Sendable, Equatable {
    /// A proxy server.
    public struct Server: Sendable, Hashable {
        public var host: String
        public var port: Int
        /// `user:password` as written, percent-encoded.
        public var credentials: String?
        public var isSOCKS: Bool
    }

    public var forHTTP: Server?
    public var forHTTPS: Server?
    /// Hosts to reach directly: a name with all below it, an address, with or without `:port`; `*` is every host.
    public var exceptions: [String]

    public init(forHTTP: Server? = nil, forHTTPS: Server? = nil, exceptions: [String] = []) {
        self.forHTTP = forHTTP
        self.forHTTPS = forHTTPS
        self.exceptions = exceptions
    }

    /// Reads `environment`; a value that is no address of a proxy is passed over.
    public init(environment: (String) -> String?) {
        func value(_ name: String) -> String? {
            let text = environment(name) ?? environment(name.uppercased())
            return text.flatMap { $0.isEmpty ? nil : $0 }
        }
        let all = value("all_proxy")
        forHTTP = (value("http_proxy") ?? all).flatMap(Self.server)
        forHTTPS = (value("https_proxy") ?? all).flatMap(Self.server)
        exceptions = (value("no_proxy") ?? "").split(whereSeparator: { $0 == "," || $0 == " " }).map { $0.lowercased() }
    }

    /// The settings of this process's environment. Read once, before other threads may change it.
    public static var current: ProxySettings { ProxySettings { name in getenv(name).map { String(cString: $0) } } }

    /// The proxy for `url`; nil means directly. Loopback addresses are always reached directly.
    func server(for url: OriginURL) -> Server? {
        guard let server = url.isSecure ? forHTTPS : forHTTP else { return nil }
        if url.host == "localhost" || url.host.hasSuffix(".localhost") || url.host == "::1" || Self.isLoopbackIPv4(url.host) { return nil }
        for exception in exceptions {
            if exception == "*" { return nil }
            var name = exception[...]
            if let colon = name.lastIndex(of: ":"), name.firstIndex(of: ":") == colon, let port = Int(name[name.index(after: colon)...]) {
                if port != url.port { continue }
                name = name[..<colon]
            }
            if name.hasPrefix("*.") { name = name.dropFirst(2) } else if name.hasPrefix(".") { name = name.dropFirst() }
            if !name.isEmpty && (url.host == name || url.host.hasSuffix("." + name)) { return nil }
        }
        return server
    }

    private static func isLoopbackIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    private static func server(_ text: String) -> Server? {
        var rest = text[...]
        var isSOCKS = false
        if let mark = text.range(of: "://") {
            switch text[..<mark.lowerBound].lowercased() {
            case "http": break
            case "socks5", "socks5h", "socks": isSOCKS = true
            default: return nil
            }
            rest = text[mark.upperBound...]
        }
        rest = rest.prefix { $0 != "/" }
        var credentials: String?
        if let at = rest.lastIndex(of: "@") {
            credentials = String(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        guard let (host, port) = try? OriginURL.hostAndPort(rest, standard: isSOCKS ? 1080 : 80) else { return nil }
        return Server(host: host, port: port, credentials: credentials, isSOCKS: isSOCKS)
    }
}

extension String {
    /// The first place of `pattern` (the standard library has it only with Foundation's help).
    fileprivate func range(of pattern: String) -> Range<Index>? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(pattern) { return at..<index(at, offsetBy: pattern.count) }
            at = index(after: at)
        }
        return nil
    }
}
