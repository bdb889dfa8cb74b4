import Hummingbird
import LinuxSystem
import NIOCore

/// Answers GET and HEAD from one directory, over the shared link.
struct OriginResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    let directory: DirectoryHandle
    let link: SharedLink
    /// Seconds before the first byte of each answer.
    let delay: Double
    let log: RequestLog

    func respond(to request: Request, context: Context) async throws -> Response {
        let exchange = Exchange(method: request.method.rawValue, target: request.head.path ?? "", range: request.headers[.range])
        if delay > 0 { try await Task.sleep(nanoseconds: UInt64(delay * 1e9)) }
        guard request.method == .get || request.method == .head else {
            return refuse(.methodNotAllowed, exchange, "Only GET and HEAD are served here.\n", headers: [.allow: "GET, HEAD"])
        }
        guard let path = RequestPath.bytes(target: exchange.target) else { return refuse(.badRequest, exchange, "That is no path below the served directory.\n") }
        let file: ServedFile?
        do { file = try await ServedFile.open(path, beneath: directory.rawValue) } catch let error as Errno {
            switch error {
            case .permissionDenied, .improperLink: return refuse(.forbidden, exchange, "Not served.\n")
            case .noSuchFileOrDirectory, .notDirectory, .fileNameTooLong, .noSuchAddressOrDevice, .tooManySymbolicLinkLevels: return refuse(.notFound, exchange, "Not found.\n")
            default: return refuse(.internalServerError, exchange, "The file cannot be opened.\n")
            }
        }
        guard let file else { return refuse(.notFound, exchange, "Not a file.\n") }
        return serve(file, request, exchange)
    }

    private func serve(_ file: ServedFile, _ request: Request, _ exchange: Exchange) -> Response {
        let tag = file.entityTag, modified = file.status.modifiedSeconds, size = file.status.size
        var headers: HTTPFields = [.acceptRanges: "bytes", .eTag: tag, .lastModified: HTTPDate.text(modified)]
        let conditions = Preconditions(
            ifMatch: request.headers[.ifMatch], ifNoneMatch: request.headers[.ifNoneMatch], ifModifiedSince: request.headers[.ifModifiedSince],
            ifUnmodifiedSince: request.headers[.ifUnmodifiedSince], ifRange: request.headers[.ifRange])
        switch conditions.outcome(entityTag: tag, modified: modified) {
        case .failed: return refuse(.preconditionFailed, exchange, "The file is another one now.\n")
        case .notModified:
            record(exchange, .notModified, bytes: 0)
            // No length: a 304 has no body, and the length of the file would be read as a promise of one.
            var response = Response(status: .notModified, headers: headers)
            response.headers[.contentLength] = nil
            return response
        case .proceed: break
        }
        // RFC 9110: Range means something for GET only.
        let useRange = request.method == .get && conditions.allowsRange(entityTag: tag, modified: modified)
        headers[.contentType] = "application/octet-stream"
        let status: HTTPResponse.Status, first: UInt64, count: UInt64
        switch ByteRange(header: useRange ? exchange.range : nil, size: size) {
        case .unsatisfiable:
            return refuse(.rangeNotSatisfiable, exchange, "The file has \(size) bytes.\n", headers: [.contentRange: "bytes */\(size)", .eTag: tag])
        case .whole: (status, first, count) = (.ok, 0, size)
        case .part(let from, let to):
            (status, first, count) = (.partialContent, from, to - from + 1)
            headers[.contentRange] = "bytes \(from)-\(to)/\(size)"
        }
        headers[.contentLength] = String(count)
        if request.method == .head {
            record(exchange, status, bytes: 0)
            return Response(status: status, headers: headers)
        }
        return Response(status: status, headers: headers, body: body(file, first: first, count: count, status, exchange))
    }

    private func body(_ file: ServedFile, first: UInt64, count: UInt64, _ status: HTTPResponse.Status, _ exchange: Exchange) -> ResponseBody {
        ResponseBody(contentLength: Int(count)) { [self] writer in
            var sent: UInt64 = 0
            defer { record(exchange, status, bytes: sent) }
            while sent < count {
                let length = Int(min(UInt64(link.sliceLength), count - sent))
                let slice = try await file.read(length, at: first + sent)
                try await link.carry(length)
                try await writer.write(slice)
                sent += UInt64(length)
            }
            try await writer.finish(nil)
        }
    }

    private func refuse(_ status: HTTPResponse.Status, _ exchange: Exchange, _ text: String, headers: HTTPFields = [:]) -> Response {
        record(exchange, status, bytes: exchange.method == "HEAD" ? 0 : UInt64(text.utf8.count))
        var headers = headers
        headers[.contentType] = "text/plain; charset=utf-8"
        headers[.contentLength] = String(text.utf8.count)
        return Response(status: status, headers: headers, body: exchange.method == "HEAD" ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    private func record(_ exchange: Exchange, _ status: HTTPResponse.Status, bytes: UInt64) {
        log.record(method: exchange.method, target: exchange.target, range: exchange.range, status: status.code, bytes: bytes, started: exchange.started)
    }
}

/// What the log says of one request.
struct Exchange: Sendable {
    let method: String
    let target: String
    let range: String?
    let started = MonotonicTime.now
}

/// The served directory, open for as long as the server runs.
final class DirectoryHandle: Sendable {
    private let descriptor: OwnedDescriptor
    var rawValue: CInt { descriptor.rawValue }
    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
}
