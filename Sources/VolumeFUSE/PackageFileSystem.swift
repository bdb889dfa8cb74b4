import FUSEProtocol
import FUSESession
import LinuxSystem
import PackageFormat
import Synchronization
import VolumeCore

/// FUSE operations on a package volume: names from the tree, content from the volume, everything else EROFS.
///
/// Node ids are derived: the tree's index plus 1, so that nothing has to be remembered across a restart of the daemon;
/// there are no file handles for the same reason. All answers are valid for ever: a package never changes.
public final class PackageFileSystem: FUSEFileSystem {
    /// The system's page: a buffered READ of one page is demand, of more is readahead.
    static let pageSize: UInt32 = 4096

    let volume: PackageVolume
    let tree: PackageTree
    let uid: UInt32
    let gid: UInt32
    /// Nanoseconds after which a parked read ends in ETIME; 0: never.
    let readTimeout: UInt64
    let answering: AnsweringReads

    /// `uid`, `gid`: who owns every file on the mount (the mounting user).
    public init(volume: PackageVolume, uid: UInt32, gid: UInt32) {
        self.volume = volume
        self.tree = volume.tree
        self.uid = uid
        self.gid = gid
        readTimeout = volume.configuration.readTimeoutSeconds.map { UInt64(max($0, 0) * 1e9) } ?? 0
        answering = AnsweringReads(volume: volume)
        volume.setDelegate(answering)
    }

    /// Where pushes into the page cache go; set when the session exists, before it runs.
    public func attach(notifier: FUSENotifier) { answering.attach(notifier) }

    /// The mount is gone: ends the timer and forgets who waited. Not from a worker or the timer itself.
    public func stop() {
        answering.stop()
        volume.dropPending()
        volume.setDelegate(nil)
    }

    @inline(__always)
    func node(_ id: UInt64) -> Int? {
        guard id >= 1, id <= UInt64(tree.nodeCount) else { return nil }
        return Int(id - 1)
    }

    public func handle(_ request: borrowing FUSERequest, _ reply: consuming FUSEReply, buffer: UnsafeMutableRawBufferPointer) {
        guard let index = node(request.header.nodeID) else { return reply.error(.staleNFSFileHandle) }
        switch request.operation {
        case .read(let read): self.read(index, read, request.header, reply, buffer)
        case .lookup(let name): lookup(index, name, reply)
        case .getattr: reply.attributes(attributes(index), validSeconds: FUSEEntry.forever)
        case .readlink:
            guard tree.node(index).kind == .symbolicLink else { return reply.error(.invalidArgument) }
            reply.data(tree.linkTarget(of: index))
        case .open(let flags):
            // Regular opens need no state here: after ENOSYS the kernel keeps the cache and never asks again.
            if flags & 3 != 0 { return reply.error(.readOnlyFileSystem) }
            reply.error(.noFunction)
        case .opendir: reply.error(.noFunction)
        case .readdir(let read): readDirectory(index, read, plus: false, reply, buffer)
        case .readdirplus(let read): readDirectory(index, read, plus: true, reply, buffer)
        case .statfs: statfs(reply)
        case .getxattr: reply.error(.noData)
        case .listxattr(let size): size == 0 ? reply.xattrSize(0) : reply.data(UnsafeRawBufferPointer(start: nil, count: 0))
        case .lseek(_, let offset, let whence): seek(index, offset, whence, reply)
        case .release, .releasedir, .flush, .fsync: reply.ok()
        case .ioctl: reply.error(.inappropriateIOCTLForDevice)
        case .modifying: reply.error(.readOnlyFileSystem)
        default: reply.error(.noFunction)
        }
    }

    public func processID(ofParked unique: UInt64) -> Int32? { volume.processID(ofParked: unique).map { Int32(bitPattern: $0) } }

    public func interruptParked(unique: UInt64) { volume.interrupt(unique: unique) }
}
