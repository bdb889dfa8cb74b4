import AsyncHTTPClient
import BlockLoading
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import SystemPackage

/// What the client library's errors mean, in words for people.
enum TransportFailure {
    static func explain(_ error: any Error, _ url: OriginURL, through route: ClientPool.Route) -> SourceError {
        if let error = error as? SourceError { return error }
        let via = proxy(of: route).map { " through the proxy \($0)" } ?? ""
        func cannotReach(_ why: String) -> SourceError { SourceError(.unreachable, "cannot reach \(url.display)\(via): \(why)") }
        func broken(_ why: String) -> SourceError { SourceError(.temporary, "\(url.display)\(via): \(why)") }
        switch error {
        case let error as NIOConnectionError: return cannotReach(reason(error))
        case let error as IOError where unreachable.contains(error.errnoCode): return cannotReach(text(error.errnoCode))
        case let error as IOError: return broken("the connection broke: \(text(error.errnoCode))")
        case ChannelError.connectTimeout(_): return cannotReach("the connection did not stand in time")
        case is ChannelError: return broken("the connection was closed in the middle of an answer")
        case HTTPParserError.invalidEOFState: return broken("the connection was closed in the middle of an answer")
        case is CancellationError: return broken("the request was cancelled")
        case let error as HTTPClientError: return explain(error, cannotReach, broken)
        default:
            // The TLS library's errors, by name: it is no dependency of ours.
            let description = String(describing: error)
            if description.contains("CERTIFICATE") || description.contains("ertificate") || description.contains("hostname") {
                return cannotReach("its TLS certificate is not accepted (\(description.prefix(200))); check the clock, the system's CA certificates, and whether this network has a login page")
            }
            if description.lowercased().contains("handshake") || description.contains("SSL") { return cannotReach("TLS failed (\(description.prefix(200)))") }
            return broken("the answer cannot be read (\(description.prefix(200)))")
        }
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
