import ArgumentParser
import ControlAPI
import Glibc
import LinuxSystem

struct MountCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mount a package; returns when it is usable.",
        discussion: """
            The rest is fetched in the background, what is read first. End it with “incfs unmount”, umount or fusermount3 -u.

              incfs mount 'https://example.org/app.incfs#sha256=…' /mnt/app
            """)

    @Argument(help: "An http or https URL or a path, with #sha256=DIGEST to pin its contents.")
    var address: String

    @Argument(help: "An existing directory.")
    var mountpoint: String

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions

    @Flag(help: "Stay, show progress, and unmount at SIGINT or SIGTERM; that is success.")
    var foreground = false

    @Flag(help: "Fetch only what is read.")
    var noFill = false

    @Flag(help: "After the unmount, go on fetching until everything is there.")
    var keepFilling = false

    @Option(help: ArgumentHelp("Let a read fail after so many seconds without its data. Default: it waits.", valueName: "seconds"))
    var readTimeout: Double?

    @OptionGroup var trust: TrustOptions
    @OptionGroup var access: AccessOptions
    @OptionGroup var writable: WritableOptions

    @Option(name: .customShort("o"), help: ArgumentHelp("Mount options as of mount.incfs(8), with commas between them: allow_other, noexec, …", valueName: "options"))
    var options: [String] = []

    @Flag(help: "Let other users see the mount. For users other than root /etc/fuse.conf must have the line user_allow_other.")
    var allowOther = false

    @Flag(help: "Let no program be started from it.")
    var noExec = false

    @Flag(help: "Print what was mounted as JSON.")
    var json = false

    func validate() throws {
        if keepFilling && noFill { throw ValidationError("--keep-filling and --no-fill exclude each other.") }
        if let readTimeout, !(readTimeout > 0 && readTimeout <= 1e6) { throw ValidationError("--read-timeout must be a number of seconds above 0.") }
    }

    func run() throws {
        let address = try PackageAddress(argument: address)
        try address.requireTrust(insecure: trust.insecure, requirePin: trust.requirePin)
        let place = try MountpointPath.new(mountpoint)
        let wantsLayer = writable.writable || writable.writableDirectory != nil
        if wantsLayer && geteuid() != 0 {
            throw ControlError(
                .permission, "Only root can make a mount writable that others see.", hint: "Use 'incfs run --writable', which needs no root: the program alone sees what it writes.", errno: EPERM)
        }
        let interruption = try Interruption()
        let daemon = try Daemon(store: store.store)
        let shared = SharedMountpoint.path(address, store: daemon.store, in: daemon.places)
        let layer = try writable.directory(named: shared.lastComponent?.string ?? "package", store: daemon.store)
        let request = MountRequest(
            address: address.location, root: address.root, mountpoint: place, fill: !noFill, readTimeoutSeconds: readTimeout,
            insecure: trust.insecure, requirePin: trust.requirePin, allowOther: allowOther, noExec: noExec, lease: foreground,
            keepFilling: keepFilling ? true : nil, layer: layer?.string, network: .current, access: try access.resolved())
        try MountSession(daemon: daemon, request: request).perform(interruption: interruption) { client, report in
            if let layer { try show(layer, over: report, daemon) }
            if json { try Terminal.json(report) } else { Terminal.confirm(Self.summary(report)) }
            guard foreground else { return }
            do { try stay(client, place, interruption) } catch let error as ControlError where error.code == .cancelled {
                // A signal is how this is meant to end.
                daemon.abandon(place)
            }
        }
    }

    /// Without the layer there is no mount either.
    private func show(_ layer: FilePath, over report: MountReport, _ daemon: Daemon) throws(ControlError) {
        do {
            // The daemon has its lock.
            try WritableLayer(directory: layer).mount(over: FilePath(report.mountpoint), at: FilePath(report.mountpoint), noExec: noExec)
        } catch {
            daemon.abandon(report.mountpoint)
            throw error
        }
    }

    static func summary(_ report: MountReport) -> String {
        let title = Terminal.printable([report.name, report.release].filter { !$0.isEmpty }.joined(separator: " "))
        return "\(title) is mounted at \(report.mountpoint): \(HumanText.count(report.files, "file")), \(HumanText.bytes(report.bytes))."
    }

    /// Until a signal comes, or somebody else unmounts.
    private func stay(_ client: ControlClient, _ place: String, _ interruption: borrowing Interruption) throws {
        var progress = ProgressLine("fetched", from: address)
        if !noFill {
            defer { progress.finish() }
            do {
                _ = try client.call(.wait(WaitRequest(mountpoint: place))) { progress.show($0) }
                progress.finish()
                if !Terminal.isQuiet { Terminal.error("Everything is here. Ctrl-C unmounts.") }
            } catch {
                if error.code == .notMounted { return }
                guard error.code == .originUnreachable || error.code == .wrongDigest else { throw error }
                // What is here can be used all the same.
                progress.finish()
                Terminal.report(error)
            }
        }
        // Look twice a second whether it still is there: umount(8) may end it as well.
        while true {
            if let events = try? SystemPoll.readable(interruption.descriptor, milliseconds: 500), events { throw ControlError(.cancelled, "Interrupted.") }
            guard case .status(let report) = try client.call(.status(StatusRequest()), timeoutSeconds: 30), report.mounts.contains(where: { $0.mountpoint == place }) else { return }
        }
    }
}
