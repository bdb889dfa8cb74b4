import Glibc
import LinuxSystem
import PageCacheTesting
import Synchronization

/// A directory that ends with its owner, or with the process: a package that a whole suite shares has no other end.
public final class TemporaryDirectory: Sendable {
    public let path: FilePath
    private static let left = Mutex<Set<String>>([])
    private static let sweep: Void = { atexit { for path in TemporaryDirectory.left.withLock({ $0 }) { try? SystemCalls.removeTree(FilePath(path)) } } }()

    public init() {
        // Not /tmp: there must be a disk behind the page cache.
        var template = Array("/var/tmp/incfs-test-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) != nil }
        precondition(made, "mkdtemp failed in /var/tmp: errno \(errno)")
        path = template.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
        _ = Self.sweep
        _ = Self.left.withLock { $0.insert(path.string) }
    }

    deinit {
        try? SystemCalls.removeTree(path)
        _ = Self.left.withLock { $0.remove(path.string) }
    }

    public func appending(_ name: String) -> FilePath { path.pushing(FilePath(name)) }

    /// Writes `bytes` to `path`, replacing what is there.
    public static func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try SystemCalls.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try bytes.withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: 0) }
    }

    public static func contents(_ path: FilePath) throws -> [UInt8] {
        let file = try SystemCalls.open(path, flags: O_RDONLY)
        var bytes = [UInt8](repeating: 0, count: Int(try SystemCalls.status(of: file.rawValue).size))
        let n = try bytes.withUnsafeMutableBytes { try SystemCalls.preadAll(file.rawValue, into: $0, at: 0) }
        return Array(bytes[..<n])
    }

    /// Every regular file below `directory`, sorted.
    public static func files(below directory: FilePath) throws -> [FilePath] {
        var found: [FilePath] = []
        func visit(_ path: FilePath) throws {
            for name in try SystemCalls.list(path).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                let child = path.appending(bytes: name)
                switch try SystemCalls.status(of: child, followSymbolicLinks: false).kind {
                case .directory: try visit(child)
                default: found.append(child)
                }
            }
        }
        try visit(directory)
        return found
    }

    /// Writes a file back to the disk and drops its pages, so that the next read comes from the disk.
    public static func dropCache(_ path: FilePath) throws {
        let file = try SystemCalls.open(path, flags: O_RDWR)
        try PageCache.drop(file.rawValue)
    }

    /// Flips bits of one byte in place, on the disk as well.
    public static func flip(_ path: FilePath, at offset: UInt64, mask: UInt8 = 0x40) throws {
        let file = try SystemCalls.open(path, flags: O_RDWR)
        var byte: [UInt8] = [0]
        _ = try byte.withUnsafeMutableBytes { try SystemCalls.preadAll(file.rawValue, into: $0, at: offset) }
        byte[0] ^= mask
        try byte.withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: offset) }
        try PageCache.drop(file.rawValue)
    }
}
