import Glibc
import LinuxSystem

/// A directory of a test's own; it is removed when the value ends.
final class Scratch: Sendable {
    let path: FilePath

    init() {
        var template = Array("/tmp/incfs-linux-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { fatalError("no directory for a test: errno \(errno)") }
        path = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    deinit { try? SystemCalls.removeTree(path) }

    func write(_ name: String, _ text: String) throws {
        let file = try SystemCalls.open(path.appending(name), flags: O_WRONLY | O_CREAT | O_TRUNC)
        let bytes = Array(text.utf8)
        try bytes.withUnsafeBytes { try SystemCalls.writeAll(file.rawValue, $0) }
    }
}
