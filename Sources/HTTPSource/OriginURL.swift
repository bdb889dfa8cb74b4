import BlockLoading

/// An `http` or `https` address, as far as a source needs it (RFC 3986), without Foundation. The path and the query are
/// kept percent-encoded as they go on the wire; the fragment is dropped.
public struct OriginURL: Sendable, Equatable {
    /// Why a text is no address that can be used.
    public struct Invalid: Error, Sendable, Equatable {
        public var message: String
    }

    public var isSecure: Bool
    /// `user:password` as written, still percent-encoded; nil without.
    public var credentials: String?
    /// The host's name or address; IPv6 without brackets, lower case.
    public var host: String
    public var port: Int
    /// Begins with `/`, percent-encoded.
    public var path: String
    /// Without `?`; nil without a query.
    public var query: String?

    /// Parses an absolute address. Bytes that may not stand in a path or query are percent-encoded.
    public init(_ text: String) throws(Invalid) {
        let whole = text.prefix { $0 != "#" }
        let lower = whole.prefix(8).lowercased()
        let rest: Substring
        if lower.hasPrefix("https://") {
            (isSecure, rest) = (true, whole.dropFirst(8))
        } else if lower.hasPrefix("http://") {
            (isSecure, rest) = (false, whole.dropFirst(7))
        } else {
            throw Invalid(message: "not an http or https address")
        }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        var authority = rest[..<end]
        if let at = authority.lastIndex(of: "@") {
            credentials = String(authority[..<at])
            authority = authority[authority.index(after: at)...]
        }
        (host, port) = try Self.hostAndPort(authority, standard: isSecure ? 443 : 80)
        let (path, query) = Self.pathAndQuery(rest[end...])
        self.path = path.hasPrefix("/") ? path : "/" + path
        self.query = query
    }

    /// The standard port of the scheme.
    var standardPort: Int { isSecure ? 443 : 80 }

    /// `host:port` as in a Host header: IPv6 in brackets, no standard port.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == standardPort ? name : "\(name):\(port)"
    }

    /// The address for the wire, without credentials.
    var requestText: String { "\(isSecure ? "https" : "http")://\(authority)\(target)" }

    /// Path and query.
    var target: String { query.map { "\(path)?\($0)" } ?? path }

    /// The address for people: without credentials and query, which may be secret.
    public var display: String { "\(isSecure ? "https" : "http")://\(authority)\(path)" }

    /// This machine by its very name or address.
    var isLoopback: Bool { host == "localhost" || host.hasSuffix(".localhost") || host == "::1" || isLoopbackIPv4 }

    private var isLoopbackIPv4: Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { part in part.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt8(part) != nil }
    }

    func hasSameOrigin(as other: OriginURL) -> Bool { isSecure == other.isSecure && host == other.host && port == other.port }

    /// The address of a file beside this one: raw bytes, `/` between components; empty means this address. The query is
    /// kept. Nil for a path that no package may name (`SourcePath`).
    func file(_ relative: [UInt8]) -> OriginURL? {
        guard let components = SourcePath.components(of: relative) else { return nil }
        if components.isEmpty { return self }
        var result = self
        let directory = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
        // `..` is resolved here, as servers and caches want it; at the root it stays at the root (RFC 3986 §5.2.4).
        result.path = Self.withoutDots(directory + components.map { Self.encode($0, allowing: Self.isUnreserved) }.joined(separator: "/"))
        return result
    }

    /// The address that a redirect's Location means here (RFC 3986 §5.2).
    func following(_ location: String) throws(Invalid) -> OriginURL {
        let text = location.prefix { $0 != "#" }
        if text.lowercased().hasPrefix("http://") || text.lowercased().hasPrefix("https://") { return try OriginURL(String(text)) }
        if text.hasPrefix("//") { return try OriginURL((isSecure ? "https:" : "http:") + text) }
        if let colon = text.firstIndex(of: ":"), !text[..<colon].contains(where: { $0 == "/" || $0 == "?" }) {
            throw Invalid(message: "neither http nor https")
        }
        var result = self
        let (path, query) = Self.pathAndQuery(text)
        result.query = query
        if path.isEmpty {
            if query == nil { result.query = self.query }
        } else if path.hasPrefix("/") {
            result.path = Self.withoutDots(path)
        } else {
            result.path = Self.withoutDots(self.path[...(self.path.lastIndex(of: "/") ?? self.path.startIndex)] + path)
        }
        return result
    }

    // MARK: Parts

    static func hostAndPort(_ authority: Substring, standard: Int) throws(Invalid) -> (String, Int) {
        var name = authority
        var port = standard
        let bracket = authority.lastIndex(of: "]")
        if let colon = authority.lastIndex(of: ":"), bracket.map({ $0 < colon }) ?? true {
            name = authority[..<colon]
            let digits = authority[authority.index(after: colon)...]
            if !digits.isEmpty {
                guard digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let value = Int(digits), (1...65535).contains(value) else {
                    throw Invalid(message: "\"\(digits)\" is not a port")
                }
                port = value
            }
        }
        if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
        if name.isEmpty { throw Invalid(message: "the host's name is missing") }
        let fine = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "%") }
        if !fine { throw Invalid(message: "the host's name has characters that names cannot have (write an international name in its xn-- form)") }
        return (name.lowercased(), port)
    }

    private static func pathAndQuery(_ text: Substring) -> (String, String?) {
        func clean(_ part: Substring) -> String { encode(Array(part.utf8)[...], allowing: { isPathByte($0) || $0 == UInt8(ascii: "%") }) }
        guard let mark = text.firstIndex(of: "?") else { return (clean(text), nil) }
        return (clean(text[..<mark]), encode(Array(text[text.index(after: mark)...].utf8)[...], allowing: { isPathByte($0) || $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "?") }))
    }

    private static func withoutDots(_ path: String) -> String {
        var result: [Substring] = []
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        for (i, part) in parts.enumerated() {
            let last = i == parts.count - 1
            switch part {
            case ".": if last { result.append("") }
            case "..":
                _ = result.popLast()
                if last { result.append("") }
            default: result.append(part)
            }
        }
        return "/" + result.joined(separator: "/")
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
        default: false
        }
    }

    private static func isPathByte(_ byte: UInt8) -> Bool { isUnreserved(byte) || "!$&'()*+,;=:@/".utf8.contains(byte) }

    private static func encode(_ bytes: ArraySlice<UInt8>, allowing: (UInt8) -> Bool) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        for byte in bytes {
            if allowing(byte) { out.append(byte) } else { out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Turns `%41` back into `A`; what is not an escape stays.
    static func decode(_ text: Substring) -> String {
        func hex(_ byte: UInt8) -> UInt8? { Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init) }
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: "%"), i + 2 < bytes.count, let high = hex(bytes[i + 1]), let low = hex(bytes[i + 2]) {
                out.append(high << 4 | low)
                i += 3
            } else {
                out.append(bytes[i])
                i += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
