import Glibc
import LinuxSystem

/// A directory that is removed with its contents.
final class TemporaryDirectory: Sendable {
    let path: FilePath

    init() {
        var template = Array("/tmp/incfs-test.XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil)
        path = template.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
    }

    deinit { try? SystemCalls.removeTree(path) }
}

extension FilePath {
    func write(_ text: String, mode: UInt32 = 0o644) throws { try write(Array(text.utf8), mode: mode) }

    func write(_ bytes: [UInt8], mode: UInt32 = 0o644) throws {
        let file = try SystemCalls.open(self, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
        try bytes.withUnsafeBytes { try SystemCalls.writeAll(file.rawValue, $0) }
    }

    func link(to target: String) throws {
        if withPlatformString({ symlink(target, $0) }) < 0 { throw Errno(rawValue: errno) }
    }

    var exists: Bool { (try? SystemCalls.status(of: self, followSymbolicLinks: false)) != nil }
}
