import ContractVolume
import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem

extension ContractFileSystem {
    /// The write bits of a mode, which no regular file shows.
    static let writeBits: UInt32 = 0o222

    func attributes(_ node: Node) throws(Errno) -> FUSEAttributes {
        if case .special(let file) = node.kind {
            return FUSEAttributes(ino: file.inode, mode: S_IFREG | 0o666, nlink: 1, uid: node.owner.uid, gid: node.owner.gid, blksize: 4096)
        }
        let status = try SystemCalls.status(of: node.descriptor)
        let isRegular = node.kind == .regular
        return FUSEAttributes(
            ino: status.inode, size: isRegular ? node.visibleSize() : 0, blocks: isRegular ? status.blocks : 1,
            atime: status.accessedSeconds, atimeNanoseconds: status.accessedNanoseconds, mtime: status.modifiedSeconds,
            mtimeNanoseconds: status.modifiedNanoseconds, ctime: status.changedSeconds, ctimeNanoseconds: status.changedNanoseconds,
            mode: isRegular ? status.mode & ~Self.writeBits : status.mode, nlink: UInt32(truncatingIfNeeded: status.linkCount), uid: status.uid,
            gid: status.gid, blksize: 4096)
    }

    /// Names and attributes are asked for each time: ioctls, and others in the backing directory, change them.
    func entry(_ node: Node) throws(Errno) -> FUSEEntry {
        // The special files and the two directories stay where they are for as long as the mount.
        FUSEEntry(
            nodeID: node.id, entryValidSeconds: node.isReserved || node.isSpecial ? FUSEEntry.forever : 0, attrValidSeconds: node.attributesValidSeconds,
            attributes: try attributes(node))
    }

    /// The size that one of our helpers is to see; nil for everybody else.
    private func shownSize(_ node: Node, _ header: FUSERequestHeader) -> UInt64? {
        guard let expected = helpers.expectation(thread: header.pid), case .show(node.id, let size) = expected.act else { return nil }
        return size
    }

    func getattr(_ node: Node, _ header: FUSERequestHeader, _ reply: consuming FUSEReply) {
        do throws(Errno) {
            var found = try attributes(node)
            if let size = shownSize(node, header) { found.size = size }
            reply.attributes(found, validSeconds: node.attributesValidSeconds)
        } catch { reply.error(error) }
    }

    func lookup(_ parent: Node, _ name: [UInt8], _ header: FUSERequestHeader, _ reply: consuming FUSEReply) {
        // A helper is about to make it: for him it is not there.
        if let expected = helpers.expectation(thread: header.pid), case .make = expected.act, expected.name == name, expected.parent == parent.key.inode {
            return reply.error(.noSuchFileOrDirectory)
        }
        do throws(Errno) {
            let node = try find(parent, name, uid: header.uid, gid: header.gid)
            var found: FUSEEntry
            do throws(Errno) { found = try entry(node) } catch {
                nodes.forget(node.id, 1)
                throw error
            }
            if let size = shownSize(node, header) { found.attributes.size = size }
            reply.entry(found)
        } catch { reply.error(error) }
    }

    /// The node that a name leads to, counted once more.
    func find(_ parent: Node, _ name: [UInt8], uid: UInt32, gid: UInt32) throws(Errno) -> Node {
        guard parent.isDirectory else { throw .notDirectory }
        if parent.kind == .root, let file = SpecialFile.allCases.first(where: { $0.name == name }) {
            // Device 0 has no files.
            let key = NodeTable.Key(device: 0, inode: file.inode, isReserved: false)
            return nodes.find(key) { Node(id: $0, kind: .special(file), descriptor: nil, key: key, owner: (uid, gid)) }
        }
        guard name.count <= Geometry.longestName else { throw .fileNameTooLong }
        let descriptor = try SystemCalls.open(name: name, in: parent.descriptor, flags: SystemCalls.pathOnly | O_NOFOLLOW)
        let status = try SystemCalls.status(of: descriptor.rawValue)
        guard status.device == directory.rootStatus.device else { throw .improperLink }
        let kind: Node.Kind
        switch status.kind {
        case .regular: kind = .regular
        case .directory:
            kind = status.inode == directory.indexInode ? .index : status.inode == directory.incompleteInode ? .incomplete
                : status.inode == directory.rootStatus.inode ? .root : .directory
        default: throw .badFileDescriptor
        }
        let key = NodeTable.Key(device: status.device, inode: status.inode, isReserved: kind == .regular && parent.isReserved)
        let raw = descriptor.take()
        var isUsed = false
        let node = nodes.find(key) { id in
            isUsed = true
            return Node(id: id, kind: kind, descriptor: OwnedDescriptor(raw), key: key)
        }
        if !isUsed { SystemCalls.close(raw) }
        return node
    }

    // MARK: Directories

    func readDirectory(_ node: Node, _ read: FUSERead, _ reply: consuming FUSEReply, _ buffer: UnsafeMutableRawBufferPointer) {
        guard node.isDirectory, let handle = handles.handle(read.fh) else { return reply.error(.badFileDescriptor) }
        let entries: [SystemCalls.DirectoryEntry]
        do throws(Errno) { entries = try listing(node, handle, fromStart: read.offset == 0) } catch { return reply.error(error) }
        var output = FUSEDirectoryBuffer(UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(Int(read.size), buffer.count)]))
        var position = Int(clamping: read.offset)
        while position < entries.count {
            let entry = entries[position]
            let fits = entry.name.withUnsafeBytes { output.append(name: $0, offset: UInt64(position) + 1, inode: entry.inode, type: entry.type) }
            if !fits { break }
            position += 1
        }
        reply.data(output.bytes)
    }

    /// What a listing goes through is taken when it starts, so that its positions stay what they are.
    private func listing(_ node: Node, _ handle: Handle, fromStart: Bool) throws(Errno) -> [SystemCalls.DirectoryEntry] {
        if !fromStart, let entries = handle.withState({ $0.entries }) { return entries }
        var entries = try SystemCalls.entries(of: node.descriptor)
        if node.kind == .root {
            entries.removeAll { SpecialName.files.contains($0.name) }
            entries = SpecialFile.allCases.map { SystemCalls.DirectoryEntry(name: $0.name, inode: $0.inode, type: 8) } + entries
        }
        handle.withState { $0.entries = entries }
        return entries
    }
}

extension Errno {
    /// EXDEV.
    static var improperLink: Errno { Errno(rawValue: 18) }
}
