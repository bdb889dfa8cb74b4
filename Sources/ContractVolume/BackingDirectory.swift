import Glibc
import LinuxSystem

/// A directory of backing files, with `.index` and `.incomplete` in it.
public final class BackingDirectory: Sendable {
    public let root: CInt
    public let index: CInt
    public let incomplete: CInt
    public let rootStatus: FileStatus
    public let indexInode: UInt64
    public let incompleteInode: UInt64
    public let files: FileTable
    /// Those of `.index` and `.incomplete` that were not there before.
    public let made: [[UInt8]]
    /// The path of the root as it was when it was opened.
    private let rootPath: [UInt8]

    /// Opens `path` and makes what is missing. `ENOENT`, `ENOTDIR`, and what making directories throws.
    public init(_ path: FilePath) throws(Errno) {
        var made: [[UInt8]] = []
        let root = try SystemCalls.open(path, flags: SystemCalls.pathOnly | O_DIRECTORY)
        let index = try Self.reserved(SpecialName.index, in: root.rawValue, &made)
        let incomplete = try Self.reserved(SpecialName.incomplete, in: root.rawValue, &made)
        rootStatus = try SystemCalls.status(of: root.rawValue)
        indexInode = try SystemCalls.status(of: index.rawValue).inode
        incompleteInode = try SystemCalls.status(of: incomplete.rawValue).inode
        rootPath = try SystemCalls.readLink(SystemCalls.path(ofDescriptor: root.rawValue))
        self.made = made
        self.root = root.take()
        self.index = index.take()
        self.incomplete = incomplete.take()
        files = FileTable(index: self.index)
    }

    private static func reserved(_ name: [UInt8], in root: CInt, _ made: inout [[UInt8]]) throws(Errno) -> OwnedDescriptor {
        do throws(Errno) { try SystemCalls.makeDirectory(name, in: root, mode: 0o777); made.append(name) } catch {
            guard error == .fileExists else { throw error }
        }
        return try SystemCalls.open(name: name, in: root, flags: SystemCalls.pathOnly | O_DIRECTORY | O_NOFOLLOW)
    }

    deinit { for descriptor in [root, index, incomplete] { SystemCalls.close(descriptor) } }

    /// `O_TMPFILE`.
    public static let unnamedFlag: CInt = 0o20200000

    /// The directory that a caller names, relative to the root, which nothing leads out of; nil is the root. `ENOENT` for an empty
    /// path, `ENOTDIR`, `ELOOP`, `EACCES`.
    public func directory(_ path: [UInt8]?) throws(Errno) -> OwnedDescriptor {
        guard let path else { return try SystemCalls.duplicate(root) }
        if path.isEmpty { throw .noSuchFileOrDirectory }
        let text = path.map { CChar(bitPattern: $0) } + [0]
        let file = text.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
        return try SystemCalls.open(file, inRoot: root, flags: SystemCalls.pathOnly | O_DIRECTORY)
    }

    /// Where a directory below the root is, relative to it; empty for the root itself. nil when it has been moved away or removed.
    public func relativePath(of directory: CInt) -> [UInt8]? {
        guard let path = try? SystemCalls.readLink(SystemCalls.path(ofDescriptor: directory)) else { return nil }
        if path == rootPath { return [] }
        let prefix = rootPath.last == UInt8(ascii: "/") ? rootPath : rootPath + [UInt8(ascii: "/")]
        return path.starts(with: prefix) ? Array(path[prefix.count...]) : nil
    }
}
