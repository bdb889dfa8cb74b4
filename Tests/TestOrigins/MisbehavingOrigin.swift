import Glibc
import LinuxSystem

/// A web server for tests that misbehaves on order: per path a script of answers, the last of which repeats.
/// Plain sockets and threads, so that it shares no code with what it tests.
public final class MisbehavingOrigin: Sendable {
    /// One request as it came.
    public struct Request: Sendable {
        public var target: String
        /// Names in lower case.
        public var headers: [String: String]
        /// The number of the connection, from 0.
        public var connection: Int
        /// The path without the query.
        public var path: String { String(target.prefix { $0 != "?" }) }
    }
    struct State {
        var files: [String: [UInt8]]
        var scripts: [String: [Misbehaviour]] = [:]
        var requests: [Request] = []
        var open: [CInt] = []
        var threads: [Thread] = []
        var connections = 0
        var stopping = false
    }
    /// The port on the loopback address.
    public let port: Int
    private let listener: CInt
    let state: Condition<State>
    private let acceptor: Thread

    /// Serves `files` (by path, with the leading `/`) on `port`, or on a free one.
    public init(files: [String: [UInt8]], port: Int = 0) {
        let (listener, port) = LoopbackSocket.listen(port: port)
        let shared = Condition(State(files: files))
        (self.listener, self.port, state) = (listener, port, shared)
        acceptor = Thread(name: "origin") {
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0 {
                    if errno == EINTR || errno == ECONNABORTED { continue }
                    return
                }
                shared.update { state in
                    if state.stopping { close(connection); return }
                    let number = state.connections
                    state.connections += 1
                    state.open.append(connection)
                    state.threads.append(Thread(name: "origin-\(number)") {
                        OriginConnection(descriptor: connection, number: number, state: shared).serve()
                    })
                }
            }
        }
    }

    /// `http://127.0.0.1:port` and `path`.
    public func address(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

    /// What to do with the next requests for `path`; the last step repeats.
    public func script(_ path: String, _ steps: Misbehaviour...) { state.update { $0.scripts[path] = steps } }

    /// All requests so far.
    public var requests: [Request] { state.withLock { $0.requests } }
    /// Connections accepted so far.
    public var connections: Int { state.withLock { $0.connections } }
    /// Waits, without blocking the pool, until `count` requests have come; false after `seconds`.
    public func requests(atLeast count: Int, seconds: UInt64 = 5) async -> Bool {
        await withCheckedContinuation { continuation in
            Thread(name: "origin-wait") {
                let deadline = MonotonicTime.now.adding(milliseconds: seconds * 1000)
                continuation.resume(returning: self.state.wait(until: deadline) { $0.requests.count >= count ? true : nil } ?? false)
            }.detach()
        }
    }

    /// Closes everything and waits for all threads. Call once.
    public func stop() {
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
}
