import Glibc
import LinuxSystem

@testable import ImageFormat

/// A directory of a test's own, and what is done in it.
final class Scratch: Sendable {
    let path: FilePath

    init() throws {
        path = FilePath("/tmp/incfs-image-test-\(getpid())-\(UInt64.random(in: 0...UInt64.max))")
        try SystemCalls.makeDirectory(path)
    }

    deinit { try? SystemCalls.removeTree(path) }

    func file(_ name: String = "image") -> FilePath { path.appending(name) }

    func write(_ bytes: [UInt8], to name: String = "image") throws {
        let file = try SystemCalls.open(file(name), flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try SystemCalls.pwriteAll(file.rawValue, bytes: bytes, at: 0)
    }

    func bytes(_ name: String = "image") throws -> [UInt8] { try SystemCalls.contents(of: file(name)) }

    func open(_ access: ImageFile.Access = .writing(durable: false), _ name: String = "image") throws -> ImageFile {
        try ImageFile(SystemCalls.open(file(name), flags: O_RDWR | O_CREAT, mode: 0o644), access)
    }
}

extension ImageFile {
    /// Stores one block; whether it is new.
    func store(_ inode: UInt64, _ block: UInt32, _ data: [UInt8], isCompressed: Bool = false) throws -> Bool {
        let result = data.withUnsafeBytes { store([ImageBlock(inode: inode, block: block, data: 0..<data.count, isCompressed: isCompressed)], from: $0) }
        if let error = result.error { throw error }
        return !result.stored.isEmpty
    }

    /// A whole file, or what came instead.
    func contents(_ inode: ImageInode) -> (bytes: [UInt8], outcome: Outcome) {
        var bytes = [UInt8](repeating: 0xEE, count: Int(inode.size))
        let outcome = bytes.isEmpty ? .bytes : bytes.withUnsafeMutableBytes { read(inode, from: 0, into: $0) }
        return (bytes, outcome)
    }
}
