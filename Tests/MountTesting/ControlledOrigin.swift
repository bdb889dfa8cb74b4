import Glibc
import LinuxSystem

/// A web server below the control of a test: every request is recorded when it comes, and answered when the test says so.
/// Plain sockets and threads, so that it shares no code with what it tests.
public final class ControlledOrigin: Sendable {
    /// One range request.
    public struct Request: Sendable {
        /// From 0, in the order of arrival.
        public var number: Int
        public var path: String
        /// Bytes of the file, cut at its end.
        public var range: Range<Int>
        /// All its bytes were handed to the kernel.
        public var answered = false
    }
    /// What becomes of a request; asked again whenever the rule changes.
    public enum Decision: Sendable { case hold, answer, status(Int) }

    struct State {
        var rule: @Sendable (Request) -> Decision = { _ in .answer }
        var delayMilliseconds: UInt64 = 0
        var requests: [Request] = []
        var inFlight = 0
        var mostInFlight = 0
        var open: [CInt] = []
        var threads: [Thread] = []
        var stopping = false
    }

    public let port: Int
    private let listener: CInt
    let state = Condition(State())
    private let acceptor: Thread

    /// Serves the files below `root` on a free loopback port.
    public init(root: FilePath) throws {
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, length) } }
        guard bound == 0, listen(listener, 128) == 0 else { throw MountTestFailure("no listening socket: errno \(errno)") }
        _ = withUnsafeMutablePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) } }
        port = Int(UInt16(bigEndian: address.sin_port))
        self.listener = listener
        let state = self.state
        acceptor = Thread(name: "origin") {
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0 {
                    if errno == EINTR || errno == ECONNABORTED { continue }
                    return
                }
                state.update { shared in
                    if shared.stopping { Glibc.close(connection); return }
                    shared.open.append(connection)
                    shared.threads.append(Thread(name: "origin-serve") { ControlledConnection(descriptor: connection, root: root, state: state).serve() })
                }
            }
        }
    }

    /// The package that a site has published to its output directory, at this origin when that serves the site's directory.
    public var address: String { "http://127.0.0.1:\(port)/out/app.incfs" }

    /// What happens to requests from now on, those that wait included.
    public func rule(_ rule: @escaping @Sendable (Request) -> Decision) { state.update { $0.rule = rule } }
    /// Every answer takes so much longer.
    public func delay(milliseconds: UInt64) { state.update { $0.delayMilliseconds = milliseconds } }
    /// Answers everything.
    public func open() { rule { _ in .answer } }

    public var requests: [Request] { state.withLock { $0.requests } }
    /// The most requests that were here at one time.
    public var mostInFlight: Int { state.withLock { $0.mostInFlight } }
    public func resetMostInFlight() { state.update { $0.mostInFlight = $0.inFlight } }

    /// Waits until the requests are as `condition` wants them.
    @discardableResult
    public func reached(_ what: String, seconds: Double = 20, _ condition: @escaping @Sendable ([Request]) -> Bool) async throws -> [Request] {
        try await onThread { [self] in
            let end = MonotonicTime.now.adding(milliseconds: UInt64(seconds * 1000))
            guard let found = state.wait(until: end, { condition($0.requests) ? $0.requests : nil }) else {
                throw MountTestFailure("the origin has waited \(seconds) s in vain for \(what); it got \(requests.map { "\($0.path) \($0.range)\($0.answered ? "" : " held")" })")
            }
            return found
        }
    }

    /// Closes everything. Call once.
    public func stop() {
        let (open, threads) = state.update { state in
            state.stopping = true
            return (state.open, state.threads)
        }
        shutdown(listener, CInt(SHUT_RDWR))
        acceptor.join()
        Glibc.close(listener)
        for descriptor in open { shutdown(descriptor, CInt(SHUT_RDWR)) }
        for thread in threads { thread.join() }
        for descriptor in open { Glibc.close(descriptor) }
    }
}
