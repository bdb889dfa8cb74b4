import Glibc

/// What stat(2) tells, in plain types.
public struct FileStatus: Sendable, Equatable {
    /// The kinds of file by `S_IFMT`.
    public enum Kind: Sendable { case regular, directory, symbolicLink, other }

    public var device: UInt64
    public var inode: UInt64
    /// All mode bits, type included.
    public var mode: UInt32
    public var linkCount: UInt64
    public var uid: UInt32
    public var gid: UInt32
    /// Bytes.
    public var size: UInt64
    /// Units of 512 bytes.
    public var blocks: UInt64
    public var modifiedSeconds: Int64
    public var modifiedNanoseconds: UInt32
    public var accessedSeconds: Int64
    public var accessedNanoseconds: UInt32
    public var changedSeconds: Int64
    public var changedNanoseconds: UInt32

    public var kind: Kind {
        switch mode & S_IFMT {
        case S_IFREG: .regular
        case S_IFDIR: .directory
        case S_IFLNK: .symbolicLink
        default: .other
        }
    }

    init(_ raw: stat) {
        device = UInt64(raw.st_dev)
        inode = UInt64(raw.st_ino)
        mode = raw.st_mode
        linkCount = UInt64(raw.st_nlink)
        uid = raw.st_uid
        gid = raw.st_gid
        size = UInt64(raw.st_size)
        blocks = UInt64(raw.st_blocks)
        modifiedSeconds = Int64(raw.st_mtim.tv_sec)
        modifiedNanoseconds = UInt32(raw.st_mtim.tv_nsec)
        accessedSeconds = Int64(raw.st_atim.tv_sec)
        accessedNanoseconds = UInt32(raw.st_atim.tv_nsec)
        changedSeconds = Int64(raw.st_ctim.tv_sec)
        changedNanoseconds = UInt32(raw.st_ctim.tv_nsec)
    }
}
