import Glibc
import LinuxSystem

/// What the daemon of a contract mount and its clients say to each other over a Unix stream socket: a length of 4 bytes (little-endian), then words, each
/// with a NUL; with the first byte come descriptors. From any thread.
public enum ContractMessage {
    /// In bytes: more than any path and any options.
    public static let longest = 65536

    /// Throws `EINVAL` for words that are longer than `longest`, else as sendmsg(2).
    public static func send(_ words: [String], descriptors: [CInt] = [], over socket: CInt) throws(Errno) {
        var body: [UInt8] = []
        for word in words { body += Array(word.utf8) + [0] }
        guard body.count <= longest else { throw .invalidArgument }
        let bytes = withUnsafeBytes(of: UInt32(body.count).littleEndian) { Array($0) } + body
        var failure: Errno?
        var sent = 0
        bytes.withUnsafeBytes { raw in do throws(Errno) { sent = try SystemCalls.send(raw, descriptors: descriptors, over: socket) } catch { failure = error } }
        if let failure { throw failure }
        if sent < bytes.count { try SystemCalls.sendAll(socket, Array(bytes[sent...])) }
    }

    /// The next message; nil when the peer is gone. Descriptors are the caller's, also of a message that is refused. Throws `EINVAL` for one
    /// that is longer than `longest`, else as recvmsg(2).
    public static func receive(over socket: CInt, descriptors: inout [CInt]) throws(Errno) -> [String]? {
        var bytes: [UInt8] = []
        while bytes.count < 4 || bytes.count < 4 + length(bytes) {
            if bytes.count >= 4, length(bytes) > longest { throw .invalidArgument }
            var chunk = [UInt8](repeating: 0, count: bytes.count < 4 ? 4 - bytes.count : 4 + length(bytes) - bytes.count)
            var found: [CInt] = []
            var failure: Errno?
            let count = chunk.withUnsafeMutableBytes { buffer -> Int in
                do throws(Errno) { return try SystemCalls.receive(into: buffer, descriptors: &found, over: socket) } catch { failure = error; return 0 }
            }
            descriptors += found
            if let failure { throw failure }
            if count == 0 { return nil }
            bytes += chunk[..<count]
        }
        var words = bytes[4...].split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        if words.last == "" { words.removeLast() }
        return words
    }

    /// Asks the daemon behind `socket` and waits for its answer at most `milliseconds`. Returns what follows “ok”. Throws `ENODEV` when it says that it has no such
    /// mount, or says nothing; `EAGAIN` when the time is over; else as connect(2).
    public static func ask(_ words: [String], at socket: FilePath, milliseconds: Int32 = 5000) throws(Errno) -> [String] {
        let connection = try SystemCalls.connect(toSocket: socket)
        try SystemCalls.setReceiveTimeout(connection.rawValue, milliseconds: milliseconds)
        try send(words, over: connection.rawValue)
        var descriptors: [CInt] = []
        defer { for descriptor in descriptors { SystemCalls.close(descriptor) } }
        guard let answer = try receive(over: connection.rawValue, descriptors: &descriptors), answer.first == "ok" else { throw Errno(rawValue: ENODEV) }
        return Array(answer.dropFirst())
    }

    private static func length(_ bytes: [UInt8]) -> Int { Int(bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) }) }
}
