import BlockLoading
import NIOHTTP1
import Testing

@testable import HTTPSource

@Suite struct RangeAnswerTests {
    private func judge(_ code: Int, _ headers: [(String, String)] = [], path: String = "/p", offset: UInt64 = 100, length: Int = 50, exact: Bool = true) throws -> RangeAnswer {
        RangeAnswer.judge(
            status: HTTPResponseStatus(statusCode: code), headers: HTTPHeaders(headers), url: try OriginURL("http://u:secret@h\(path)?token=hidden"),
            offset: offset, length: length, exact: exact, now: 0)
    }
    private func kind(_ answer: RangeAnswer) -> SourceError.Kind? {
        guard case .failure(let error) = answer else { return nil }
        #expect(error.message.contains("http://h/") && !error.message.contains("secret") && !error.message.contains("hidden"))
        return error.kind
    }

    @Test func exactRanges() throws {
        #expect(try judge(206, [("Content-Range", "bytes 100-149/1000"), ("Content-Length", "50")]) == .range(length: 50))
        #expect(try judge(206, [("Content-Range", "bytes 100-149/*")]) == .range(length: 50))
        #expect(try judge(206, [("Content-Range", "bytes 100-119/120")], exact: false) == .range(length: 20))
        #expect(try judge(416, [("Content-Range", "bytes */99")], exact: false) == .empty)
    }

    @Test(arguments: ["bytes 101-150/1000", "bytes 100-150/1000", "bytes 99-148/1000", "bytes 0-49/1000", "bytes 100-140/1000", "items 100-149/1000", "bytes 149-100/1000", "bytes 100-149/120", "bytes +100-149/1000", "bytes", "bytes 100-149", "bytes 100-18446744073709551616/*"])
    func lies(_ text: String) throws { #expect(kind(try judge(206, [("Content-Range", text)])) == .temporary) }

    @Test func otherLies() throws {
        #expect(kind(try judge(206)) == .temporary)
        #expect(kind(try judge(206, [("Content-Range", "bytes 100-149/1000"), ("Content-Length", "60")])) == .temporary)
        #expect(kind(try judge(206, [("Content-Range", "bytes 100-149/1000"), ("Content-Encoding", "gzip")])) == .final(errno: 5))
        #expect(kind(try judge(206, [("Content-Range", "bytes 100-119/120")])) == .final(errno: 5))
    }

    @Test func wholeFiles() throws {
        #expect(try judge(200, [("Content-Length", "4194304")]) == .wholeFile)
        #expect(kind(try judge(200, [("Content-Length", "4194305")])) == .final(errno: 5))
        #expect(try judge(200, [("Content-Length", "8000000")], offset: 0, length: 8_000_000) == .wholeFile)
        #expect(try judge(200) == .wholeFile)
        #expect(kind(try judge(200, [("Content-Type", "text/html; charset=x")])) == .temporary)
        #expect(try judge(200, [("Content-Type", "text/html")], path: "/doc/index.HTML") == .wholeFile)
    }

    @Test(arguments: [401, 403, 404, 405, 407, 410, 451])
    func finalStatuses(_ code: Int) throws { #expect(kind(try judge(code)) == .final(errno: 5)) }

    @Test(arguments: [100, 204, 304, 408, 421, 425, 500, 502, 503, 504, 599])
    func temporaryStatuses(_ code: Int) throws { #expect(kind(try judge(code)) == .temporary) }

    @Test func patienceAndRedirects() throws {
        #expect(kind(try judge(429)) == .throttled(retryAfter: nil))
        #expect(kind(try judge(429, [("Retry-After", "3")])) == .throttled(retryAfter: .seconds(3)))
        #expect(kind(try judge(503, [("Retry-After", "Thu, 01 Jan 1970 00:00:09 GMT")])) == .throttled(retryAfter: .seconds(9)))
        #expect(try judge(308, [("Location", "/x")]) == .redirect("/x"))
        #expect(kind(try judge(302)) == .final(errno: 5))
        #expect(kind(try judge(416, [("Content-Range", "bytes */120")])) == .final(errno: 5))
    }
}
