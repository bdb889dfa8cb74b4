import Glibc
import LinuxSystem

/// A web server on the loopback address that flips one byte on its way, on order, and counts who asked for it.
/// Plain sockets and threads: it shares no code with what it tests.
final class FlippingOrigin: Sendable {
    /// One byte of one file that will be wrong the `time`-th time (from 1) that it is sent.
    struct Flip: Sendable {
        var path: String
        var offset: Int
        var mask: UInt8 = 0xFF
        var time = 1
    }
    struct State {
        var files: [String: [UInt8]]
        var flips: [Flip] = []
        /// How often each of those bytes was sent since they were ordered.
        var sent: [Int] = []
        var requests: [String: Int] = [:]
        var open: [CInt] = []
        var threads: [LinuxSystem.Thread] = []
        var stopping = false
    }
    let port: Int
    private let listener: CInt
    private let state: Condition<State>
    private let acceptor: LinuxSystem.Thread

    /// Serves `files` by path, with the leading `/`.
    init(files: [String: [UInt8]]) {
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let ready = withUnsafeMutablePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            bind(listener, address, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, address, &length) == 0
        } }
        precondition(ready, "cannot listen: errno \(errno)")
        let shared = Condition(State(files: files))
        (self.listener, port, state) = (listener, Int(UInt16(bigEndian: address.sin_port)), shared)
        acceptor = LinuxSystem.Thread(name: "origin") {
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0 && (errno == EINTR || errno == ECONNABORTED) { continue }
                if connection < 0 { return }
                shared.update { state in
                    if state.stopping { close(connection); return }
                    state.open.append(connection)
                    state.threads.append(LinuxSystem.Thread(name: "origin-c") { Self.serve(connection, shared) })
                }
            }
        }
    }

    func address(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

    /// Orders the next flips and forgets what was counted.
    func order(_ flips: [Flip]) {
        state.update { state in
            state.flips = flips
            state.sent = flips.map { _ in 0 }
            state.requests = [:]
        }
    }

    /// How often each ordered byte was sent, right or wrong.
    var sent: [Int] { state.withLock { $0.sent } }
    /// Requests since the last order, by path.
    var requests: [String: Int] { state.withLock { $0.requests } }

    func stop() {
        let (open, threads) = state.update { state in
            state.stopping = true
            return (state.open, state.threads)
        }
        shutdown(listener, CInt(SHUT_RDWR))
        acceptor.join()
        close(listener)
        for descriptor in open { shutdown(descriptor, CInt(SHUT_RDWR)) }
        for thread in threads { thread.join() }
        for descriptor in open { close(descriptor) }
    }

    private static func serve(_ connection: CInt, _ state: Condition<State>) {
        var input: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        let end = Array("\r\n\r\n".utf8)
        while true {
            while let at = input.indices.first(where: { input[$0...].starts(with: end) }) {
                let lines = String(decoding: input[..<at], as: UTF8.self).split(separator: "\r\n")
                input.removeFirst(at + 4)
                if !write(connection, answer(lines, state)) { return }
            }
            let n = recv(connection, &buffer, buffer.count, 0)
            if n < 0 && errno == EINTR { continue }
            if n <= 0 { return }
            input += buffer[..<n]
        }
    }

    private static func answer(_ lines: [Substring], _ state: Condition<State>) -> [UInt8] {
        let path = String(lines[0].split(separator: " ")[1])
        let ends = lines.first { $0.lowercased().hasPrefix("range: bytes=") }?.dropFirst(13).split(separator: "-").compactMap { Int($0) } ?? []
        return state.update { state -> [UInt8] in
            state.requests[path, default: 0] += 1
            guard let file = state.files[path] else { return Array("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".utf8) }
            guard ends.count == 2, ends[0] < file.count else {
                return Array("HTTP/1.1 416 Range\r\nContent-Length: 0\r\nContent-Range: bytes */\(file.count)\r\n\r\n".utf8)
            }
            let range = ends[0]..<min(file.count, ends[1] + 1)
            var body = Array(file[range])
            for (i, flip) in state.flips.enumerated() where flip.path == path && range.contains(flip.offset) {
                state.sent[i] += 1
                if state.sent[i] == flip.time { body[flip.offset - range.lowerBound] ^= flip.mask }
            }
            let head = "HTTP/1.1 206 Part\r\nContent-Length: \(body.count)\r\nContent-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/\(file.count)\r\n\r\n"
            return Array(head.utf8) + body
        }
    }

    private static func write(_ connection: CInt, _ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes { send(connection, $0.baseAddress! + done, $0.count - done, CInt(MSG_NOSIGNAL)) }
            if n < 0 && errno == EINTR { continue }
            if n <= 0 { return false }
            done += n
        }
        return true
    }
}
