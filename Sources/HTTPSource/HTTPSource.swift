import AsyncHTTPClient
import BlockLoading
import Glibc
import NIOCore
import NIOHTTP1
import Synchronization

/// A web server as origin: ranges of the envelope and of the files beside it (RFC 9110 §14), over kept-alive
/// connections, through redirects and proxies. Any static web server will do.
///
/// What comes back is checked as far as HTTP goes (status, Content-Range, length, encoding); whether the bytes are right
/// is for their digests to say.
public final class HTTPSource: RangeSource {
    /// The envelope's address without credentials and query.
    public let name: String
    private let base: OriginURL
    private let configuration: HTTPSourceConfiguration
    private let pool: ClientPool
    /// What opens a private origin; nil without.
    private let secrets: SecretHeaders?
    private let log: LoaderLog
    private struct State {
        var statistics = HTTPSourceStatistics()
        var validators = Validators()
    }
    private let state = Mutex(State())

    /// A source over the directory in which the envelope at `address` lies; connects when first read. The address may
    /// carry `user:password@` and a query, which go with every request and never into a message.
    public init(
        address: String, configuration: HTTPSourceConfiguration = HTTPSourceConfiguration(), log: @escaping LoaderLog = { _, _ in }
    ) throws(OriginURL.Invalid) {
        base = try OriginURL(address)
        name = base.display
        self.configuration = configuration
        self.log = log
        pool = ClientPool(configuration)
        secrets = configuration.secrets.hasHeaders ? SecretHeaders(configuration.secrets, base: base) : nil
    }

    public var statistics: HTTPSourceStatistics { state.withLock { $0.statistics } }

    public func read(path: [UInt8], offset: UInt64, length: Int, options: ReadOptions) async throws(SourceError) -> [UInt8] {
        try await fetch(path, offset, length, exact: true, options)
    }

    public func readUpTo(path: [UInt8], offset: UInt64, length: Int) async throws(SourceError) -> [UInt8] {
        try await fetch(path, offset, length, exact: false, ReadOptions())
    }

    public var ignoresRanges: Bool { statistics.wholeFiles > 0 }

    /// The size in bytes up to which whole files are taken from a server that ignores Range.
    public static let wholeFileLimit = RangeAnswer.wholeFileLimit

    public func shutdown() async { await pool.shutdown() }

    private func fetch(_ path: [UInt8], _ offset: UInt64, _ length: Int, exact: Bool, _ options: ReadOptions) async throws(SourceError) -> [UInt8] {
        guard let first = base.file(path) else {
            throw SourceError(.final(errno: EIO), "the package names a file outside its own directory: \(String(decoding: path.prefix(200), as: UTF8.self)); do not use it")
        }
        guard length > 0, offset <= UInt64(Int64.max) - UInt64(length) else {
            if exact { throw SourceError(.final(errno: EIO), "\(first.display) has no bytes at \(offset)") }
            return []
        }
        var url = first
        for _ in 0...configuration.redirectLimit {
            let route = pool.route(for: url)
            let response = try await ask(url, route, offset, length, options)
            let answer = RangeAnswer.judge(
                status: response.status, headers: response.headers, url: url, offset: offset, length: length, exact: exact, now: Int64(time(nil)))
            switch answer {
            case .failure(let error): throw error
            case .empty: return []
            case .redirect(let location): url = try follow(location, from: url)
            case .range(let expected):
                notice(first, response.headers)
                return try await collect(response, url, route, expected: expected, limit: expected)
            case .wholeFile:
                notice(first, response.headers)
                state.withLock { $0.statistics.wholeFiles += 1 }
                let limit = max(RangeAnswer.wholeFileLimit, offset == 0 ? length : 0)
                let file = try await collect(response, url, route, expected: nil, limit: limit)
                return try cut(file, url, offset, length, exact: exact)
            }
        }
        throw SourceError(.final(errno: EIO), "\(first.display) leads through more than \(configuration.redirectLimit) redirects, or around in a circle: check the address")
    }

    /// Sends the request with what opens the origin, and once more when newer headers may open it.
    private func ask(_ url: OriginURL, _ route: ClientPool.Route, _ offset: UInt64, _ length: Int, _ options: ReadOptions) async throws(SourceError) -> HTTPClientResponse {
        guard let secrets, url.hasSameOrigin(as: base) else { return try await send(url, route, offset, length, options, []) }
        let edition = try await secrets.current()
        let response = try await send(url, route, offset, length, options, edition.headers)
        guard response.status == .unauthorized || response.status == .forbidden, let newer = try await secrets.renewed(after: edition) else { return response }
        // A refusal that is read to its end leaves a connection that can be used again.
        do { _ = try await response.body.collect(upTo: 64 << 10) } catch {}
        return try await send(url, route, offset, length, options, newer.headers)
    }

    private func send(
        _ url: OriginURL, _ route: ClientPool.Route, _ offset: UInt64, _ length: Int, _ options: ReadOptions, _ secret: [(name: String, value: String)]
    ) async throws(SourceError) -> HTTPClientResponse {
        guard let client = try pool.client(for: route, ownOrigin: url.hasSameOrigin(as: base)) else { throw SourceError(.temporary, "\(url.display): the source is closed") }
        var request = HTTPClientRequest(url: url.requestText)
        if case .forward(let server) = route {
            request.url = OriginURL.http(server.host, server.port) + url.target
            request.headers.add(name: "Host", value: url.authority)
            if let credentials = server.credentials { request.headers.add(name: "Proxy-Authorization", value: ClientPool.basic(credentials).headerValue) }
        }
        request.headers.add(name: "Range", value: "bytes=\(offset)-\(offset + UInt64(length) - 1)")
        request.headers.add(name: "Accept-Encoding", value: "identity")
        request.headers.add(name: "Accept", value: "*/*")
        request.headers.add(name: "User-Agent", value: configuration.userAgent)
        if options.bypassCaches {
            request.headers.add(name: "Cache-Control", value: "no-cache")
            request.headers.add(name: "Pragma", value: "no-cache")
        }
        for header in secret { request.headers.replaceOrAdd(name: header.name, value: header.value) }
        if secret.contains(where: { $0.name.lowercased() == "authorization" }) {
            // What the person's file or command says counts.
        } else if let credentials = base.credentials, url.hasSameOrigin(as: base) {
            request.headers.add(name: "Authorization", value: ClientPool.basic(credentials).headerValue)
        } else if let credentials = url.credentials {
            request.headers.add(name: "Authorization", value: ClientPool.basic(credentials).headerValue)
        }
        state.withLock { $0.statistics.requests += 1 }
        do {
            return try await client.execute(request, deadline: .distantFuture)
        } catch {
            throw TransportFailure.explain(error, url, through: route, believing: configuration.authorities)
        }
    }

    private func follow(_ location: String, from url: OriginURL) throws(SourceError) -> OriginURL {
        let next: OriginURL
        do throws(OriginURL.Invalid) {
            next = try url.following(location)
        } catch {
            throw SourceError(.final(errno: EIO), "\(url.display) redirects to an address that cannot be used (\(error.message)): check the server")
        }
        if url.isSecure && !next.isSecure {
            throw SourceError(.final(errno: EIO), "\(url.display) redirects from https to plain http (\(next.display)), which is not followed: use the address of the target")
        }
        state.withLock { $0.statistics.redirects += 1 }
        return next
    }

    /// Reads the body: exactly `expected` bytes if that is known, never more than `limit`.
    private func collect(_ response: HTTPClientResponse, _ url: OriginURL, _ route: ClientPool.Route, expected: Int?, limit: Int) async throws(SourceError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(expected ?? 0)
        do {
            for try await buffer in response.body {
                if bytes.count + buffer.readableBytes > limit {
                    if expected == nil { throw SourceError(.final(errno: EIO), RangeAnswer.ignoresRange(url)) }
                    throw SourceError(.temporary, "\(url.display) sent more than the \(limit) bytes that it announced")
                }
                buffer.withUnsafeReadableBytes { bytes.append(contentsOf: $0) }
            }
        } catch {
            throw TransportFailure.explain(error, url, through: route, believing: configuration.authorities)
        }
        if let expected, bytes.count != expected {
            throw SourceError(.temporary, "\(url.display) sent \(bytes.count) of the \(expected) bytes that it announced")
        }
        return bytes
    }

    /// Takes the range out of a whole file.
    private func cut(_ file: [UInt8], _ url: OriginURL, _ offset: UInt64, _ length: Int, exact: Bool) throws(SourceError) -> [UInt8] {
        let size = UInt64(file.count)
        if exact && offset + UInt64(length) > size {
            throw SourceError(.final(errno: EIO), "\(url.display) ends after \(size) bytes, but the package has data up to \(offset + UInt64(length)): it was cut short or belongs to another package; publish it again")
        }
        if offset >= size { return [] }
        return Array(file[Int(offset)..<Int(min(size, offset + UInt64(length)))])
    }

    private func notice(_ file: OriginURL, _ headers: HTTPHeaders) {
        let change = state.withLock { state in
            let change = state.validators.check(file.path, headers)
            if change != .none { state.statistics.changedAtOrigin += 1 }
            return change
        }
        if case .new(let what) = change { log(.notice, "\(file.display) changed at the origin (\(what)), checking: its bytes are used as long as they match their digests") }
    }
}

extension OriginURL {
    /// `http://host:port` of a proxy.
    static func http(_ host: String, _ port: Int) -> String { host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)" }
}
