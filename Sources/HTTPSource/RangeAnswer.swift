import BlockLoading
import Glibc
import NIOHTTP1

/// What the head of an answer to a range request means. Pure: status and headers in, a verdict out.
enum RangeAnswer: Equatable {
    /// The body is `length` bytes from the offset that was asked for.
    case range(length: Int)
    /// The body is the whole file, small enough to read: its bytes from the offset on are wanted.
    case wholeFile
    /// Nothing is there: the offset is at or past the end.
    case empty
    case redirect(String)
    case failure(SourceError)

    /// A server that ignores Range is put up with for files up to this size, in bytes.
    static let wholeFileLimit = 4 << 20

    /// - Parameters:
    ///   - exact: all bytes must be there; else the file may end within the range.
    ///   - now: seconds since 1970, for a Retry-After date.
    static func judge(
        status: HTTPResponseStatus, headers: HTTPHeaders, url: OriginURL, offset: UInt64, length: Int, exact: Bool, now: Int64
    ) -> RangeAnswer {
        func say(_ kind: SourceError.Kind, _ text: String) -> RangeAnswer { .failure(SourceError(kind, "\(url.display) \(text)")) }
        func final(_ text: String) -> RangeAnswer { say(.final(errno: EIO), text) }
        let code = status.code
        switch code {
        case 200, 206:
            if let coding = headers.first(name: "content-encoding"), coding.lowercased() != "identity", !coding.isEmpty {
                return final("comes encoded as \(coding) though that was not asked for: switch compression off for this file at the server or proxy")
            }
            return code == 206 ? partial(headers, url, offset, length, exact) : whole(headers, url, offset, length)
        case 301, 302, 303, 307, 308:
            guard let location = headers.first(name: "location") else { return final("answers \(code) without saying where to go") }
            return .redirect(location)
        case 416:
            if !exact { return .empty }
            var size = ""
            if let text = headers.first(name: "content-range"), case .unsatisfied(let total)? = ContentRange(text) { size = ": it has \(total) bytes" }
            return final("does not have bytes \(offset)-\(offset + UInt64(length) - 1)\(size); it was cut short or belongs to another package: publish it again")
        case 401: return final("wants a login (401): name one with --header-file or --header-command, write it to ~/.netrc, or put user:password@ before the host in the address")
        case 403: return final("may not be read (403 Forbidden): ask the server's owner for access")
        case 404: return final("does not exist (404 Not Found): check the address, or publish it again")
        case 410: return final("is gone (410): the publisher has taken it away")
        case 407: return final("cannot be had: the proxy wants a login (407); put user:password@ before the proxy's host in http_proxy or https_proxy")
        case 429, 503:
            let patience = headers.first(name: "retry-after").flatMap { RetryAfter.duration($0, date: headers.first(name: "date"), now: now) }
            if code == 429 || patience != nil { return say(.throttled(retryAfter: patience), "asks to wait (\(code))") }
            return say(.temporary, "is not available just now (503)")
        case 408, 421, 425: return say(.temporary, "answered \(code)")
        case 500...599: return say(.temporary, "answered with a server error (\(code)\(status.reasonPhrase.isEmpty ? "" : " \(status.reasonPhrase)"))")
        case 400...499: return final("refuses the request (\(code)\(status.reasonPhrase.isEmpty ? "" : " \(status.reasonPhrase)"))")
        default: return say(.temporary, "gave an answer that makes no sense here (\(code))")
        }
    }

    private static func partial(_ headers: HTTPHeaders, _ url: OriginURL, _ offset: UInt64, _ length: Int, _ exact: Bool) -> RangeAnswer {
        func lie(_ text: String) -> RangeAnswer { .failure(SourceError(.temporary, "\(url.display) answered wrongly: \(text)")) }
        let wanted = "bytes \(offset)-\(offset + UInt64(length) - 1)"
        guard let text = headers.first(name: "content-range") else { return lie("206 without Content-Range where \(wanted) were asked for") }
        guard case .bytes(let first, let last, let total)? = ContentRange(text) else { return lie("its Content-Range cannot be read: \(text.prefix(80))") }
        if first != offset || last - first >= UInt64(length) { return lie("\(text.prefix(80)) where \(wanted) were asked for") }
        let got = Int(last - first) + 1
        if got < length {
            if exact, let total, last + 1 == total {
                return .failure(SourceError(.final(errno: EIO), "\(url.display) ends after \(total) bytes, but the package has data up to \(offset + UInt64(length)): it was cut short or belongs to another package; publish it again"))
            }
            if exact || total.map({ last + 1 != $0 }) ?? false { return lie("only \(text.prefix(80)) where \(wanted) were asked for") }
        }
        if let announced = contentLength(headers), announced != UInt64(got) { return lie("it announces \(announced) bytes for \(got)") }
        return .range(length: got)
    }

    private static func whole(_ headers: HTTPHeaders, _ url: OriginURL, _ offset: UInt64, _ length: Int) -> RangeAnswer {
        let type = headers.first(name: "content-type")?.lowercased() ?? ""
        let isPage = type.hasPrefix("text/html") || type.hasPrefix("application/xhtml")
        let path = url.path.lowercased()
        if isPage && !path.hasSuffix(".html") && !path.hasSuffix(".htm") && !path.hasSuffix(".xhtml") {
            return .failure(SourceError(.temporary, "\(url.display) answered with a web page (200, \(type.prefix { $0 != ";" })) where bytes \(offset)-\(offset + UInt64(length) - 1) were asked for: "
                + "a login page of this network or of the server is in between, or the server has a page for every address; open the address in a browser"))
        }
        let announced = contentLength(headers)
        if let announced, announced > UInt64(wholeFileLimit), !(offset == 0 && announced <= UInt64(length)) {
            return .failure(SourceError(.final(errno: EIO), ignoresRange(url)))
        }
        return .wholeFile
    }

    static func ignoresRange(_ url: OriginURL) -> String {
        "\(url.display) cannot be read in parts: the server ignores Range requests, and the file is too large to fetch whole each time; serve it with a server that supports them (nginx, Apache, any object store)"
    }

    private static func contentLength(_ headers: HTTPHeaders) -> UInt64? {
        headers.first(name: "content-length").flatMap { ContentRange.number($0[...]) }
    }
}
