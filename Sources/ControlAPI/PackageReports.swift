import FoundationEssentials

/// A directory that was made of a package.
public struct FetchReport: Codable, Hashable, Sendable {
    public var directory: String
    public var name: String
    public var release: String
    /// 64 hexadecimal digits.
    public var root: String
    public var files: UInt64
    /// The bytes of all regular files.
    public var bytes: UInt64
    /// Bytes that came over the wire for it, this time.
    public var bytesFetched: UInt64
    /// Files that share their blocks with the store (reflink); the others were copied.
    public var filesCloned: UInt64

    public init(directory: String, name: String, release: String, root: String, files: UInt64, bytes: UInt64, bytesFetched: UInt64, filesCloned: UInt64) {
        self.directory = directory
        self.name = name
        self.release = release
        self.root = root
        self.files = files
        self.bytes = bytes
        self.bytesFetched = bytesFetched
        self.filesCloned = filesCloned
    }
}

/// What `incfs ls --json` prints.
public struct ListReport: Codable, Hashable, Sendable {
    public var entries: [ListEntry]
    public init(entries: [ListEntry]) { self.entries = entries }
}

/// One name in a package.
public struct ListEntry: Codable, Hashable, Sendable {
    public enum Kind: String, Codable, Sendable { case file, directory, symlink }

    /// From the package's root.
    public var path: String
    public var pathBytes: String?
    public var kind: Kind
    /// The permission bits, four octal digits.
    public var mode: String
    public var linkCount: UInt32
    /// Bytes.
    public var size: UInt64
    public var modifiedSeconds: Int64
    public var modifiedNanoseconds: UInt32
    /// Of a symbolic link.
    public var target: String?
    public var targetBytes: String?

    public init(
        path: WirePath, kind: Kind, mode: UInt16, linkCount: UInt32, size: UInt64, modifiedSeconds: Int64, modifiedNanoseconds: UInt32, target: WirePath?
    ) {
        self.path = path.path
        pathBytes = path.pathBytes
        self.kind = kind
        let digits = String(mode & 0o7777, radix: 8)
        self.mode = String(repeating: "0", count: 4 - digits.count) + digits
        self.linkCount = linkCount
        self.size = size
        self.modifiedSeconds = modifiedSeconds
        self.modifiedNanoseconds = modifiedNanoseconds
        self.target = target?.path
        targetBytes = target?.pathBytes
    }
}

/// A part of a file's bytes, in order; base64 on the wire.
public struct ContentReport: Codable, Hashable, Sendable {
    /// Bytes in one of these at most: the line stays far below `ControlProtocol.maximumReplyLength`.
    public static let limit = 1 << 20
    public var data: Data
    public init(_ bytes: [UInt8]) { data = Data(bytes) }
}
