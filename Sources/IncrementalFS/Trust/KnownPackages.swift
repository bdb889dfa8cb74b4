import Glibc
import LinuxSystem

/// The file that remembers what was accepted at which https address, as `known_hosts` does for ssh(1): one line each, the last one for an
/// address counts. Only ever appended to, so that several daemons can write; a person may remove lines.
public struct KnownPackages: Sendable {
    /// Bytes of file that are read; a longer one is refused.
    public static let limit = 16 << 20

    public let file: FilePath

    public init(file: FilePath) { self.file = file }

    /// What `address` (an identity) had last; nil if nothing is known.
    ///
    /// - Throws: when the file is there and cannot be read: then nobody knows what was accepted, and nothing may be.
    public func package(at address: String) throws(Errno) -> KnownPackage? {
        let bytes: [UInt8]
        do { bytes = try SystemCalls.contents(of: file, limit: Self.limit) } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw error
        }
        let text = String(decoding: bytes, as: UTF8.self)
        var found: KnownPackage?
        for line in text.split(separator: "\n") where line.hasPrefix(address + "\t") { found = KnownPackage(line: line) ?? found }
        return found
    }

    /// Remembers a package, mode 0600.
    public func remember(_ package: KnownPackage) throws(Errno) {
        try SystemCalls.makeDirectories(file.removingLastComponent(), mode: 0o700)
        let descriptor = try SystemCalls.open(file, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        let line = UnsafeMutableRawBufferPointer.allocate(byteCount: package.line.utf8.count + 1, alignment: 1)
        defer { line.deallocate() }
        line.copyBytes(from: Array((package.line + "\n").utf8))
        // One write: lines of several writers do not mix (O_APPEND).
        try SystemCalls.writeAll(descriptor.rawValue, UnsafeRawBufferPointer(line))
        try SystemCalls.fdatasync(descriptor.rawValue)
    }
}
