import AsyncHTTPClient
import BlockLoading
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import SystemPackage

/// What the client library's errors mean, in words for people.
enum TransportFailure {
    /// `authorities`: the file or directory whose certificates are believed; nil for the system's.
    static func explain(_ error: any Error, _ url: OriginURL, through route: ClientPool.Route, believing authorities: String?) -> SourceError {
        if let error = error as? SourceError { return error }
        let via = proxy(of: route).map { " through the proxy \($0)" } ?? ""
        func cannotReach(_ why: String) -> SourceError { SourceError(.unreachable, "cannot reach \(url.display)\(via): \(why)") }
        func broken(_ why: String) -> SourceError { SourceError(.temporary, "\(url.display)\(via): \(why)") }
        switch error {
        case let error as NIOConnectionError:
            // A name leads to several addresses; what is wrong with TLS here is wrong with each of them.
            if let tls = error.connectionErrors.first(where: { $0.error is NIOSSLError || $0.error is NIOSSLExtraError }) {
                return explain(tls.error, url, through: route, believing: authorities)
            }
            return cannotReach(reason(error))
        case let error as IOError where unreachable.contains(error.errnoCode): return cannotReach(text(error.errnoCode))
        case let error as IOError: return broken("the connection broke: \(text(error.errnoCode))")
        case ChannelError.connectTimeout(_): return cannotReach("the connection did not stand in time")
        case is ChannelError: return broken("the connection was closed in the middle of an answer")
        case HTTPParserError.invalidEOFState: return broken("the connection was closed in the middle of an answer")
        case is CancellationError: return broken("the request was cancelled")
        case let error as HTTPClientError: return explain(error, cannotReach, broken)
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            return SourceError(
                .untrusted, "\(url.display)\(via) shows a TLS certificate of another name than \(url.host): check the address, and whether this network has a login page")
        case let error as NIOSSLError: return explain(error, url, via, authorities)
        case let error as NIOSSLExtraError: return cannotReach("TLS is not possible with it (\(error))")
        case is BoringSSLError: return broken("the TLS connection broke (\(error))")
        default: return broken("the answer cannot be read (\(String(describing: error).prefix(200)))")
        }
    }

    private static func explain(_ error: NIOSSLError, _ url: OriginURL, _ via: String, _ authorities: String?) -> SourceError {
        switch error {
        case .handshakeFailed(let cause) where isCertificateFailure(cause):
            SourceError(
                .untrusted,
                "\(url.display)\(via) shows a TLS certificate that is not accepted: it has expired, or nobody vouches for it that this machine trusts. "
                    + "Check the clock and whether this network has a login page; for an authority of your own set SSL_CERT_FILE to its certificate")
        case .noSuchFilesystemObject, .failedToLoadCertificate:
            SourceError(.untrusted, "cannot read the CA certificates in \(authorities ?? "the system's file"): check SSL_CERT_FILE, or install ca-certificates")
        case .handshakeFailed(let cause): SourceError(.unreachable, "cannot reach \(url.display)\(via): the TLS handshake failed (\(cause))")
        case .uncleanShutdown: SourceError(.temporary, "\(url.display)\(via): the connection was closed in the middle of an answer")
        default: SourceError(.temporary, "\(url.display)\(via): TLS failed (\(error))")
        }
    }

    /// `SSL_R_CERTIFICATE_VERIFY_FAILED` (125) of `ERR_LIB_SSL` (16), packed as BoringSSL's err.h does. The library shows the
    /// number in the first word behind "Error: " and nowhere else.
    private static let certificateVerifyFailed = 16 << 24 | 125

    static func isCertificateFailure(_ error: BoringSSLError) -> Bool {
        guard case .sslError(let stack) = error else { return false }
        return stack.contains { Int($0.description.dropFirst("Error: ".count).prefix { $0.isNumber }) == certificateVerifyFailed }
    }

    private static func explain(_ error: HTTPClientError, _ cannotReach: (String) -> SourceError, _ broken: (String) -> SourceError) -> SourceError {
        switch error {
        case .connectTimeout, .getConnectionFromPoolTimeout: cannotReach("the connection did not stand in time")
        case .tlsHandshakeTimeout: cannotReach("the TLS handshake did not end in time")
        case .httpProxyHandshakeTimeout, .socksHandshakeTimeout: cannotReach("the proxy did not answer in time")
        case .invalidProxyResponse: cannotReach("the proxy refuses to connect there")
        case .proxyAuthenticationRequired: cannotReach("the proxy wants a login; put user:password@ before its host in https_proxy")
        case .readTimeout, .deadlineExceeded: broken("no byte came for too long")
        case .writeTimeout: broken("the request could not be sent in time")
        case .remoteConnectionClosed, .uncleanShutdown: broken("the connection was closed in the middle of an answer")
        case .cancelled, .requestStreamCancelled: broken("the request was cancelled")
        case .alreadyShutdown: broken("the source is closed")
        default: broken("the request failed (\(error.shortDescription))")
        }
    }

    private static let unreachable: Set<CInt> = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENETDOWN, EHOSTDOWN, EADDRNOTAVAIL, ETIMEDOUT]

    private static func reason(_ error: NIOConnectionError) -> String {
        var reasons: [String] = []
        for failure in error.connectionErrors {
            let reason =
                switch failure.error {
                case let error as IOError: text(error.errnoCode)
                case ChannelError.connectTimeout(_): "the connection did not stand in time"
                default: "\(failure.error)"
                }
            if !reasons.contains(reason) { reasons.append(reason) }
        }
        if !reasons.isEmpty { return reasons.joined(separator: ", ") }
        return "the name \(error.host) cannot be resolved; check the address and this machine's DNS"
    }

    private static func proxy(of route: ClientPool.Route) -> String? {
        switch route {
        case .direct: nil
        case .tunnel(let server), .forward(let server): "\(server.host):\(server.port)"
        }
    }

    private static func text(_ code: CInt) -> String {
        let text = Errno(rawValue: code).description
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
