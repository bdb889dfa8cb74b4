import Glibc
import LinuxSystem

/// A program of this build, or of the system, as a child process.
struct Executable: Sendable {
    let path: FilePath

    /// Beside the test bundle: SwiftPM builds what a test target depends on.
    static let incfs = Executable(path: builds.appending("incfs"))
    static let origin = Executable(path: builds.appending("incfs-origin"))
    static let curl = Executable(path: "/usr/bin/curl")

    private static var builds: FilePath {
        var directory = (try? SystemCalls.realPath("/proc/self/exe"))?.removingLastComponent() ?? "."
        // The bundle may be started by a tool of the toolchain; its own path is then an argument.
        for argument in CommandLine.arguments where argument.contains(".xctest") {
            if let real = try? SystemCalls.realPath(FilePath(argument)) { directory = real.removingLastComponent() }
        }
        return directory
    }

    struct Result: Sendable {
        /// 128 plus the signal's number if one ended it.
        var status: Int32
        var output: String
        var error: String
    }

    /// Starts it with standard output and error in pipes.
    func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Child {
        let output = try SystemCalls.pipe(), error = try SystemCalls.pipe()
        let null = try SystemCalls.open("/dev/null", flags: O_RDONLY)
        defer { SystemCalls.close(output.write); SystemCalls.close(error.write) }
        var lines: [String] = []
        var entry = environ
        while let text = entry.pointee {
            let line = String(cString: text)
            if !environment.keys.contains(where: { line.hasPrefix($0 + "=") }) { lines.append(line) }
            entry += 1
        }
        let name = path.lastComponent?.string ?? path.string
        let pid = try SystemCalls.spawn(path, [name] + arguments, environment: lines + environment.map { "\($0.key)=\($0.value)" }, descriptors: [null.rawValue, output.write, error.write])
        return Child(pid: pid, output: output.read, error: error.read)
    }

    /// Runs it to its end.
    func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Result {
        let child = try start(arguments, environment: environment)
        return try await child.finish()
    }
}

/// A running child. Call `finish` once.
struct Child: Sendable {
    let pid: pid_t
    let output: CInt
    let error: CInt

    func signal(_ number: CInt) throws { try SystemCalls.signal(pid, number) }

    /// The next line of standard output, without its end.
    func line() async throws -> String {
        try await onThread {
            var line: [UInt8] = []
            var byte: UInt8 = 0
            while try withUnsafeMutableBytes(of: &byte, { try SystemCalls.read(output, into: $0) }) == 1, byte != 0x0a { line.append(byte) }
            return String(decoding: line, as: UTF8.self)
        }
    }

    /// Waits for the end; the rest of its output.
    func finish() async throws -> Executable.Result {
        async let said = onThread { Self.drain(output) }
        async let complained = onThread { Self.drain(error) }
        let raw = try await onThread { try SystemCalls.wait(for: pid)?.status ?? 0 }
        return Executable.Result(status: raw & 0x7f == 0 ? raw >> 8 & 0xff : 128 + raw & 0x7f, output: try await said, error: try await complained)
    }

    private static func drain(_ descriptor: CInt) -> String {
        defer { SystemCalls.close(descriptor) }
        var bytes: [UInt8] = [], chunk = [UInt8](repeating: 0, count: 65536)
        while let count = chunk.withUnsafeMutableBytes({ try? SystemCalls.read(descriptor, into: $0) }), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Runs blocking `body` on a thread of its own: tests run on the cooperative pool, which the fake daemon's tasks need.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread(name: "test") { continuation.resume(with: Swift.Result { try body() }) }.detach()
    }
}
