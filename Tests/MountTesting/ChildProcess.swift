import Glibc
import LinuxSystem
import Synchronization

/// A child process with standard output and error in pipes. Killed at the latest when it is let go.
public final class ChildProcess: Sendable {
    public struct Result: Sendable, CustomStringConvertible {
        /// The exit status, or 128 plus the number of the signal that ended it.
        public var status: Int32
        public var output: String
        public var error: String
        public var description: String { "status \(status)\n\(output)\(error)" }
    }

    public let pid: pid_t
    private let output: CInt
    private let error: CInt
    private let reaped = Mutex(false)

    /// `path` and its arguments, the name first; `input` becomes its standard input.
    public init(_ path: FilePath, _ arguments: [String], environment: [String]? = nil, input: CInt? = nil) throws {
        let output = try SystemCalls.pipe(), error = try SystemCalls.pipe()
        let null = try SystemCalls.open("/dev/null", flags: O_RDONLY)
        defer { SystemCalls.close(output.write); SystemCalls.close(error.write) }
        pid = try SystemCalls.spawn(path, arguments, environment: environment, descriptors: [input ?? null.rawValue, output.write, error.write])
        (self.output, self.error) = (output.read, error.read)
    }

    deinit {
        if !reaped.withLock({ $0 }) {
            kill(pid, SIGKILL)
            _ = try? SystemCalls.wait(for: pid)
        }
        SystemCalls.close(output)
        SystemCalls.close(error)
    }

    /// kill(2).
    public func signal(_ number: CInt) { if !reaped.withLock({ $0 }) { kill(pid, number) } }

    /// True while it has not ended.
    public var runs: Bool { access("/proc/\(pid)", F_OK) == 0 && state != "Z" }

    /// The letter of `/proc/PID/stat`: S, D, Z and so on; nil when it is gone.
    public var state: Character? {
        guard let bytes = try? SystemCalls.contents(of: FilePath("/proc/\(pid)/stat")) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.lastIndex(of: ")").map { text[text.index($0, offsetBy: 2)] }
    }

    /// The next line of standard output, without its end.
    public func line(seconds: Int = 30) async throws -> String {
        try await onThread { [self] in
            var line: [UInt8] = []
            var byte: UInt8 = 0
            while true {
                guard try SystemCalls.poll(output, events: Int16(POLLIN), timeoutMilliseconds: CInt(seconds * 1000)) != 0 else {
                    throw MountTestFailure("process \(pid) printed no line in \(seconds) s, only “\(String(decoding: line, as: UTF8.self))”")
                }
                guard try withUnsafeMutableBytes(of: &byte, { try SystemCalls.read(output, into: $0) }) == 1, byte != 0x0a else { break }
                line.append(byte)
            }
            return String(decoding: line, as: UTF8.self)
        }
    }

    /// Waits for the end; the rest of what it printed. After `seconds` it is killed, and that is a failure. Call once.
    public func finish(seconds: Double = 60) async throws -> Result {
        try await onThread { [self] in
            let process = try SystemCalls.processDescriptor(pid)
            let end = MonotonicTime.now.adding(milliseconds: UInt64(seconds * 1000))
            var texts: [[UInt8]] = [[], []]
            var open = [true, true], ended = false, late = false
            while !ended || open != [false, false] {
                var entries = [
                    pollfd(fd: ended ? -1 : process.rawValue, events: Int16(POLLIN), revents: 0), pollfd(fd: open[0] ? output : -1, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: open[1] ? error : -1, events: Int16(POLLIN), revents: 0),
                ]
                // A grandchild may keep the pipes open: after the end only what is there already is read.
                let left = ended ? 0 : CInt(min(end.since(.now) / 1_000_000, 1_000_000))
                let count = try SystemCalls.poll(&entries, timeoutMilliseconds: left)
                if count == 0 && ended { break }
                if count == 0 && MonotonicTime.now >= end {
                    late = true
                    kill(pid, SIGKILL)
                    if try SystemCalls.poll(process.rawValue, events: Int16(POLLIN), timeoutMilliseconds: 5000) == 0 {
                        throw MountTestFailure("process \(pid) does not even die of SIGKILL (state \(state ?? "?"))")
                    }
                }
                for (i, descriptor) in [output, error].enumerated() where entries[i + 1].revents != 0 {
                    var chunk = [UInt8](repeating: 0, count: 65536)
                    let n = try chunk.withUnsafeMutableBytes { try SystemCalls.read(descriptor, into: $0) }
                    if n == 0 { open[i] = false } else { texts[i] += chunk[..<n] }
                }
                if entries[0].revents != 0 { ended = true }
            }
            let status = try reap()
            let result = Result(status: status, output: String(decoding: texts[0], as: UTF8.self), error: String(decoding: texts[1], as: UTF8.self))
            if late { throw MountTestFailure("process \(pid) has not ended in \(seconds) s: \(result)") }
            return result
        }
    }

    /// Sends a signal; the milliseconds until the process is gone, and its status. More than 5 s are a failure.
    public func end(by number: CInt, _ who: String = "the process") async throws -> (milliseconds: Double, status: Int32) {
        try await onThread { [self] in
            let process = try SystemCalls.processDescriptor(pid)
            let start = MonotonicTime.now
            kill(pid, number)
            let ended = try SystemCalls.poll(process.rawValue, events: Int16(POLLIN), timeoutMilliseconds: 5000) != 0
            let time = Double(MonotonicTime.now.since(start)) / 1e6
            guard ended else { throw MountTestFailure("\(who) (state \(state ?? "?")) has not ended 5 s after signal \(number)") }
            return (time, try reap())
        }
    }

    private func reap() throws -> Int32 {
        guard let status = try SystemCalls.wait(for: pid)?.status else { return -1 }
        reaped.withLock { $0 = true }
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }
}
