import ContractControl
import ContractFUSE
import ContractVolume
import FUSEMount
import FUSESession
import Glibc
import LinuxSystem
import Synchronization

/// Serves one backing directory, to any number of mounts; ends with the last of them.
final class ContractDaemon: Sendable {
    private let directory: BackingDirectory
    private let trust: SignatureTrust
    private let socketPath: FilePath
    private let mounts = Condition<[DaemonMount]>([])
    private let changed: CInt
    /// Requests are handled one at a time: a mount sees what the one before it left.
    private let handling = Mutex(())
    private let busy = Atomic<Int>(0)

    /// How long a request waits for the session of a mount that is gone to end: it does at once unless files are open in it.
    static let endMilliseconds: UInt64 = 2000
    /// How long a daemon without mounts waits for one.
    static let idleMilliseconds: UInt64 = 3000

    init(directory: BackingDirectory, trust: SignatureTrust, socket: FilePath) throws(Errno) {
        self.directory = directory
        self.trust = trust
        socketPath = socket
        changed = try SystemCalls.eventDescriptor().take()
    }

    /// Accepts requests until nothing is mounted.
    func run(listener: CInt) {
        Thread(name: "mount-watch") { self.watch() }.detach()
        Thread(name: "control") {
            while let connection = try? SystemCalls.acceptConnection(listener) {
                self.busy.add(1, ordering: .sequentiallyConsistent)
                let raw = connection.take()
                Thread(name: "control-client") {
                    self.serve(OwnedDescriptor(raw))
                    self.busy.subtract(1, ordering: .sequentiallyConsistent)
                    self.mounts.update { _ in }
                }.detach()
            }
        }.detach()
        // The first mount may take a moment; after the last one nobody is waited for.
        var deadline = MonotonicTime.now.adding(milliseconds: Self.idleMilliseconds)
        while true {
            let isOver = mounts.wait(until: deadline) { mounts -> Bool? in
                if !mounts.isEmpty { return false }
                return self.hadMounts.load(ordering: .relaxed) && self.busy.load(ordering: .sequentiallyConsistent) == 0 ? true : nil
            } ?? (busy.load(ordering: .sequentiallyConsistent) == 0)
            if isOver { break }
            deadline = MonotonicTime.now.adding(milliseconds: Self.idleMilliseconds)
            _ = mounts.wait(until: deadline) { $0.isEmpty ? true : nil }
        }
        try? SystemCalls.unlink(socketPath, missingIsFine: true)
    }

    private let hadMounts = Atomic<Bool>(false)

    // MARK: Mounts that go

    /// Looks at the mount tables whenever one of them changes.
    private func watch() {
        while true {
            let tables = mounts.withLock { $0.map(\.mountTable) }
            var entries = [pollfd(fd: changed, events: Int16(POLLIN), revents: 0)] + tables.map { pollfd(fd: $0, events: Int16(POLLPRI), revents: 0) }
            _ = try? SystemCalls.poll(&entries, timeoutMilliseconds: -1)
            var count: UInt64 = 0
            _ = withUnsafeMutableBytes(of: &count) { try? SystemCalls.read(changed, into: $0) }
            lookForGone()
        }
    }

    private func lookForGone() {
        for mount in mounts.withLock({ $0 }) where !mount.isVisible { mount.letGo() }
    }

    private func ended(_ mount: DaemonMount) {
        mount.letGo()
        mount.fileSystem.stop()
        mounts.update { mounts in mounts.removeAll { $0 === mount } }
        SystemCalls.signal(event: changed)
    }

    // MARK: Requests

    private func serve(_ connection: consuming OwnedDescriptor) {
        var descriptors: [CInt] = []
        let socket = connection.rawValue
        defer { for descriptor in descriptors where descriptor >= 0 { SystemCalls.close(descriptor) } }
        do throws(Failure) {
            guard let words = try Failure.attempt("control", { () throws(Errno) in try ContractMessage.receive(over: socket, descriptors: &descriptors) }), let first = words.first else { return }
            switch (first, words.count) {
            case ("mount", 2):
                guard descriptors.count == 2 else { throw Failure(.invalidArgument, "a mount comes with its device and its mount table") }
                let (device, table) = (descriptors[0], descriptors[1])
                descriptors = []
                let options = words[1]
                let failure = handling.withLock { _ -> Failure? in do throws(Failure) { try mount(options, device, table, socket); return nil } catch { return error } }
                if let failure { throw failure }
            case ("remount", 3):
                let (device, options) = (words[1], words[2])
                let failure = handling.withLock { _ -> Failure? in do throws(Failure) { try remount(device, options); return nil } catch { return error } }
                if let failure { throw failure }
                try? ContractMessage.send(["ok"], over: socket)
            case ("holds", 3):
                // Who was unmounted holds none.
                lookForGone()
                guard let mount = find(words[1]), mount.counterName.withLock({ $0 == words[2] }) else { throw Failure(Errno(rawValue: ENODEV), "there is no such name") }
                try? ContractMessage.send(["ok"], over: socket)
            case ("status", 2):
                guard let mount = find(words[1]) else { throw Failure(Errno(rawValue: ENODEV), "there is no such mount") }
                try? ContractMessage.send(["ok"] + status(of: mount).lines, over: socket)
            default: throw Failure(.invalidArgument, "what is “\(first)”?")
            }
        } catch { try? ContractMessage.send(["error", "\(error.errno.rawValue)", error.text], over: socket) }
    }

    private func status(of mount: DaemonMount) -> ContractStatus {
        let counters = zip(ReadCounters.names, mount.fileSystem.counters.values).map { ContractStatus.Counter(name: $0, value: $1) }
        return ContractStatus(daemonPid: getpid(), readersWaiting: UInt64(mount.fileSystem.pendingCount), counters: counters)
    }

    private func find(_ device: String) -> DaemonMount? { mounts.withLock { $0.last { $0.place.withLock { $0?.name } == device } } }

    private func mount(_ text: String, _ device: CInt, _ table: CInt, _ socket: CInt) throws(Failure) {
        let options = try Self.options(text)
        // What was unmounted before is over before this one begins.
        lookForGone()
        _ = mounts.wait(until: .now.adding(milliseconds: Self.endMilliseconds)) { mounts in mounts.allSatisfy { $0.isVisible } ? true : nil }
        let mount = try DaemonMount(directory: directory, options: options, trust: trust, socket: socketPath, device: device, mountTable: table)
        do throws(FUSESessionError) { try mount.session.start() } catch {
            mount.fileSystem.stop()
            throw Failure(error.errno, "\(error)")
        }
        hadMounts.store(true, ordering: .relaxed)
        mounts.update { $0.append(mount) }
        Thread(name: "session-end") {
            _ = mount.session.waitUntilEnd()
            self.ended(mount)
        }.detach()
        var descriptors: [CInt] = []
        do throws(Failure) {
            try Failure.attempt("control") { () throws(Errno) in try ContractMessage.send(["ready"], over: socket) }
            let words = try Failure.attempt("control") { () throws(Errno) in try ContractMessage.receive(over: socket, descriptors: &descriptors) }
            guard let words, words.count == 3, words[0] == "attached", let number = UInt64(words[1]), let place = DeviceNumber(text: words[2]), descriptors.count <= 1 else {
                throw Failure(.interrupted, "whoever mounted went away")
            }
            mount.place.withLock { $0 = (number, words[2]) }
            mount.fileSystem.attach(deviceMajor: place.major, deviceMinor: place.minor)
            // Without a clone, which an ordinary user may not have, nobody hears of what ioctls change.
            if let clone = descriptors.popLast() {
                try Failure.attempt("the mount's special directories") { () throws(Errno) in try mount.attach(clone: OwnedDescriptor(clone)) }
            }
            try Failure.attempt("noting the mount") { () throws(Errno) in try ContractPlaces.write(socketPath.string, to: ContractPlaces.mounts.appending(words[2]), exclusive: false) }
            if let name = options.counterName { try register(mount, name, words[2]) }
        } catch {
            for descriptor in descriptors { SystemCalls.close(descriptor) }
            mount.letGo()
            // An ordinary user's is in its place already, and nobody who asks for it by its number would find it.
            mount.session.stop()
            throw error
        }
        SystemCalls.signal(event: changed)
        try? ContractMessage.send(["ok"], over: socket)
    }

    private func remount(_ device: String, _ text: String) throws(Failure) {
        guard let mount = find(device) else { throw Failure(.invalidArgument, "there is no such mount") }
        // Not what its options say: a name that was taken away and could not be replaced is gone.
        let options = try Self.options(text), known = mount.counterName.withLock { $0 }
        do throws(ContractOptions.Refusal) { try mount.fileSystem.options.checkRemount(to: options) } catch { throw Failure(error.errno, error.description) }
        if options.counterName != known {
            mount.giveUpCounterName(device)
            if let name = options.counterName { try register(mount, name, device) }
        }
        do throws(ContractOptions.Refusal) { try mount.fileSystem.remount(options) } catch { throw Failure(error.errno, error.description) }
    }

    private func register(_ mount: DaemonMount, _ name: String, _ device: String) throws(Failure) {
        do throws(Errno) { try CounterRegistry.add(name, socket: socketPath, device: device) } catch {
            throw Failure(error, "sysfs_name=\(name): \(error == .fileExists ? "another mount has this name" : "\(error)")")
        }
        mount.counterName.withLock { $0 = name }
    }

    private static func options(_ text: String) throws(Failure) -> ContractOptions {
        do throws(ContractOptions.Refusal) { return try ContractOptions(parsing: text) } catch { throw Failure(error.errno, error.description) }
    }
}
