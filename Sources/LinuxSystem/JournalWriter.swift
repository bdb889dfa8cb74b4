import Glibc
import Synchronization
import SystemPackage

/// Writes to the system's journal: datagrams of fields (systemd's “Native Journal Protocol”). Callable from any thread; never waits.
public final class JournalWriter: Sendable {
    /// Where systemd-journald receives.
    public static let usualSocket: FilePath = "/run/systemd/journal/socket"
    /// Bytes of a message, at most: a datagram has to fit into the socket's buffer.
    static let limit = 48 << 10

    private let socket: FilePath
    private let identifier: String
    private let connection: Mutex<CInt>

    /// - Parameter identifier: what `journalctl -t` is asked for.
    /// - Throws: `ENOENT` or `ECONNREFUSED` where nobody receives.
    public init(socket: FilePath, identifier: String) throws(Errno) {
        self.socket = socket
        self.identifier = identifier
        connection = Mutex(try SystemCalls.connectDatagrams(to: socket).take())
    }

    deinit { connection.withLock { if $0 >= 0 { SystemCalls.close($0) } } }

    /// - Parameter priority: of syslog(3), 3 for an error, 6 for information.
    /// - Returns: false if it could not be sent.
    public func write(_ message: String, priority: Int) -> Bool {
        let bytes = Self.datagram(message, priority: priority, identifier: identifier, pid: getpid())
        return connection.withLock { connection in
            if connection >= 0, Self.send(connection, bytes) { return true }
            // The receiver may be another one by now.
            if connection >= 0 { SystemCalls.close(connection) }
            connection = (try? SystemCalls.connectDatagrams(to: socket).take()) ?? -1
            return connection >= 0 && Self.send(connection, bytes)
        }
    }

    private static func send(_ connection: CInt, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            do throws(Errno) { try SystemCalls.sendDatagram(connection, bytes) } catch { return false }
            return true
        }
    }

    /// `NAME=value` lines; a value with a line end in it as `NAME`, line end, its length as 64 bits little-endian, the value, line end.
    static func datagram(_ message: String, priority: Int, identifier: String, pid: pid_t) -> [UInt8] {
        var bytes = Array("PRIORITY=\(priority)\nSYSLOG_IDENTIFIER=\(identifier)\nSYSLOG_PID=\(pid)\n".utf8)
        let text = Array(message.utf8.prefix(limit))
        guard text.contains(0x0a) else { return bytes + Array("MESSAGE=".utf8) + text + [0x0a] }
        bytes += Array("MESSAGE\n".utf8)
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: UInt64(text.count) >> UInt64(shift))) }
        return bytes + text + [0x0a]
    }

    /// The journal's stream for the output of a program that knows nothing of it, beside the socket; nil where there is none.
    public static func stream(beside socket: FilePath, identifier: String) -> OwnedDescriptor? {
        guard let stream = try? SystemCalls.connect(toSocket: socket.removingLastComponent().appending("stdout")) else { return nil }
        // Identifier, unit, priority, priorities at the starts of lines, forwarding to syslog, kernel log and console (sd_journal_stream_fd(3)).
        let header = Array("\(identifier)\n\n3\n1\n0\n0\n0\n".utf8)
        do { try header.withUnsafeBytes { try SystemCalls.writeAll(stream.rawValue, $0) } } catch { return nil }
        return stream
    }
}
