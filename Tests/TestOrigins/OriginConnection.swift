import Glibc
import LinuxSystem

/// One connection to a `MisbehavingOrigin`, on its own thread.
struct OriginConnection {
    let descriptor: CInt
    let number: Int
    let state: Condition<MisbehavingOrigin.State>

    func serve() {
        var input: [UInt8] = []
        while let request = nextRequest(&input) {
            let (step, file) = state.update { state -> (Misbehaviour, [UInt8]?) in
                state.requests.append(request)
                var script = state.scripts[request.path] ?? [.honest]
                let step = script[0]
                if script.count > 1 { script.removeFirst() }
                state.scripts[request.path] = script
                return (step, state.files[request.path])
            }
            if !answer(request, step, file) { break }
        }
        shutdown(descriptor, CInt(SHUT_RDWR))
    }

    /// Carries one step out; false if the connection must end.
    private func answer(_ request: MisbehavingOrigin.Request, _ step: Misbehaviour, _ file: [UInt8]?) -> Bool {
        switch step {
        case .drop: return false
        case .silence:
            waitForEnd()
            return false
        case .webPage:
            return send(200, ["Content-Type": "text/html; charset=utf-8"], Array("<html><body>Please log in</body></html>".utf8))
        case .status(let code, let headers): return send(code, headers, Array("status \(code)\n".utf8))
        case .redirect(let location, let code): return send(code, ["Location": location], [])
        default: break
        }
        guard let file else { return send(404, [:], Array("not found\n".utf8)) }
        if case .ignoreRange(let announce) = step {
            if announce { return send(200, ["Content-Type": "application/octet-stream"], file) }
            write(head(200, ["Connection": "close"]) + file)
            return false
        }
        guard let range = Self.range(request, file.count) else { return send(200, [:], file) }
        if range.isEmpty { return send(416, ["Content-Range": "bytes */\(file.count)"], []) }
        return answerRange(step, file, range)
    }

    private func answerRange(_ step: Misbehaviour, _ file: [UInt8], _ range: Range<Int>) -> Bool {
        var body = Array(file[range])
        var headers = ["Content-Range": "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(file.count)"]
        switch step {
        case .shiftRange(let by):
            let moved = min(range.lowerBound + by, file.count - 1)..<min(range.upperBound + by, file.count)
            return send(206, ["Content-Range": "bytes \(moved.lowerBound)-\(moved.upperBound - 1)/\(file.count)"], Array(file[moved]))
        case .omitContentRange: headers = [:]
        case .shortBody(let by):
            headers["Content-Length"] = "\(body.count)"
            write(head(206, headers) + body.dropLast(by))
            return false
        case .longBody(let by): body += [UInt8](repeating: 0x21, count: by)
        case .overrun(let by):
            headers["Connection"] = "close"
            write(head(206, headers) + body + [UInt8](repeating: 0x21, count: by))
            return false
        case .stall:
            headers["Content-Length"] = "\(body.count)"
            write(head(206, headers) + body.prefix(body.count / 2))
            waitForEnd()
            return false
        case .encoded(let coding): headers["Content-Encoding"] = coding
        case .damage: body[0] ^= 0xFF
        case .tagged(let tag): headers["ETag"] = tag
        default: break
        }
        return send(206, headers, body)
    }

    // MARK: Wire

    private func send(_ code: Int, _ headers: [String: String], _ body: [UInt8]) -> Bool {
        var headers = headers
        headers["Content-Length"] = "\(body.count)"
        return write(head(code, headers) + body)
    }

    private func head(_ code: Int, _ headers: [String: String]) -> [UInt8] {
        let lines = headers.map { "\($0): \($1)\r\n" }.joined()
        return Array("HTTP/1.1 \(code) Status\r\n\(lines)\r\n".utf8)
    }

    @discardableResult
    private func write(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress! + done, $0.count - done, CInt(MSG_NOSIGNAL)) }
            if n < 0 && errno == EINTR { continue }
            if n <= 0 { return false }
            done += n
        }
        return true
    }

    /// Returns when the peer closes, or `stop` does.
    private func waitForEnd() {
        var byte: UInt8 = 0
        while recv(descriptor, &byte, 1, 0) > 0 {}
    }

    private func nextRequest(_ input: inout [UInt8]) -> MisbehavingOrigin.Request? {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let at = input.indices.first(where: { input[$0...].starts(with: end) }) {
                let lines = String(decoding: input[..<at], as: UTF8.self).split(separator: "\r\n")
                input.removeFirst(at + 4)
                let words = lines.first?.split(separator: " ") ?? []
                guard words.count == 3 else { return nil }
                var headers: [String: String] = [:]
                for line in lines.dropFirst() {
                    guard let colon = line.firstIndex(of: ":") else { continue }
                    headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
                }
                return MisbehavingOrigin.Request(target: String(words[1]), headers: headers, connection: number)
            }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let n = recv(descriptor, &buffer, buffer.count, 0)
            if n < 0 && errno == EINTR { continue }
            if n <= 0 || input.count > 1 << 16 { return nil }
            input += buffer[..<n]
        }
    }

    /// The range asked for, cut at the end of the file; empty if it begins beyond; nil without a Range header.
    private static func range(_ request: MisbehavingOrigin.Request, _ size: Int) -> Range<Int>? {
        guard let text = request.headers["range"], text.hasPrefix("bytes=") else { return nil }
        let ends = text.dropFirst(6).split(separator: "-").compactMap { Int($0) }
        guard ends.count == 2 else { return nil }
        return ends[0] >= size ? 0..<0 : ends[0]..<min(size, ends[1] + 1)
    }
}
