/// The path of a request target as raw bytes, relative to the served directory.
enum RequestPath {
    /// Percent-decodes the part before `?`, and drops empty and `.` segments. nil for what is no path below the directory:
    /// no leading slash, a broken escape, a NUL, an escaped slash, any `..`.
    static func bytes(target: String) -> [UInt8]? {
        let target = Array(target.utf8.prefix { $0 != 0x3f && $0 != 0x23 })
        guard target.first == 0x2f else { return nil }
        var segments: [[UInt8]] = []
        for raw in target.split(separator: 0x2f) {
            guard let name = decode(raw), !name.contains(0), !name.contains(0x2f), name != [0x2e, 0x2e] else { return nil }
            if name != [0x2e] { segments.append(name) }
        }
        return Array(segments.joined(separator: [0x2f]))
    }

    private static func decode(_ raw: ArraySlice<UInt8>) -> [UInt8]? {
        func nibble(_ c: UInt8) -> UInt8? {
            switch c {
            case 0x30...0x39: c - 0x30
            case 0x61...0x66: c - 0x61 + 10
            case 0x41...0x46: c - 0x41 + 10
            default: nil
            }
        }
        var result: [UInt8] = []
        var i = raw.startIndex
        while i < raw.endIndex {
            if raw[i] == 0x25 {
                guard i + 2 < raw.endIndex, let high = nibble(raw[i + 1]), let low = nibble(raw[i + 2]) else { return nil }
                result.append(high << 4 | low)
                i += 3
            } else {
                result.append(raw[i])
                i += 1
            }
        }
        return result
    }
}
