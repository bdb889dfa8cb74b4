import Glibc
import LinuxSystem
import Testing

/// The built trial origin against curl.
@Suite(.timeLimit(.minutes(2))) struct OriginServerTests {
    private struct Served {
        let directory = TemporaryDirectory()
        let child: Child
        let url: String
        let content: [UInt8]
        var log: FilePath { directory.path.appending("log") }

        init(_ options: [String] = []) async throws {
            var state: UInt64 = 88172645463325252
            content = (0..<500_000).map { _ in
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return UInt8(truncatingIfNeeded: state)
            }
            let root = directory.path.appending("root")
            try SystemCalls.makeDirectory(root)
            try root.appending("file").write(content)
            try root.appending("empty").write("")
            try root.appending(bytes: [0xff, 0x20, 0x25]).write("odd")
            try SystemCalls.makeDirectory(root.appending("dir"))
            try root.appending("inside").link(to: "dir/../file")
            try root.appending("escape").link(to: "/etc/passwd")
            try root.appending("up").link(to: "..")
            try directory.path.appending("secret").write("secret")
            child = try Executable.origin.start([root.string, "--listen", "127.0.0.1:0", "--log", directory.path.appending("log").string] + options)
            url = try await child.line().split(separator: " ").last.map(String.init) ?? ""
        }

        func curl(_ path: String, _ options: [String] = []) async throws -> (code: String, body: [UInt8], headers: String, first: Double, total: Double) {
            let body = directory.path.appending("body.\(path.utf8.reduce(5381) { ($0 &* 33) ^ Int($1) }).\(options.count)"), headers = body.string + ".h"
            let result = try await Executable.curl.run(
                ["-s", "--noproxy", "*", "--path-as-is", "-o", body.string, "-D", headers, "-w", "%{http_code} %{time_starttransfer} %{time_total}"] + options + [url + path])
            let words = result.output.split(separator: " ").map(String.init)
            guard result.status == 0, words.count == 3 else { throw Errno.ioError }
            return (words[0], (try? SystemCalls.contents(of: body)) ?? [], String(decoding: (try? SystemCalls.contents(of: FilePath(headers))) ?? [], as: UTF8.self), Double(words[1]) ?? 0, Double(words[2]) ?? 0)
        }

        func stop() async throws -> Executable.Result {
            try child.signal(SIGINT)
            return try await child.finish()
        }
    }

    @Test func filesAndRangesAreTheRightBytes() async throws {
        let served = try await Served()
        let whole = try await served.curl("file")
        #expect(whole.code == "200" && whole.body == served.content)
        #expect(whole.headers.contains("Accept-Ranges: bytes") && whole.headers.contains("Content-Type: application/octet-stream") && whole.headers.contains("Last-Modified: "))
        for (range, slice) in [("0-0", 0..<1), ("4096-300000", 4096..<300_001), ("499999-", 499_999..<500_000), ("-10", 499_990..<500_000), ("400000-900000", 400_000..<500_000)] {
            let part = try await served.curl("inside", ["-r", range])
            #expect(part.code == "206" && part.body == Array(served.content[slice]), "\(range)")
            #expect(part.headers.contains("Content-Range: bytes \(slice.lowerBound)-\(slice.upperBound - 1)/500000"))
        }
        let past = try await served.curl("file", ["-r", "500000-"])
        #expect(past.code == "416" && past.headers.contains("Content-Range: bytes */500000"))
        #expect(try await served.curl("empty").code == "200")
        #expect(try await served.curl("%ff%20%25").body == Array("odd".utf8))
        let head = try await served.curl("file", ["-I"])
        #expect(head.code == "200" && head.headers.contains("Content-Length: 500000"))
        #expect(try await served.curl("file", ["-X", "DELETE"]).code == "405")
        #expect(try await served.stop().status == 0)
        let log = String(decoding: try SystemCalls.contents(of: served.log), as: UTF8.self)
        #expect(log.contains(" GET /file - 200 500000 ") && log.contains(" GET /inside bytes=0-0 206 1 ") && log.contains(" HEAD /file - 200 0 "))
    }

    @Test func validatorsAreHonoured() async throws {
        let served = try await Served()
        let headers = try await served.curl("file").headers
        func value(_ name: String) throws -> String { String(try #require(headers.split(separator: "\r\n").first { $0.hasPrefix(name + ": ") }).dropFirst(name.count + 2)) }
        let tag = try value("ETag"), date = try value("Last-Modified")
        #expect(try await served.curl("file", ["-H", "If-None-Match: \(tag)"]).code == "304")
        #expect(try await served.curl("file", ["-H", "If-Modified-Since: \(date)"]).code == "304")
        #expect(try await served.curl("file", ["-H", "If-Match: \"other\""]).code == "412")
        #expect(try await served.curl("file", ["-r", "0-9", "-H", "If-Range: \(tag)"]).code == "206")
        #expect(try await served.curl("file", ["-r", "0-9", "-H", "If-Range: \"other\""]).body == served.content)
        #expect(try await served.stop().status == 0)
    }

    @Test(arguments: ["escape", "up/secret", "../secret", "%2e%2e/secret", "dir/../../secret", "..%2fsecret", "/etc/passwd", "dir", "", "none", "file/x", "file%00"])
    func nothingElseIsServed(_ path: String) async throws {
        let served = try await Served()
        let answer = try await served.curl(path)
        #expect(["400", "403", "404"].contains(answer.code), "\(path): \(answer.code)")
        #expect(!answer.body.starts(with: Array("secret".utf8)) && !answer.body.starts(with: Array("root:".utf8)))
        #expect(try await served.stop().status == 0)
    }

    @Test func delayAndRateAreThoseAskedFor() async throws {
        let served = try await Served(["--delay", "1s", "--rate", "1MB/s"])
        // Two at once: each waits its own second, both share a line that needs half a second for each.
        async let one = served.curl("file"), two = served.curl("inside")
        let (a, b) = try await (one, two)
        #expect(a.body == served.content && b.body == served.content)
        for answer in [a, b] { #expect(answer.first >= 0.99 && answer.first < 1.9, "first byte after \(answer.first) s") }
        let last = max(a.total, b.total), first = min(a.total, b.total)
        #expect(last >= 1.9 && last < 10, "both after \(last) s")
        // Taking turns: neither is done before the line has carried most of both.
        #expect(first > 1.7, "the first after \(first) s")
        #expect(try await served.stop().status == 0)
    }

    @Test func aSignalEndsItInTheMiddleOfADownload() async throws {
        let served = try await Served(["--rate", "10kB/s"])
        async let cut = Executable.curl.run(["-s", "--noproxy", "*", "-o", "/dev/null", served.url + "file"])
        while try SystemCalls.status(of: served.log).size == 0, try await served.curl("empty").code != "200" {}
        #expect(try await served.stop().status == 0)
        #expect(try await cut.status != 0)
    }

    @Test func whatCannotBeServedIsTold() async throws {
        let none = try await Executable.origin.run(["/nonexistent"])
        #expect(none.status == 1 && none.error.hasPrefix("incfs-origin: Cannot serve /nonexistent: "))
        #expect(try await Executable.origin.run([]).status == 2)
        #expect(try await Executable.origin.run(["/tmp", "--rate", "fast"]).status == 2)
        let served = try await Served()
        let port = served.url.dropLast().split(separator: ":").last.map(String.init) ?? ""
        let taken = try await Executable.origin.run(["/tmp", "--listen", port])
        #expect(taken.status == 1 && taken.error.contains("already in use"), "\(taken)")
        #expect(try await served.stop().status == 0)
    }
}
