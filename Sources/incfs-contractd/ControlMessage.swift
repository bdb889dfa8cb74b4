import Glibc
import LinuxSystem

/// What daemon and helper say to each other over a Unix stream socket: a length of 4 bytes, then words, each with a NUL; with the
/// first byte come descriptors.
enum ControlMessage {
    /// More than any path and any options.
    static let longest = 65536

    static func send(_ words: [String], descriptors: [CInt] = [], over socket: CInt) throws(Errno) {
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

    /// The next message; nil when the peer is gone. Descriptors are the caller's, also of a message that is refused.
    static func receive(over socket: CInt, descriptors: inout [CInt]) throws(Errno) -> [String]? {
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

    private static func length(_ bytes: [UInt8]) -> Int { Int(bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) }) }
}
