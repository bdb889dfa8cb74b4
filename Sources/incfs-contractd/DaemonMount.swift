import ContractControl
import ContractFUSE
import ContractVolume
import FUSEMount
import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem
import Synchronization

/// One mount that the daemon serves.
final class DaemonMount: Sendable {
    let fileSystem: ContractFileSystem
    let session: FUSESession<ContractFileSystem>
    let device: CInt
    /// /proc/self/mountinfo of whoever mounted: where the mount shows.
    let mountTable: CInt
    /// The visible mount's number in it, once it is attached; and the device number.
    let place = Mutex<(mount: UInt64, name: String)?>(nil)
    let counterName = Mutex<String?>(nil)
    /// The daemon's, by which its entries in the runtime directory are known.
    private let socket: FilePath
    /// Whether `letGo` is done: a second caller waits for the first, because the daemon may end after its own call.
    private let gone = Mutex(false)

    init(directory: BackingDirectory, options: ContractOptions, trust: SignatureTrust, socket: FilePath, device: CInt, mountTable: CInt) throws(Failure) {
        self.socket = socket
        self.device = device
        self.mountTable = mountTable
        var configuration = FUSESessionConfiguration()
        let workers = configuration.workers
        let fileSystem = try Failure.attempt("opening the backing directory") { () throws(Errno) in
            try ContractFileSystem(directory: directory, options: options, trust: trust, workers: workers)
        }
        self.fileSystem = fileSystem
        var negotiation = FUSENegotiation()
        negotiation.wanted.subtract([.readdirplus, .readdirplusAuto, .noOpendirSupport, .cacheSymlinks, .hasResend])
        negotiation.leaveReadaheadInForeground()
        negotiation.maxReadahead = options.readaheadPages > UInt32.max / 4096 ? nil : options.readaheadPages * 4096
        configuration.negotiation = negotiation
        session = try Failure.attempt("a session") { () throws(Errno) in try FUSESession(fileSystem, descriptors: [device], configuration: configuration) }
        fileSystem.attach(notifier: session.notifier)
    }

    deinit { for descriptor in [device, mountTable] { SystemCalls.close(descriptor) } }

    /// The clone of the mount has come: helpers can use it from now on. Walks on our own mount: not from a thread that answers it.
    func attach(clone: consuming OwnedDescriptor) throws(Errno) {
        let index = try SystemCalls.open(name: SpecialName.index, in: clone.rawValue, flags: SystemCalls.pathOnly | O_DIRECTORY | O_NOFOLLOW)
        let incomplete = try SystemCalls.open(name: SpecialName.incomplete, in: clone.rawValue, flags: SystemCalls.pathOnly | O_DIRECTORY | O_NOFOLLOW)
        fileSystem.attach(root: clone.take(), index: index.take(), incomplete: incomplete.take())
    }

    /// Whether the visible mount still shows where it was made. True before it is attached.
    var isVisible: Bool {
        guard let place = place.withLock({ $0 }) else { return true }
        guard let table = try? MountTable(reading: mountTable), !table.entries.isEmpty else { return true }
        // With its device: the number alone is the next mount's as soon as this one is gone.
        return table.entries.contains { $0.number == place.mount && "\($0.device)" == place.name }
    }

    /// The visible mount is gone: lets go of the file system, whose session then ends when its last file is closed.
    func letGo() {
        gone.withLock { gone in
            if gone { return }
            gone = true
            // First of all: with the session ends, maybe, the daemon.
            forget()
            fileSystem.detach()
        }
    }

    /// Takes the entries in the runtime directory away. Who hears late of its unmount may find those of a mount that got the device number since:
    /// they name another daemon, and stay.
    private func forget() {
        guard let device = place.withLock({ $0?.name }) else { return }
        if ContractPlaces.socket(ofMount: device) == socket { try? SystemCalls.unlink(ContractPlaces.mounts.appending(device), missingIsFine: true) }
        giveUpCounterName(device)
    }

    /// The counters are shown no more, if they were.
    func giveUpCounterName(_ device: String) {
        if let name = counterName.withLock({ name in defer { name = nil }; return name }) { CounterRegistry.remove(name, socket: socket, device: device) }
    }
}
