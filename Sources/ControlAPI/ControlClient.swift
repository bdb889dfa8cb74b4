import Glibc
import LinuxSystem

/// A connection to a daemon, with blocking calls. Use it from one thread at a time.
public final class ControlClient {
    private let socket: OwnedDescriptor
    private var lines = LineBuffer(limit: ControlProtocol.maximumReplyLength)
    /// A descriptor that becomes readable when the caller no longer wants an answer (a signalfd, say); -1 for none.
    /// A call that it ends throws `cancelled`, and closing the client cancels the request at the daemon.
    public var interruption: CInt = -1

    /// Takes over a connected socket.
    public init(_ socket: consuming OwnedDescriptor) { self.socket = socket }

    /// Connects to the socket at `path`.
    ///
    /// - Throws: `ENOENT` or `ECONNREFUSED` when no daemon is there, `EACCES` when it is somebody else's.
    public convenience init(connectingTo path: FilePath) throws(Errno) { self.init(try SystemCalls.connect(toSocket: path)) }

    /// Sends a request and waits for its answer.
    ///
    /// - Parameters:
    ///   - timeoutSeconds: counted anew after every line that comes; nil waits for ever.
    ///   - progress: called on this thread with each progress line.
    ///   - content: called on this thread with each part of a file.
    /// - Throws: the daemon's error; `daemon_unavailable` when the connection breaks; `timed_out`; `cancelled`.
    public func call(
        _ request: ControlRequest, timeoutSeconds: Double? = nil, progress: (ProgressReport) -> Void = { _ in },
        content: ([UInt8]) throws(ControlError) -> Void = { (_) throws(ControlError) in }
    ) throws(ControlError) -> ControlReply {
        let line = ControlProtocol.line(request)
        // What the daemon wrote before it closed (`busy`, say) is the better explanation: a failed send is not the end.
        do throws(Errno) { try SystemCalls.sendAll(socket.rawValue, line) } catch {
            if error != .brokenPipe { throw Self.broken }
        }
        while true {
            switch try ControlProtocol.decode(ControlReply.self, try nextLine(timeoutSeconds: timeoutSeconds)) {
            case .progress(let report): progress(report)
            case .content(let report): try content(Array(report.data))
            case .error(let error): throw error
            case let answer: return answer
            }
        }
    }

    /// Blocks until the daemon closes the connection or `interruption` becomes readable; true in the first case.
    public func waitForHangUp() -> Bool {
        while true {
            let (hangUp, stop) = (try? pollPair((socket.rawValue, 0), (interruption, POLLIN), timeoutMilliseconds: -1)) ?? (0, 0)
            if stop != 0 { return false }
            if hangUp != 0 { return true }
        }
    }

    private static let broken = ControlError(
        .daemonUnavailable, "The daemon ended the connection before it answered.", hint: "\(logHint) Look there, then try again.")

    private static var logHint: String { ControlPlaces().logSentence }

    private func nextLine(timeoutSeconds: Double?) throws(ControlError) -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        let deadline = timeoutSeconds.map { MonotonicTime.now.adding(milliseconds: UInt64(max(0, min($0, 1e9)) * 1000)) }
        while true {
            if let line = try lines.next() { return line }
            var left: CInt = -1
            if let deadline {
                left = CInt(min(deadline.since(.now) / 1_000_000 + 1, 1_000_000))
                if deadline <= .now { throw ControlError(.timedOut, "The daemon did not answer in time.", hint: Self.logHint) }
            }
            guard let ready = try? pollPair((socket.rawValue, POLLIN), (interruption, POLLIN), timeoutMilliseconds: left) else { throw Self.broken }
            if ready.1 != 0 { throw ControlError(.cancelled, "Interrupted.") }
            if ready.0 == 0 { continue }
            let count = chunk.withUnsafeMutableBytes { try? SystemCalls.read(socket.rawValue, into: $0) }
            guard let count, count > 0 else { throw Self.broken }
            lines.append(chunk[..<count])
        }
    }
}
