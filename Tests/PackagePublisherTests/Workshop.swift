import CLinux
import Glibc
import LinuxSystem

/// A temporary directory that goes away, with what tests need to fill it.
final class Workshop {
    let root: FilePath

    init() throws {
        var template = Array("/tmp/incfs-publish-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        root = FilePath(platformString: template)
    }

    deinit { try? SystemCalls.removeTree(root) }

    func path(_ name: String) -> FilePath { root.appending(name) }

    func directory(_ name: String) throws -> FilePath {
        let path = path(name)
        try SystemCalls.makeDirectories(path, mode: 0o755)
        return path
    }

    func write(_ name: String, _ bytes: [UInt8], mode: UInt32 = 0o644) throws {
        try write(path(name), bytes, mode: mode)
    }

    func write(_ path: FilePath, _ bytes: [UInt8], mode: UInt32 = 0o644) throws {
        let descriptor = try SystemCalls.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: mode).take()
        defer { SystemCalls.close(descriptor) }
        try bytes.withUnsafeBytes { try SystemCalls.pwriteAll(descriptor, $0, at: 0) }
    }

    /// A file of `size` bytes with content only in `pieces`.
    func writeSparse(_ name: String, size: UInt64, _ pieces: [(UInt64, [UInt8])]) throws {
        let descriptor = try SystemCalls.open(path(name), flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644).take()
        defer { SystemCalls.close(descriptor) }
        try SystemCalls.truncate(descriptor, to: size)
        for (offset, bytes) in pieces { try bytes.withUnsafeBytes { try SystemCalls.pwriteAll(descriptor, $0, at: offset) } }
    }

    func read(_ path: FilePath) throws -> [UInt8] {
        let descriptor = try SystemCalls.open(path, flags: O_RDONLY).take()
        defer { SystemCalls.close(descriptor) }
        let size = Int(try SystemCalls.status(of: descriptor).size)
        var bytes = [UInt8](repeating: 0, count: size)
        _ = try bytes.withUnsafeMutableBytes { try SystemCalls.preadAll(descriptor, into: $0, at: 0) }
        return bytes
    }

    func setTime(_ path: FilePath, _ seconds: Int, _ nanoseconds: Int = 0) {
        let times = [timespec(tv_sec: seconds, tv_nsec: nanoseconds), timespec(tv_sec: seconds, tv_nsec: nanoseconds)]
        _ = path.withPlatformString { utimensat(AT_FDCWD, $0, times, AT_SYMLINK_NOFOLLOW) }
    }

    /// Names in a directory, sorted.
    func names(_ path: FilePath) throws -> [String] { try SystemCalls.list(path).map { String(decoding: $0, as: UTF8.self) }.sorted() }

    /// Bytes that do not compress, the same for the same seed.
    static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            for i in 0..<count { state ^= state << 13; state ^= state >> 7; state ^= state << 17; buffer[i] = UInt8(truncatingIfNeeded: state >> 24) }
            initialized = count
        }
    }

    /// Bytes that compress.
    static func text(_ count: Int, seed: Int) -> [UInt8] {
        let line = Array("line \(seed): the quick brown fox jumps over the lazy dog\n".utf8)
        return Array(Array(repeating: line, count: count / line.count + 1).joined().prefix(count))
    }
}
