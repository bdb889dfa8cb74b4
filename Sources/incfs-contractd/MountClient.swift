import ContractControl
import ContractVolume
import FUSEMount
import Glibc
import LinuxSystem

/// What is done in the caller's own process, and so in his namespaces: mounting, and finding a mount's daemon.
enum MountClient {
    static let retryMilliseconds: UInt64 = 10_000

    /// Mounts `source` on `target`; the mount is usable when this returns.
    static func mount(_ source: String, _ target: String, _ words: MountWords) throws(Failure) {
        do throws(ContractOptions.Refusal) { _ = try ContractOptions(parsing: words.contract) } catch { throw Failure(error.errno, error.description) }
        guard !source.isEmpty else { throw Failure(.noSuchFileOrDirectory, "a mount needs a backing directory") }
        let directory = try Failure.attempt(source) { () throws(Errno) in try SystemCalls.realPath(FilePath(source)) }
        let path = try Failure.attempt(source) { () throws(Errno) in try SystemCalls.open(directory, flags: SystemCalls.pathOnly | O_DIRECTORY) }
        let device = try Failure.attempt(source) { () throws(Errno) in try SystemCalls.quietStatus(of: path.rawValue) }
        if let table = try? MountTable.current(),
            table.entries.contains(where: { $0.isContract && $0.device.major == device.deviceMajor && $0.device.minor == device.deviceMinor })
        { throw Failure(.invalidArgument, "\(source) lies on an Incremental FS mount: it would wait for itself") }
        // Files in it are his, or he could not fill them; and nobody's daemon but his own and root's may be writing there.
        let owner = try Failure.attempt(source) { () throws(Errno) in try SystemCalls.status(of: directory).uid }
        guard geteuid() == 0 || owner == geteuid() else {
            throw Failure(.notPermitted, "\(source) belongs to another user: an ordinary user mounts directories of his own")
        }
        try Failure.attempt("\(ContractPlaces.directory)") { () throws(Errno) in try ContractPlaces.make() }

        // A daemon that is just ending may take the request and not answer it: then all begins again, with another daemon.
        let deadline = MonotonicTime.now.adding(milliseconds: retryMilliseconds)
        while true {
            do throws(Failure) { return try mount(directory, FilePath(source), target, words) } catch {
                guard error.daemonIsGone, MonotonicTime.now < deadline else { throw error }
            }
        }
    }

    private static func mount(_ directory: FilePath, _ source: FilePath, _ target: String, _ words: MountWords) throws(Failure) {
        let table = try Failure.attempt("/proc/self/mountinfo") { () throws(Errno) in try SystemCalls.open("/proc/self/mountinfo", flags: O_RDONLY) }
        // His is in its place at once: who looked there would wait as well.
        if geteuid() != 0 { try waitForOthers(directory, source) }
        let mount = try NewMount(NewMount.Kind(source: directory.string, subtype: "incremental-fs", attributes: words.attributes), on: target)
        var hasEvents = true
        do throws(Failure) {
            let connection = try connect(directory, source)
            do throws(Errno) {
                try ContractMessage.send(["mount", words.contract], descriptors: [mount.device.rawValue, table.rawValue], over: connection.rawValue)
            } catch { throw Failure(daemonIsGone: error) }
            try expect("ready", connection.rawValue)
            try mount.attach()
            let status = try mount.status(), clone = try mount.clone()?.take()
            defer { if let clone { SystemCalls.close(clone) } }
            hasEvents = clone != nil
            try Failure.attempt("control") { () throws(Errno) in
                try ContractMessage.send(
                    ["attached", "\(status.mount)", "\(DeviceNumber(major: status.deviceMajor, minor: status.deviceMinor))"], descriptors: clone.map { [$0] } ?? [],
                    over: connection.rawValue)
            }
            mount.letGo()
            try expect("ok", connection.rawValue)
            widenReadahead(of: DeviceNumber(major: status.deviceMajor, minor: status.deviceMinor), words)
        } catch {
            mount.undo()
            throw error
        }
        if geteuid() == 0 { return }
        for note in [hasEvents ? nil : words.isReadOnly ? UserNotes.noEventsReadOnly : UserNotes.noEvents, UserNotes.memory] { if let note { print("incfs: note: \(note)", to: &standardError) } }
    }

    /// A FUSE server can ask for no more than the system's usual window; sysfs gives more, where we may.
    private static func widenReadahead(of device: DeviceNumber, _ words: MountWords) {
        guard let pages = (try? ContractOptions(parsing: words.contract))?.readaheadPages, pages > usualReadahead else { return }
        do throws(Errno) { try FUSEMount.setReadAhead(device, kib: Int(pages) * 4) } catch {
            print("incfs: note: readahead=\(pages) is \(usualReadahead) pages here: the window cannot be set: \(error)", to: &standardError)
        }
    }

    /// `VM_READAHEAD_PAGES` of the kernel, in pages.
    private static let usualReadahead: UInt32 = 32

    /// Waits until no daemon serves the directory but one that we find.
    private static func waitForOthers(_ directory: FilePath, _ named: FilePath) throws(Failure) {
        let socket = ContractPlaces.socket(of: try Failure.attempt("\(named)") { () throws(Errno) in try SystemCalls.status(of: directory) })
        let found = try Retry.until(.now.adding(milliseconds: retryMilliseconds)) { () throws(Failure) -> Bool? in
            if let connection = try? SystemCalls.connect(toSocket: socket) {
                connection.close()
                return true
            }
            do throws(Errno) {
                _ = try BackingLock.take(directory)
                return true
            } catch { guard error == .resourceTemporarilyUnavailable else { throw Failure(error, "\(named): \(error)") } }
            return nil
        }
        if found == nil { throw servedByOthers(named) }
    }

    private static func servedByOthers(_ named: FilePath) -> Failure {
        Failure(.resourceBusy, "\(named): another daemon serves it, and does not answer: root's, or one that was started with another XDG_RUNTIME_DIR; or incfs fsck --repair is at work in it")
    }

    /// The directory's daemon, which is started if there is none; one that is ending is waited for.
    private static func connect(_ directory: FilePath, _ named: FilePath) throws(Failure) -> OwnedDescriptor {
        let status = try Failure.attempt("\(named)") { () throws(Errno) in try SystemCalls.status(of: directory) }
        let socket = ContractPlaces.socket(of: status)
        let found = try Retry.until(.now.adding(milliseconds: retryMilliseconds)) { () throws(Failure) -> OwnedDescriptor? in
            if let connection = try? SystemCalls.connect(toSocket: socket) { return connection }
            return try DaemonProcess.start(directory) ? try? SystemCalls.connect(toSocket: socket) : nil
        }
        guard let found else { throw servedByOthers(named) }
        return found
    }

    /// The next word from the daemon, or its failure.
    private static func expect(_ word: String, _ socket: CInt) throws(Failure) {
        var descriptors: [CInt] = []
        let words: [String]?
        do throws(Errno) { words = try ContractMessage.receive(over: socket, descriptors: &descriptors) } catch { throw Failure(daemonIsGone: error) }
        for descriptor in descriptors { SystemCalls.close(descriptor) }
        if let words, words.first == word { return }
        if let words, words.count == 3, words[0] == "error" { throw Failure(Errno(rawValue: CInt(words[1]) ?? EIO), words[2]) }
        throw Failure(daemonIsGone: .ioError)
    }

    /// The daemon of the topmost mount at `target`, and the mount's entry in the table.
    private static func daemon(of target: String) throws(Failure) -> (socket: FilePath, mount: MountTable.Entry) {
        let place = try Failure.attempt(target) { () throws(Errno) in try SystemCalls.realPath(FilePath(target)) }
        let table = try Failure.attempt("/proc/self/mountinfo") { () throws(Errno) in try MountTable.current() }
        guard let entry = table.topmost(at: place), entry.isContract else { throw Failure(.invalidArgument, "\(target) is no Incremental FS mount") }
        guard let socket = ContractPlaces.socket(ofMount: "\(entry.device)") else { throw Failure(.notPermitted, "\(target): its daemon is not one of this user's") }
        return (socket, entry)
    }

    static func remount(_ target: String, _ words: MountWords) throws(Failure) {
        let (socket, mount) = try daemon(of: target)
        let connection = try Failure.attempt("\(socket)") { () throws(Errno) in try SystemCalls.connect(toSocket: socket) }
        // What is not said is off again, as with every other option.
        let changes = words.isReadOnly != mount.isReadOnly
        if changes { try setReadOnly(words.isReadOnly, mount.mountpoint) }
        do throws(Failure) {
            try Failure.attempt("control") { () throws(Errno) in try ContractMessage.send(["remount", "\(mount.device)", words.contract], over: connection.rawValue) }
            try expect("ok", connection.rawValue)
        } catch {
            if changes { try? setReadOnly(mount.isReadOnly, mount.mountpoint) }
            throw error
        }
    }

    /// Of the mount that programs see, and no other of the same file system. Only root can.
    private static func setReadOnly(_ isReadOnly: Bool, _ place: FilePath) throws(Failure) {
        do throws(Errno) {
            let mount = try SystemCalls.open(place, flags: SystemCalls.pathOnly)
            try SystemCalls.changeMount(mount.rawValue, setting: isReadOnly ? MountWords.readOnly : 0, clearing: isReadOnly ? 0 : MountWords.readOnly)
        } catch { throw Failure(error, "\(place) cannot be made \(isReadOnly ? "read-only" : "writable"): \(error)") }
    }

    static func counters(_ target: String) throws(Failure) -> [ContractStatus.Counter] {
        let (socket, mount) = try daemon(of: target)
        return try Failure.attempt("\(socket)") { () throws(Errno) in try ContractStatus(ofMount: "\(mount.device)", at: socket).counters }
    }
}
