/// Header lines as a person's file or command gives them: `Name: value`, one a line; empty lines and those that begin with `#`
/// do not count. Untrusted: a line can never become two headers, nor replace what a range request needs.
struct HeaderLines: Sendable, Equatable {
    struct Invalid: Error, Equatable {
        /// Without the line itself, which may be secret.
        var message: String
    }

    /// Bytes in all, and lines.
    static let byteLimit = 64 << 10
    static let lineLimit = 64

    /// What the source itself says, and what would change where a message ends.
    private static let reserved: Set<String> = [
        "host", "range", "accept-encoding", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "expect", "if-range",
        "proxy-authorization", "proxy-connection",
    ]

    var headers: [(name: String, value: String)] = []

    init() {}

    init(parsing bytes: [UInt8]) throws(Invalid) {
        guard bytes.count <= Self.byteLimit else { throw Invalid(message: "there are more than \(Self.byteLimit) bytes of it") }
        for (index, raw) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let line = Self.trimmed(raw)
            if line.isEmpty || line.first == UInt8(ascii: "#") { continue }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw Invalid(message: "line \(index + 1) has no colon") }
            let name = line[..<colon], value = Self.trimmed(line[(colon + 1)...])
            guard !name.isEmpty, name.allSatisfy(Self.isToken) else { throw Invalid(message: "line \(index + 1) does not begin with the name of a header") }
            guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 9 }) else { throw Invalid(message: "line \(index + 1) has a control character") }
            let text = String(decoding: name, as: UTF8.self)
            guard !Self.reserved.contains(text.lowercased()) else { throw Invalid(message: "line \(index + 1) sets \(text), which is not for it to set") }
            guard headers.count < Self.lineLimit else { throw Invalid(message: "there are more than \(Self.lineLimit) lines") }
            headers.append((text, String(decoding: value, as: UTF8.self)))
        }
    }

    func has(_ name: String) -> Bool { headers.contains { $0.name.lowercased() == name } }

    static func == (a: HeaderLines, b: HeaderLines) -> Bool { a.headers.elementsEqual(b.headers) { $0 == $1 } }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var line = line
        while let last = line.last, last == 0x20 || last == 9 || last == 13 { line = line.dropLast() }
        return line.drop { $0 == 0x20 || $0 == 9 }
    }

    /// RFC 9110 §5.6.2.
    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
