import Glibc
import LinuxSystem

/// One connection to a `ControlledOrigin`, on a thread of its own.
struct ControlledConnection {
    let descriptor: CInt
    let root: FilePath
    let state: Condition<ControlledOrigin.State>

    func serve() {
        var input: [UInt8] = []
        while let head = nextHead(&input) {
            let lines = head.split(separator: "\r\n")
            let words = lines.first?.split(separator: " ") ?? []
            guard words.count == 3, let file = try? SystemCalls.open(root.appending(String(words[1].dropFirst())), flags: O_RDONLY),
                let size = try? SystemCalls.status(of: file.rawValue).size
            else {
                if !write(Array("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".utf8)) { break }
                continue
            }
            let ends = lines.first { $0.lowercased().hasPrefix("range: bytes=") }?.split(separator: "=")[1].split(separator: "-").compactMap { Int($0) }
            guard let ends, ends.count == 2, ends[0] < Int(size) else {
                if !write(Array("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n".utf8)) { break }
                continue
            }
            if !answer(String(words[1]), ends[0]..<min(Int(size), ends[1] + 1), Int(size), file.rawValue) { break }
        }
        shutdown(descriptor, CInt(SHUT_RDWR))
    }

    private func answer(_ path: String, _ range: Range<Int>, _ size: Int, _ file: CInt) -> Bool {
        let (request, delay) = state.update { state in
            let request = ControlledOrigin.Request(number: state.requests.count, path: path, range: range)
            state.requests.append(request)
            state.inFlight += 1
            state.mostInFlight = max(state.mostInFlight, state.inFlight)
            return (request, state.delayMilliseconds)
        }
        defer { state.update { $0.inFlight -= 1 } }
        if delay > 0 { usleep(UInt32(delay) * 1000) }
        while true {
            // A held request whose client has gone is looked at ten times a second.
            let decision = state.wait(until: .now.adding(milliseconds: 100)) { state -> ControlledOrigin.Decision? in
                if state.stopping { return .status(503) }
                if case .hold = state.rule(request) { return nil }
                return state.rule(request)
            }
            switch decision {
            case nil, .hold:
                var byte: UInt8 = 0
                if recv(descriptor, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT)) == 0 { return false }
            case .status(let code): return write(Array("HTTP/1.1 \(code) Status\r\nContent-Length: 0\r\n\r\n".utf8))
            case .answer:
                var body = [UInt8](repeating: 0, count: range.count)
                guard (try? body.withUnsafeMutableBytes({ try SystemCalls.preadAll(file, into: $0, at: UInt64(range.lowerBound)) })) == range.count else { return false }
                let head = "HTTP/1.1 206 Partial Content\r\nContent-Length: \(range.count)\r\nContent-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)\r\n\r\n"
                guard write(Array(head.utf8) + body) else { return false }
                state.update { $0.requests[request.number].answered = true }
                return true
            }
        }
    }

    private func write(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress! + done, $0.count - done, CInt(MSG_NOSIGNAL)) }
            if n < 0 && errno == EINTR { continue }
            if n <= 0 { return false }
            done += n
        }
        return true
    }

    /// The next request's lines; nil when the peer is gone.
    private func nextHead(_ input: inout [UInt8]) -> String? {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let at = input.indices.first(where: { input[$0...].starts(with: end) }) {
                defer { input.removeFirst(at + 4) }
                return String(decoding: input[..<at], as: UTF8.self)
            }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let n = recv(descriptor, &buffer, buffer.count, 0)
            if n < 0 && errno == EINTR { continue }
            if n <= 0 { return nil }
            input += buffer[..<n]
        }
    }
}
