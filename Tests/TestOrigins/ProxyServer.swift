import Glibc
import LinuxSystem
import Synchronization

/// Debian's tinyproxy (CONNECT and absolute form) or dante (SOCKS5) on a free loopback port, as a child process.
public final class ProxyServer: Sendable {
    public enum Kind: Sendable { case http, socks }
    public struct Failure: Error { public var message: String }

    public let port: Int
    private let directory: String
    private let process: pid_t

    /// - Parameter login: `user` and password that it asks for (HTTP only).
    public init(_ kind: Kind, login: (user: String, password: String)? = nil) throws {
        var template = Array("/tmp/test-proxy-XXXXXX".utf8CString)
        directory = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)!) }
        port = LoopbackSocket.freePort()
        let configuration: String
        let command: [String]
        switch kind {
        case .http:
            configuration = """
                Port \(port)
                Listen 127.0.0.1
                Timeout 60
                LogFile "\(directory)/log"
                LogLevel Connect
                MaxClients 50
                \(login.map { "BasicAuth \($0.user) \($0.password)" } ?? "")

                """
            command = ["/usr/bin/tinyproxy", "-d", "-c", "\(directory)/conf"]
        case .socks:
            configuration = """
                logoutput: \(directory)/log
                internal: 127.0.0.1 port = \(port)
                external: 127.0.0.1
                clientmethod: none
                socksmethod: none
                client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
                socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect }

                """
            command = ["/usr/sbin/danted", "-f", "\(directory)/conf", "-p", "\(directory)/pid"]
        }
        let file = try SystemCalls.open(FilePath("\(directory)/conf"), flags: O_WRONLY | O_CREAT | O_TRUNC)
        try Array(configuration.utf8).withUnsafeBytes { try SystemCalls.writeAll(file.rawValue, $0) }
        let null = try SystemCalls.open("/dev/null", flags: O_RDWR)
        process = try SystemCalls.spawn(FilePath(command[0]), command, descriptors: [null.rawValue, null.rawValue, null.rawValue])
        for _ in 0..<500 {
            if LoopbackSocket.answers(port: port) { return }
            usleep(10_000)
        }
        stop()
        throw Failure(message: "\(command[0]) does not answer on port \(port) after 5 s")
    }

    /// The lines of its log that name connections to `host`.
    public func connections(to host: String) throws -> [String] {
        let file = try SystemCalls.open(FilePath("\(directory)/log"), flags: O_RDONLY)
        var bytes = [UInt8](repeating: 0, count: Int(try SystemCalls.status(of: file.rawValue).size))
        let n = try bytes.withUnsafeMutableBytes { try SystemCalls.preadAll(file.rawValue, into: $0, at: 0) }
        return String(decoding: bytes[..<n], as: UTF8.self).split(separator: "\n").map(String.init).filter { $0.contains(host) }
    }

    public func stop() {
        kill(process, SIGTERM)
        _ = try? SystemCalls.wait(for: process)
        _ = try? SystemCalls.wait(for: SystemCalls.spawn("/bin/rm", ["rm", "-rf", directory], descriptors: [-1, -1, -1]))
    }
}
