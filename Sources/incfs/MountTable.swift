import LinuxSystem

/// One line of `/proc/self/mountinfo` (proc(5)).
struct MountTable {
    var mountpoint: String
    var type: String
    var source: String

    var isIncfs: Bool { type == "fuse.incfs" }
    /// Of backing files or an image.
    var isContract: Bool { type == "fuse.incremental-fs" }

    static func current() -> [MountTable] {
        guard let bytes = try? SystemCalls.contents(of: "/proc/self/mountinfo") else { return [] }
        return parse(String(decoding: bytes, as: UTF8.self))
    }

    static func parse(_ text: String) -> [MountTable] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count >= 5, let dash = fields.firstIndex(of: "-"), dash + 2 < fields.count else { return nil }
            return MountTable(mountpoint: unescape(fields[4]), type: String(fields[dash + 1]), source: unescape(fields[dash + 2]))
        }
    }

    /// Blank, tab, newline and backslash are written as three octal digits.
    private static func unescape(_ text: Substring) -> String {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.first {
            if byte == 0x5c, rest.count >= 4, let value = UInt8(String(decoding: rest.dropFirst().prefix(3), as: UTF8.self), radix: 8) {
                result.append(value)
                rest = rest.dropFirst(4)
            } else {
                result.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
