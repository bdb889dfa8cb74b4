import ContractVolume
import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem
import Synchronization

/// One mount of a backing directory, as the published interface has it.
///
/// Threads: workers answer what needs nothing but the disk. What may wait for one of our helpers, or for a caller's memory, goes
/// to threads of its own: kernel operations on names to `nameThreads`, CREATE to `createThreads`, the other ioctls to
/// `callThreads` (FILL_BLOCKS is done by the worker that reads it where `InlineCalls` allows). A name operation never waits for a create, so that whoever holds a directory's lock is always answered.
public final class ContractFileSystem: FUSEFileSystem {
    let directory: BackingDirectory
    let nodes: NodeTable
    let handles = HandleTable()
    let reading: Reading
    let pollers = Pollers()
    let helpers = EventHelpers()
    let operations = OperationsUnderWay()
    let trust: SignatureTrust
    /// Threads that ask about a descriptor of a caller's, through a request of their own.
    let asking = Mutex<Set<UInt32>>([])
    let nameThreads = RequestThreads(name: "contract-tree", limit: 8)
    let createThreads = RequestThreads(name: "contract-create", limit: 4)
    let callThreads = RequestThreads(name: "contract-call", limit: 64)
    /// As many as wait for them.
    let copiers = CallerMemory.threads(limit: 68)
    let inlineCalls: InlineCalls
    /// The device number of the mount (major, minor), once it is known: what PERMIT_FILL compares.
    let device = Mutex<(major: UInt32, minor: UInt32)?>(nil)
    /// Names that are being made: what two creates want at once is refused to the second.
    let making = Mutex<Set<[UInt8]>>([])
    /// Counting a file's names and removing one belong together.
    let structure = Mutex(())

    /// - Parameter workers: the threads of the session that will answer.
    public init(directory: BackingDirectory, options: ContractOptions, trust: SignatureTrust, workers: Int = 1) throws(Errno) {
        self.directory = directory
        self.trust = trust
        inlineCalls = InlineCalls(workers: workers)
        reading = Reading(options: options, pollers: pollers)
        let status = directory.rootStatus
        let descriptor = try SystemCalls.duplicate(directory.root)
        nodes = NodeTable(root: Node(
            id: FUSELimits.rootNodeID, kind: .root, descriptor: descriptor, key: NodeTable.Key(device: status.device, inode: status.inode, isReserved: false)))
        reading.onFaultLoop { [weak self] thread, node, offset in self?.endFaultLoop(thread: thread, node: node, offset: offset) }
    }

    /// Where notifications go; set when the session exists, before it runs.
    public func attach(notifier: FUSENotifier) { pollers.attach(notifier) }

    /// The device number of the mount, once it has one.
    public func attach(deviceMajor: UInt32, deviceMinor: UInt32) { device.withLock { $0 = (deviceMajor, deviceMinor) } }

    /// Our own mount, for the helpers: a detached clone. Takes the descriptors over. Without one nobody hears of what ioctls change.
    public func attach(root: CInt, index: CInt, incomplete: CInt) {
        helpers.attach(EventHelpers.Places(root: root, index: index, incomplete: incomplete))
    }

    /// The visible mount is gone: nothing of ours keeps the file system alive any more.
    public func detach() {
        if let places = helpers.detach() { for descriptor in [places.root, places.index, places.incomplete] { SystemCalls.close(descriptor) } }
    }

    /// The session is over. Not from one of its threads. Lets go of every backing file: the next mount reads them anew, whoever changed them in between.
    public func stop() {
        detach()
        helpers.stop()
        for threads in [nameThreads, createThreads, callThreads, copiers] { threads.stop() }
        reading.stop()
        handles.removeAll()
        nodes.removeAll()
    }

    func caller(_ header: FUSERequestHeader) -> Caller { Caller(uid: header.uid, gid: header.gid, thread: pid_t(bitPattern: header.pid), copiers: copiers) }

    // MARK: What the daemon asks

    public var options: ContractOptions { reading.state.withLock { $0.options } }
    public var counters: ReadCounters { reading.state.withLock { $0.counters } }
    package var blocksWritten: UInt64 { UInt64(reading.state.withLock { $0.blocksWritten }) }
    package var encodedTimeouts: [UInt8] { reading.state.withLock { $0.timeouts.encoded } }
    public var pendingCount: Int { reading.state.withLock { $0.pending.count } }

    /// A remount: the options are those given, and the defaults for the rest. Waiting reads keep what they began with.
    public func remount(_ new: ContractOptions) throws(ContractOptions.Refusal) {
        try options.checkRemount(to: new)
        reading.state.update { state in
            if state.options.logPages != new.logPages { state.log.reconfigure(pages: new.logPages) }
            let readahead = state.options.readaheadPages
            state.options = new
            // The kernel was told once.
            state.options.readaheadPages = readahead
        }
        pollers.wake(.log)
    }

    /// What PERMIT_FILL comes to, for an open file of a session that has no mount through which it could be found out. False: there is none.
    package func permitFill(_ fh: UInt64) -> Bool {
        guard let handle = handles.handle(fh), case .file = handle.kind else { return false }
        handle.mayFill.store(true, ordering: .releasing)
        return true
    }

    // MARK: Requests

    public func handle(_ request: borrowing FUSERequest, _ reply: consuming FUSEReply, buffer: UnsafeMutableRawBufferPointer) {
        let header = request.header
        switch request.operation {
        case .forget(let count): return nodes.forget(header.nodeID, count)
        case .batchForget(let list):
            for index in 0..<list.count { nodes.forget(list[index].nodeID, list[index].lookups) }
            return
        default: break
        }
        guard let node = nodes.node(header.nodeID) else { return reply.error(.staleNFSFileHandle) }
        switch request.operation {
        case .read(let read): self.read(node, read, header, reply, buffer)
        case .lookup(let name): lookup(node, Array(name), header, reply)
        case .getattr: getattr(node, header, reply)
        case .open(let flags): open(node, flags, reply)
        case .release(let fh), .releasedir(let fh):
            release(fh)
            reply.ok()
        case .opendir: node.isDirectory ? reply.open(fh: handles.open(node, .directory).id, flags: []) : reply.error(.notDirectory)
        case .readdir(let read): readDirectory(node, read, reply, buffer)
        case .statfs: reply.statfs(FUSEStatfs(blocks: 0, files: 0, frsize: 4096))
        case .getxattr(let name, let size): getxattr(node, name, size, reply)
        case .listxattr(let size): listxattr(node, size, uid: request.header.uid, reply)
        case .poll(let poll): self.poll(node, poll, reply)
        case .ioctl(let ioctl): self.ioctl(node, ioctl, header, reply)
        case .fsync: reply.error(.invalidArgument)
        case .readlink: reply.error(.invalidArgument)
        case .modifying(let modification): change(node, modification, header, reply)
        // FLUSH, ACCESS, LSEEK and STATX are left to the kernel, which asks no more.
        default: reply.error(.noFunction)
        }
    }

    public func processID(ofParked unique: UInt64) -> Int32? { reading.thread(ofParked: unique) ?? operations.thread(of: unique) }

    public func interruptParked(unique: UInt64) {
        operations.interrupt(unique)
        reading.interrupt(unique)
    }
}
