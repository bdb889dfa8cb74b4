import Testing

@testable import incfs_origin

@Suite struct OriginTextTests {
    @Test(arguments: [
        ("50mbit", 6_250_000), ("50Mbit/s", 6_250_000), ("1gbps", 125_000_000), ("8bit", 1), ("100 kbit", 12_500), ("1.5MB/s", 1_500_000), ("800kB", 800_000), ("2MiB/s", 2_097_152), ("64KiB", 65_536), ("7B/s", 7),
    ] as [(String, Double)])
    func ratesAreRead(_ text: String, _ rate: Double) { #expect(QuantityText.bytesPerSecond(text) == rate) }

    @Test(arguments: ["", "50", "mbit", "0mbit", "-1mbit", "1mb", "1kb/s", "1.2.3MB", "1e3mbit", "infMB", "nanMB", "5 apples", "1MBps", "1MB/h"])
    func otherRatesAreNot(_ text: String) { #expect(QuantityText.bytesPerSecond(text) == nil) }

    @Test func delaysAreRead() {
        #expect(QuantityText.seconds("20ms") == 0.02 && QuantityText.seconds("1.5s") == 1.5 && QuantityText.seconds("0") == 0 && QuantityText.seconds("250us") == 0.00025)
        for text in ["", "20", "ms", "-1s", "1m"] { #expect(QuantityText.seconds(text) == nil, "\(text)") }
    }

    @Test func addressesAreRead() {
        for (text, host, port) in [("h:80", "h", 80), ("[::1]:0", "::1", 0), (":8080", "127.0.0.1", 8080), ("8080", "127.0.0.1", 8080)] {
            let address = ListenAddress(text)
            #expect(address?.host == host && address?.port == port, "\(text)")
        }
        for text in ["", "h", "h:", "h:70000", "::1:80", "h:-1", "h:x"] { #expect(ListenAddress(text) == nil, "\(text)") }
        #expect(ListenAddress("[::1]:5")?.url(port: 5) == "http://[::1]:5/")
    }

    @Test(arguments: [
        (nil, .whole), ("bytes=0-0", .part(first: 0, last: 0)), ("bytes=0-", .part(first: 0, last: 99)), ("bytes=5-1000", .part(first: 5, last: 99)), ("bytes=-1", .part(first: 99, last: 99)),
        ("bytes=-1000", .part(first: 0, last: 99)), ("Bytes = 1-2", .whole), ("BYTES=1-2", .part(first: 1, last: 2)), ("bytes=100-", .unsatisfiable), ("bytes=-0", .unsatisfiable),
        ("bytes=99999999999999999999-", .unsatisfiable), ("bytes=5-4", .whole), ("bytes=0-1,5-6", .whole), ("bytes=a-b", .whole), ("bytes=-", .whole), ("lines=1-2", .whole), ("bytes", .whole), ("bytes=+1-2", .whole),
    ] as [(String?, ByteRange)])
    func rangesAreRead(_ header: String?, _ range: ByteRange) { #expect(ByteRange(header: header, size: 100) == range) }

    @Test func nothingIsInRangeOfAnEmptyFile() {
        #expect(ByteRange(header: "bytes=0-", size: 0) == .unsatisfiable && ByteRange(header: "bytes=-5", size: 0) == .unsatisfiable && ByteRange(header: nil, size: 0) == .whole)
    }

    @Test func pathsAreBytesBelowTheDirectory() {
        #expect(RequestPath.bytes(target: "/a/b?x=/..") == Array("a/b".utf8))
        #expect(RequestPath.bytes(target: "/") == [] && RequestPath.bytes(target: "//a/./b/") == Array("a/b".utf8))
        #expect(RequestPath.bytes(target: "/%ff%41") == [0xff, 0x41])
        for text in ["", "a", "*", "/..", "/a/../b", "/%2e%2E/x", "/a%2fb", "/a%00", "/%", "/%4", "/%zz", "http://h/a"] { #expect(RequestPath.bytes(target: text) == nil, "\(text)") }
        #expect(RequestPath.bytes(target: "/...") == Array("...".utf8))
    }

    @Test(arguments: [(784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT")] as [(Int64, String)])
    func datesGoBothWays(_ seconds: Int64, _ text: String) {
        #expect(HTTPDate.text(seconds) == text)
        #expect(HTTPDate.seconds(text) == seconds)
    }

    @Test func everyDayOfSomeCenturiesComesBack() {
        for day in stride(from: Int64(-135_000), to: 100_000, by: 1) {
            let t = CivilTime(day * 86400 + 3661)
            #expect(CivilTime.days(year: Int64(t.year), month: Int64(t.month), day: Int64(t.day)) == day && t.secondOfDay == 3661)
        }
        for text in ["", "yesterday", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 25:00:00 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"] { #expect(HTTPDate.seconds(text) == nil) }
    }

    @Test func conditionsFollowTheirOrder() {
        let tag = "\"t\"", date = HTTPDate.text(1000), earlier = HTTPDate.text(999)
        func outcome(_ change: (inout Preconditions) -> Void) -> Preconditions.Outcome {
            var conditions = Preconditions()
            change(&conditions)
            return conditions.outcome(entityTag: tag, modified: 1000)
        }
        #expect(outcome { _ in } == .proceed)
        #expect(outcome { $0.ifNoneMatch = "\"x\", W/\"t\"" } == .notModified && outcome { $0.ifNoneMatch = "*" } == .notModified && outcome { $0.ifNoneMatch = "\"x\"" } == .proceed)
        #expect(outcome { $0.ifMatch = "\"x\"" } == .failed && outcome { $0.ifMatch = "W/\"t\"" } == .failed && outcome { $0.ifMatch = "\"x\",\"t\"" } == .proceed)
        #expect(outcome { $0.ifModifiedSince = date } == .notModified && outcome { $0.ifModifiedSince = earlier } == .proceed)
        #expect(outcome { $0.ifUnmodifiedSince = earlier } == .failed && outcome { $0.ifUnmodifiedSince = date } == .proceed)
        #expect(outcome { $0.ifNoneMatch = "\"x\""; $0.ifModifiedSince = date } == .proceed)
        #expect(Preconditions(ifRange: tag).allowsRange(entityTag: tag, modified: 1000) && !Preconditions(ifRange: "W/" + tag).allowsRange(entityTag: tag, modified: 1000))
        #expect(Preconditions(ifRange: date).allowsRange(entityTag: tag, modified: 1000) && !Preconditions(ifRange: earlier).allowsRange(entityTag: tag, modified: 1000))
    }

    @Test func theLineCarriesItsRateWhoeverAsks() {
        let link = SharedLink(bytesPerSecond: 1_000_000)
        let start: UInt64 = 1_000_000_000
        var last: UInt64 = 0
        for _ in 0..<1000 { last = link.reserve(1000, now: start) }
        // A second of line, less the burst that may be caught up with.
        #expect(last == start + 980_000_000)
        #expect(link.reserve(1000, now: last + 5_000_000_000) == last + 5_000_000_000 - 20_000_000 + 1_000_000)
        #expect(SharedLink(bytesPerSecond: nil).reserve(1 << 40, now: 5) == 5)
        #expect(link.sliceLength == 4000 && SharedLink(bytesPerSecond: 1).sliceLength == 1024)
    }
}
