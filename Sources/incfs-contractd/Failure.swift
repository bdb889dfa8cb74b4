import Glibc
import LinuxSystem

/// Why something was not done. The exit status is the errno, so that whoever stands in for mount(2) can give it back.
struct Failure: Error {
    var errno: Errno
    var text: String

    /// The daemon went away instead of answering.
    var daemonIsGone = false

    init(daemonIsGone errno: Errno) {
        self.init(errno, "the daemon went away")
        daemonIsGone = true
    }

    init(_ errno: Errno, _ text: String) {
        self.errno = errno
        self.text = text
    }

    /// Says it and ends the process.
    func exit() -> Never {
        print("incfs: \(text) [\(Self.name(errno))]", to: &standardError)
        Glibc.exit(errno.rawValue > 0 && errno.rawValue < 256 ? errno.rawValue : EIO)
    }

    /// The symbolic name where there is one, e.g. `EINVAL`.
    static func name(_ errno: Errno) -> String {
        SystemCalls.name(of: errno) ?? "errno \(errno.rawValue)"
    }

    static func attempt<Value: ~Copyable>(_ what: @autoclosure () -> String, _ body: () throws(Errno) -> Value) throws(Failure) -> Value {
        do throws(Errno) { return try body() } catch { throw Failure(error, "\(what()): \(error)") }
    }
}

struct StandardError: TextOutputStream {
    mutating func write(_ string: String) {
        var bytes = Array(string.utf8)
        bytes.withUnsafeMutableBytes { _ = Glibc.write(2, $0.baseAddress, $0.count) }
    }
}
nonisolated(unsafe) var standardError = StandardError()
