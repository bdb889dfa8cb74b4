import FUSEProtocol
import FUSESession
import LinuxSystem
import PackageFormat

extension PackageFileSystem {
    func attributes(_ index: Int) -> FUSEAttributes {
        let node = tree.node(index)
        let type: UInt32 = switch node.kind {
        case .regular: 0o100000
        case .directory: 0o040000
        case .symbolicLink: 0o120000
        }
        let seconds = node.modifiedSeconds
        let nanoseconds = node.modifiedNanoseconds
        return FUSEAttributes(
            ino: UInt64(index) + 1,
            size: node.size,
            // 512-byte units of what is not a hole: what du(1) shows when all is here.
            blocks: (node.dataBytes + 4095) / 4096 * 8,
            atime: seconds, atimeNanoseconds: nanoseconds, mtime: seconds, mtimeNanoseconds: nanoseconds,
            ctime: seconds, ctimeNanoseconds: nanoseconds,
            mode: type | UInt32(node.mode),
            nlink: node.linkCount,
            uid: uid,
            gid: gid
        )
    }

    func entry(_ index: Int) -> FUSEEntry {
        FUSEEntry(nodeID: UInt64(index) + 1, attributes: attributes(index))
    }

    func lookup(_ directory: Int, _ name: UnsafeRawBufferPointer, _ reply: consuming FUSEReply) {
        guard tree.node(directory).kind == .directory else { return reply.error(.notDirectory) }
        guard let found = tree.lookup(directory: directory, name: name) else {
            return reply.entry(.absent(forSeconds: FUSEEntry.forever))
        }
        reply.entry(entry(found))
    }

    /// `DT_*` of readdir(3).
    private func directoryType(_ kind: TreeNode.Kind) -> UInt32 {
        switch kind {
        case .regular: 8
        case .directory: 4
        case .symbolicLink: 10
        }
    }

    /// Offsets: 0 is ".", 1 is "..", 2 + i is the directory's i-th entry.
    func readDirectory(_ index: Int, _ read: FUSERead, plus: Bool, _ reply: consuming FUSEReply, _ buffer: UnsafeMutableRawBufferPointer) {
        guard tree.node(index).kind == .directory else { return reply.error(.notDirectory) }
        var output = FUSEDirectoryBuffer(UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(Int(read.size), buffer.count)]))
        let entries = tree.entries(of: index)
        var position = read.offset
        while position < UInt64(entries.count) + 2 {
            let fits: Bool
            if position < 2 {
                let target = position == 0 ? index : tree.parent(of: index)
                // "." and ".." are never entered into the kernel's tree of names: node id 0 in READDIRPLUS.
                let dots: StaticString = position == 0 ? "." : ".."
                let name = UnsafeRawBufferPointer(start: dots.utf8Start, count: dots.utf8CodeUnitCount)
                let attributes = attributes(target)
                fits = plus
                    ? output.append(name: name, offset: position + 1, type: 4, entry: FUSEEntry(nodeID: 0, entryValidSeconds: 0, attrValidSeconds: 0, attributes: attributes))
                    : output.append(name: name, offset: position + 1, inode: attributes.ino, type: 4)
            } else {
                let (name, target) = tree.entry(entries.lowerBound + Int(position - 2))
                let type = directoryType(tree.node(target).kind)
                fits = plus
                    ? output.append(name: name, offset: position + 1, type: type, entry: entry(target))
                    : output.append(name: name, offset: position + 1, inode: UInt64(target) + 1, type: type)
            }
            if !fits { break }
            position += 1
        }
        reply.data(output.bytes)
    }

    func statfs(_ reply: consuming FUSEReply) {
        // A package is as large as it is; nothing can be added to it.
        reply.statfs(FUSEStatfs(blocks: volume.totalBlocks, files: UInt64(tree.nodeCount)))
    }
}
