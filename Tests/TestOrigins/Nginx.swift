import Glibc
import LinuxSystem
import Synchronization

/// Debian's nginx as an independent origin: a child process with a private configuration in a directory of its own, on
/// a free loopback port. Needs `/usr/sbin/nginx` (`apt-get install nginx-light`).
public final class Nginx: Sendable {
    /// One line of its log.
    public struct Request: Sendable {
        public var path: String
        public var status: Int
        /// The Range header; empty without.
        public var range: String
        /// nginx's serial number of the connection.
        public var connection: Int
        /// Bytes of the body.
        public var bytes: Int
    }
    public struct Failure: Error { public var message: String }

    /// The directory that is served; put files here.
    public let root: FilePath
    public let port: Int
    private let directory: FilePath
    private let scheme: String
    private let process = Mutex<pid_t?>(nil)

    /// Makes the directory and starts the server. `extra` goes into the `server` block, e.g. `limit_rate 1m;`.
    /// With `certificate` it speaks TLS.
    public init(extra: String = "", certificate: TestAuthority.Certificate? = nil) throws {
        var template = Array("/tmp/nginx-origin-XXXXXX".utf8CString)
        directory = template.withUnsafeMutableBufferPointer { FilePath(platformString: mkdtemp($0.baseAddress!)!) }
        root = directory.appending("www")
        scheme = certificate == nil ? "http" : "https"
        let tls = certificate.map { "ssl_certificate \($0.file); ssl_certificate_key \($0.key);" } ?? ""
        port = LoopbackSocket.freePort()
        try SystemCalls.makeDirectory(root, mode: 0o755)
        let configuration = """
            daemon off;
            master_process off;
            pid nginx.pid;
            error_log error.log warn;
            events { worker_connections 512; }
            http {
                client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
                log_format line '$connection|$status|$body_bytes_sent|$http_range|$request_uri';
                access_log access.log line;
                keepalive_requests 1000000;
                server { listen 127.0.0.1:\(port)\(certificate == nil ? "" : " ssl"); \(tls) root www; \(extra) }
            }
            """
        let file = try SystemCalls.open(directory.appending("nginx.conf"), flags: O_WRONLY | O_CREAT | O_TRUNC)
        try Array(configuration.utf8).withUnsafeBytes { try SystemCalls.writeAll(file.rawValue, $0) }
        try start()
    }

    /// Starts the server (again), and returns when it accepts connections.
    public func start() throws {
        let prefix = directory.string
        let null = try SystemCalls.open("/dev/null", flags: O_RDWR)
        let pid = try SystemCalls.spawn(
            "/usr/sbin/nginx", ["nginx", "-p", prefix, "-c", "\(prefix)/nginx.conf", "-e", "\(prefix)/error.log"],
            descriptors: [null.rawValue, null.rawValue, null.rawValue])
        process.withLock { $0 = pid }
        for _ in 0..<500 {
            if LoopbackSocket.answers(port: port) { return }
            if try SystemCalls.wait(for: pid, options: WNOHANG) != nil {
                process.withLock { $0 = nil }
                throw Failure(message: "nginx did not start; see \(prefix)/error.log")
            }
            usleep(10_000)
        }
        throw Failure(message: "nginx does not answer on port \(port) after 5 s")
    }

    /// Ends the server's process; its files and log stay, so that `start` brings it back on the same port.
    public func interrupt() {
        guard let pid = process.withLock({ pid in defer { pid = nil }; return pid }) else { return }
        kill(pid, SIGTERM)
        _ = try? SystemCalls.wait(for: pid)
    }

    /// Ends the server and removes its directory.
    public func stop() {
        interrupt()
        _ = try? SystemCalls.wait(for: SystemCalls.spawn("/bin/rm", ["rm", "-rf", directory.string], descriptors: [-1, -1, -1]))
    }

    /// `http://127.0.0.1:port` (`https` with a certificate) and `path`.
    public func address(_ path: String, host: String = "127.0.0.1") -> String { "\(scheme)://\(host):\(port)\(path)" }

    /// Writes a file below the root.
    public func put(_ name: String, _ bytes: [UInt8]) throws {
        let file = try SystemCalls.open(root.appending(name), flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try bytes.withUnsafeBytes { try SystemCalls.writeAll(file.rawValue, $0) }
    }

    /// All requests that the log has so far. nginx writes a line when the answer is sent.
    public func requests() throws -> [Request] {
        let file = try SystemCalls.open(directory.appending("access.log"), flags: O_RDONLY)
        var bytes = [UInt8](repeating: 0, count: Int(try SystemCalls.status(of: file.rawValue).size))
        let n = try bytes.withUnsafeMutableBytes { try SystemCalls.preadAll(file.rawValue, into: $0, at: 0) }
        return String(decoding: bytes[..<n], as: UTF8.self).split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "|", maxSplits: 4, omittingEmptySubsequences: false)
            guard parts.count == 5, let connection = Int(parts[0]), let status = Int(parts[1]), let bytes = Int(parts[2]) else { return nil }
            return Request(path: String(parts[4]), status: status, range: parts[3] == "-" ? "" : String(parts[3]), connection: connection, bytes: bytes)
        }
    }
}
