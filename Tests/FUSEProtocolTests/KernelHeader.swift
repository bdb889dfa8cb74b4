import Foundation

/// What the system's `linux/fuse.h` says, read as text.
struct KernelHeader {
    static let path = "/usr/include/linux/fuse.h"

    /// Macros and enumerators with a number: `FUSE_LOOKUP` → 1.
    private(set) var constants: [String: UInt64] = [:]
    /// Structures: name → field → offset; the whole size under "".
    private(set) var structures: [String: [String: Int]] = [:]

    /// Throws when the header is not installed: then nothing is checked, and that must not pass.
    init() throws {
        var lines = try String(contentsOfFile: Self.path, encoding: .utf8).components(separatedBy: "\n")[...]
        while let line = lines.popFirst() {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "," }).map(String.init)
            if words.first == "#define", words.count >= 3 {
                constants[words[1]] = Self.number(words[2...].joined(separator: " "))
            } else if words.count >= 3, words[1] == "=", words[0].hasPrefix("FUSE_") {
                constants[words[0]] = Self.number(words[2])
            } else if words.count == 3, words[0] == "struct", words[2] == "{" {
                var body: [String] = []
                while let next = lines.popFirst(), !next.hasPrefix("}") { body.append(next) }
                structures[words[1]] = layout(body)
            }
        }
    }

    /// "5", "(1 << 5)", "(1ULL << 33)".
    private static func number(_ text: String) -> UInt64? {
        let digits = text.replacingOccurrences(of: "ULL", with: "").split(whereSeparator: { !$0.isNumber && $0 != "<" }).map(String.init)
        if digits.count == 3, digits[1] == "<<", let value = UInt64(digits[0]), let shift = UInt64(digits[2]) { return value << shift }
        return digits.count == 1 ? UInt64(digits[0]) : nil
    }

    /// C's layout of plain fields; nested structures are looked up among those before.
    private func layout(_ lines: [String]) -> [String: Int]? {
        var offsets: [String: Int] = [:]
        var end = 0
        for line in lines {
            let code = line.components(separatedBy: "/*")[0]
            guard code.contains(";") else { continue }
            let words = code.replacingOccurrences(of: ";", with: "").split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            guard words.count >= 2 else { continue }
            let size: Int
            let alignment: Int
            if words[0] == "struct" {
                guard let nested = structures[words[1]]?[""] else { return nil }
                (size, alignment) = (nested, 8)
            } else {
                switch words[0] {
                case "uint64_t", "int64_t": (size, alignment) = (8, 8)
                case "uint32_t", "int32_t": (size, alignment) = (4, 4)
                case "uint16_t": (size, alignment) = (2, 2)
                case "char", "uint8_t": (size, alignment) = (1, 1)
                default: return nil
                }
            }
            let parts = words[words.count - 1].split(separator: "[", omittingEmptySubsequences: false)
            let count = parts.count > 1 ? Int(parts[1].dropLast()) ?? 0 : 1
            end = (end + alignment - 1) / alignment * alignment
            offsets[String(parts[0])] = end
            end += size * count
        }
        offsets[""] = end
        return offsets
    }
}
