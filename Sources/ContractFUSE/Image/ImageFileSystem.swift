import ContractVolume
import FUSEProtocol
import FUSESession
import Glibc
import ImageFormat
import LinuxSystem

/// A mount of an image, as the interface of 2019 has it: files, directories, and `.cmd`.
///
/// Threads: workers answer what needs nothing but the image. Instructions and blocks, which copy from the caller's memory and wait
/// for the disk, go to `callThreads`.
///
/// Node ids are inode numbers, but for the root and `.cmd`, which change places: the kernel's root is 1. Inodes never go, so
/// that FORGET needs nothing.
public final class ImageFileSystem: FUSEFileSystem {
    let image: ImageFile
    let reading: ImageReading
    let handles = ImageHandles()
    let operations = OperationsUnderWay()
    let callThreads = RequestThreads(name: "image-call", limit: 16)
    private let copiers = CallerMemory.threads(limit: 16)
    private let owner = (uid: geteuid(), gid: getegid())

    /// `timeoutMilliseconds`: how long a read waits for a missing block; 0 fails at once.
    public init(image: ImageFile, timeoutMilliseconds: UInt32) {
        self.image = image
        let handles = handles
        reading = ImageReading(image: image, timeoutMilliseconds: timeoutMilliseconds) { handles.wake() }
    }

    /// Where notifications go; set when the session exists, before it runs.
    public func attach(notifier: FUSENotifier) { handles.attach(notifier) }

    /// The session is over. Not from one of its threads.
    public func stop() {
        callThreads.stop()
        copiers.stop()
        reading.stop()
    }

    func caller(_ header: FUSERequestHeader) -> Caller { Caller(uid: header.uid, gid: header.gid, thread: pid_t(bitPattern: header.pid), copiers: copiers) }

    enum Node {
        case command
        case inode(ImageInode)
    }

    static let commandNode: UInt64 = 2
    static func nodeID(_ inode: UInt64) -> UInt64 { inode == ImageLayout.rootInode ? FUSELimits.rootNodeID : inode }

    private func node(_ id: UInt64) -> Node? {
        if id == Self.commandNode { return .command }
        return image.inode(id == FUSELimits.rootNodeID ? ImageLayout.rootInode : id).map { .inode($0) }
    }

    // MARK: Requests

    public func handle(_ request: borrowing FUSERequest, _ reply: consuming FUSEReply, buffer: UnsafeMutableRawBufferPointer) {
        let header = request.header
        switch request.operation {
        case .forget, .batchForget: return
        default: break
        }
        guard let node = node(header.nodeID) else { return reply.error(.staleNFSFileHandle) }
        switch (request.operation, node) {
        case (.read(let read), .inode(let inode)): inode.isDirectory ? reply.error(.isDirectory) : reading.read(inode, read, header, reply, buffer)
        case (.read(let read), .command): readCommand(read, reply, buffer)
        case (.lookup(let name), .inode(let inode)): lookup(inode, Array(name), reply)
        case (.getattr, _): reply.attributes(attributes(node), validSeconds: 0)
        case (.open(let flags), _): open(node, flags, header, reply)
        case (.release(let fh), _), (.releasedir(let fh), _):
            handles.release(fh)
            reply.ok()
        case (.opendir, .inode(let inode)): inode.isDirectory ? reply.open(fh: handles.open(.directory([])), flags: []) : reply.error(.notDirectory)
        case (.readdir(let read), .inode(let inode)): readDirectory(inode, read, reply, buffer)
        case (.statfs, _): reply.statfs(FUSEStatfs(blocks: 0, files: 0, frsize: 4096))
        case (.poll(let poll), _): self.poll(node, poll, reply)
        case (.ioctl(let ioctl), .command): instruct(ioctl, header, reply)
        case (.ioctl, _): reply.ioctl(result: -ENOTTY)
        case (.fsync, _): reply.error(.invalidArgument)
        case (.lookup, .command), (.opendir, .command), (.readdir, .command): reply.error(.notDirectory)
        case (.readlink, _): reply.error(.invalidArgument)
        case (.modifying(let modification), _): change(node, modification, header, reply)
        // No attributes; FLUSH, ACCESS, LSEEK and STATX are left to the kernel, which asks no more.
        default: reply.error(.noFunction)
        }
    }

    public func processID(ofParked unique: UInt64) -> Int32? { reading.thread(ofParked: unique) ?? operations.thread(of: unique) }

    public func interruptParked(unique: UInt64) {
        operations.interrupt(unique)
        reading.interrupt(unique)
    }

    // MARK: Names

    func attributes(_ node: Node) -> FUSEAttributes {
        let seconds = image.modifiedSeconds
        switch node {
        case .command:
            return FUSEAttributes(
                ino: ImageLayout.commandInode, size: 0, blocks: 0, seconds: seconds, nanoseconds: 0, mode: UInt32(S_IFREG) | 0o666, nlink: 1, uid: owner.uid, gid: owner.gid,
                blksize: 4096)
        case .inode(let inode):
            return FUSEAttributes(
                ino: inode.number, size: inode.size, blocks: (inode.size + 511) / 512, seconds: seconds, nanoseconds: 0, mode: inode.mode, nlink: image.links(of: inode),
                uid: owner.uid, gid: owner.gid, blksize: 4096)
        }
    }

    /// Names are asked for each time: instructions change them.
    private func lookup(_ directory: ImageInode, _ name: [UInt8], _ reply: consuming FUSEReply) {
        guard directory.isDirectory else { return reply.error(.notDirectory) }
        let node: Node, id: UInt64
        if directory.number == ImageLayout.rootInode, name == ImageLayout.commandName {
            (node, id) = (.command, Self.commandNode)
        } else if let inode = image.child(name, of: directory) {
            (node, id) = (.inode(inode), Self.nodeID(inode.number))
        } else {
            return reply.error(name.count > ImageLimits.longestName ? .fileNameTooLong : .noSuchFileOrDirectory)
        }
        reply.entry(FUSEEntry(nodeID: id, entryValidSeconds: 0, attrValidSeconds: 0, attributes: attributes(node)))
    }

    private func open(_ node: Node, _ flags: UInt32, _ header: FUSERequestHeader, _ reply: consuming FUSEReply) {
        switch node {
        // Each read and write reaches us, with its own length.
        case .command: reply.open(fh: handles.open(.command(cursor: 0, opener: WriterIdentity(header))), flags: .directIO)
        case .inode(let inode) where inode.isDirectory: reply.error(.isDirectory)
        case .inode: flags & 3 == 0 ? reply.open(fh: 0, flags: .keepCache) : reply.error(.permissionDenied)
        }
    }

    private func readDirectory(_ directory: ImageInode, _ read: FUSERead, _ reply: consuming FUSEReply, _ buffer: UnsafeMutableRawBufferPointer) {
        guard directory.isDirectory, var names = handles.names(read.fh) else { return reply.error(.badFileDescriptor) }
        if read.offset == 0 {
            names = listing(directory)
            handles.setNames(read.fh, names)
        }
        var output = FUSEDirectoryBuffer(UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(Int(read.size), buffer.count)]))
        var position = Int(clamping: read.offset)
        while position < names.count {
            let entry = names[position]
            guard entry.name.withUnsafeBytes({ output.append(name: $0, offset: UInt64(position) + 1, inode: entry.inode, type: entry.type) }) else { break }
            position += 1
        }
        reply.data(output.bytes)
    }

    private func listing(_ directory: ImageInode) -> [ImageHandles.ListedName] {
        let isRoot = directory.number == ImageLayout.rootInode, regular: UInt32 = 8, folder: UInt32 = 4
        let dots = [ImageHandles.ListedName(name: Array(".".utf8), inode: directory.number, type: folder),
                    ImageHandles.ListedName(name: Array("..".utf8), inode: image.parent(of: directory) ?? directory.number, type: folder)]
        let command = isRoot ? [ImageHandles.ListedName(name: ImageLayout.commandName, inode: ImageLayout.commandInode, type: regular)] : []
        return dots + command + image.entries(of: directory).map { ImageHandles.ListedName(name: $0.name, inode: $0.inode.number, type: $0.inode.isDirectory ? folder : regular) }
    }

    /// Everything that would change the volume by ordinary means.
    private func change(_ node: Node, _ modification: FUSEModification, _ header: FUSERequestHeader, _ reply: consuming FUSEReply) {
        let change: FUSEChange
        do throws(FUSEParseError) { change = try modification.change() } catch { return reply.error(.invalidArgument) }
        switch (change, node) {
        case (.write(let fh, _, let data), .command): writeCommand(fh, data, header, reply)
        // Opening with O_TRUNC, as a shell does.
        case (.setattr(let wanted), .command):
            guard wanted.size == 0 || wanted.size == nil, wanted.mode == nil, wanted.uid == nil, wanted.gid == nil else { return reply.error(.notPermitted) }
            reply.attributes(attributes(node), validSeconds: 0)
        case (.create, _), (.mknod, _), (.mkdir, _): reply.error(.permissionDenied)
        case (.setxattr, _), (.removexattr, _): reply.error(.noFunction)
        default: reply.error(.notPermitted)
        }
    }
}
