/// A path inside a package in JSON. Names can be any bytes, JSON strings cannot: where the name is not UTF-8, `path` is a
/// readable approximation and `path_bytes` has the bytes in hexadecimal.
public struct WirePath: Codable, Hashable, Sendable {
    public var path: String
    /// Lower-case hexadecimal; only where `path` is not exact.
    public var pathBytes: String?

    public init(_ path: String) { self.path = path }

    public init(bytes: some Collection<UInt8>) {
        path = String(decoding: bytes, as: UTF8.self)
        if !path.utf8.elementsEqual(bytes) { pathBytes = Hexadecimal.text(bytes) }
    }

    /// The exact bytes. A malformed `path_bytes` counts as absent.
    public var bytes: [UInt8] { pathBytes.flatMap(Hexadecimal.bytes) ?? Array(path.utf8) }
}

/// Bytes as pairs of hexadecimal digits.
public enum Hexadecimal {
    /// Lower-case digits, two for a byte.
    public static func text(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes { text.append(digits[Int(byte >> 4)]); text.append(digits[Int(byte & 15)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of an even number of digits of either case; nil for anything else.
    public static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0 else { return nil }
        func nibble(_ c: UInt8) -> UInt8? {
            switch c {
            case 0x30...0x39: c - 0x30
            case 0x61...0x66: c - 0x61 + 10
            case 0x41...0x46: c - 0x41 + 10
            default: nil
            }
        }
        var result: [UInt8] = []
        for i in stride(from: 0, to: digits.count, by: 2) {
            guard let high = nibble(digits[i]), let low = nibble(digits[i + 1]) else { return nil }
            result.append(high << 4 | low)
        }
        return result
    }
}
