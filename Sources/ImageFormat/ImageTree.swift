import Glibc
import LinuxSystem

/// Inodes and names. Pure.
///
/// Invariants: a directory has at most one name, and none below itself; every name leads to an inode; what a check allows, the
/// change makes.
struct ImageTree: Sendable {
    struct Directory: Sendable {
        var entries: [[UInt8]: UInt64] = [:]
        /// Where its name is.
        var parent: UInt64?
    }

    private(set) var inodes: [UInt64: ImageInode]
    private(set) var directories: [UInt64: Directory]
    /// Names of a file.
    private(set) var links: [UInt64: UInt32] = [:]
    private(set) var names = 0
    private(set) var nextInode = ImageLayout.rootInode + 1

    init() {
        inodes = [ImageLayout.rootInode: ImageInode(number: ImageLayout.rootInode, size: 0, mode: ImageLayout.rootMode, map: nil)]
        directories = [ImageLayout.rootInode: Directory()]
    }

    func links(of inode: ImageInode) -> UInt32 {
        guard let directory = directories[inode.number] else { return links[inode.number] ?? 0 }
        // "." and the name, and ".." of those in it. There are fewer directories than there may be names.
        let below = directories.values.reduce(into: UInt32(0)) { count, other in if other.parent == inode.number { count += 1 } }
        return below + (directory.parent != nil || inode.number == ImageLayout.rootInode ? 2 : 1)
    }

    // MARK: Inodes

    /// `ENFILE`: there are as many as there can be; `EINVAL`: it is neither a file nor a directory; `EFBIG`: too large.
    func checkInode(size: UInt64, mode: UInt32) throws(Errno) {
        guard inodes.count < ImageLimits.mostInodes else { throw .tooManyOpenFilesInSystem }
        switch mode & 0o170000 {
        case UInt32(S_IFDIR): break
        case UInt32(S_IFREG): guard size <= ImageLimits.largestFile else { throw .fileTooLarge }
        default: throw .invalidArgument
        }
    }

    /// Whether an inode can have this number.
    func canHave(inode number: UInt64) -> Bool { number > ImageLayout.rootInode && number <= ImageLimits.lastInode && inodes[number] == nil }

    mutating func add(_ inode: ImageInode) {
        inodes[inode.number] = inode
        if inode.isDirectory { directories[inode.number] = Directory() }
        nextInode = max(nextInode, inode.number + 1)
    }

    /// The same file, with its map.
    mutating func replace(_ inode: ImageInode) { inodes[inode.number] = inode }

    // MARK: Names

    /// Whether it can stand in a directory. `EINVAL`: no name; `ENAMETOOLONG`.
    static func checkName(_ name: [UInt8]) throws(Errno) {
        guard name.count <= ImageLimits.longestName else { throw .fileNameTooLong }
        guard !name.isEmpty, !name.contains(0), !name.contains(UInt8(ascii: "/")), name != [UInt8(ascii: ".")], name != Array("..".utf8) else { throw .invalidArgument }
    }

    /// `ENOENT`: one of the inodes does not exist; `ENOTDIR`; `EINVAL`: the root, or a directory below itself; `EMLINK`: a directory
    /// has a name already; `EEXIST`; `ENOSPC`: too many names.
    func checkAdd(_ name: [UInt8], in directory: UInt64, to child: UInt64) throws(Errno) {
        try Self.checkName(name)
        guard let parent = inodes[directory], let inode = inodes[child] else { throw .noSuchFileOrDirectory }
        guard parent.isDirectory, let entries = directories[directory]?.entries else { throw .notDirectory }
        guard child != ImageLayout.rootInode, child != directory else { throw .invalidArgument }
        if let known = directories[child] {
            guard known.parent == nil else { throw .tooManyLinks }
            // It has no name, but the directory may lie below it.
            var above = directories[directory]?.parent
            while let place = above {
                guard place != child else { throw .invalidArgument }
                above = directories[place]?.parent
            }
        }
        guard entries[name] == nil, !(directory == ImageLayout.rootInode && name == ImageLayout.commandName) else { throw .fileExists }
        guard names < ImageLimits.mostNames else { throw .noSpace }
        _ = inode
    }

    mutating func add(_ name: [UInt8], in directory: UInt64, to child: UInt64) {
        directories[directory]!.entries[name] = child
        if directories[child] != nil { directories[child]!.parent = directory } else { links[child, default: 0] += 1 }
        names += 1
    }

    /// The inode that the name leads to. `ENOENT`, `ENOTDIR`, `ENOTEMPTY`.
    func checkRemove(_ name: [UInt8], in directory: UInt64) throws(Errno) -> UInt64 {
        guard let parent = inodes[directory] else { throw .noSuchFileOrDirectory }
        guard parent.isDirectory else { throw .notDirectory }
        guard let child = directories[directory]?.entries[name] else { throw .noSuchFileOrDirectory }
        if let entries = directories[child]?.entries, !entries.isEmpty { throw .directoryNotEmpty }
        return child
    }

    mutating func remove(_ name: [UInt8], in directory: UInt64) {
        guard let child = directories[directory]?.entries.removeValue(forKey: name) else { return }
        if directories[child] != nil { directories[child]!.parent = nil } else { links[child]! -= 1 }
        names -= 1
    }
}
