import ArgumentParser
import ControlAPI
import Glibc
import LinuxSystem

struct RunCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a program out of a package that is still downloading.",
        discussion: """
            Starts the program that the publisher meant (publish --entry), with the words after -- as its arguments. Another program of the package is started with \
            --program. Where the publisher named none, the first word after -- is the program. A program is a path inside the package; a leading slash is the package's root; \
            a bare name is also looked for in bin and usr/bin.

              incfs run 'https://example.org/app.incfs#sha256=…'
              incfs run 'https://example.org/app.incfs#sha256=…' -- --its-own-option file
              incfs run 'https://example.org/jdk.incfs#sha256=…' --program bin/javac -- Main.java

            The package is mounted at a path that is the same each time, shared with other runs of it, and unmounted with the last. INCFS_ROOT is that path in the program's \
            environment; the current directory stays. Signals are passed on.

            Exit status: the program's; 128 plus the signal's number if a signal ended it; 125 if the package cannot be mounted, 126 if the program cannot \
            be started, 127 if it is not in the package.
            """)

    @Argument(help: "An http or https URL or a path, with #sha256=DIGEST to pin its contents.")
    var address: String

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions
    @OptionGroup var trust: TrustOptions
    @OptionGroup var writable: WritableOptions
    @OptionGroup var access: AccessOptions

    @Option(help: ArgumentHelp("The program to start instead of the publisher's: its path inside the package.", valueName: "path"))
    var program: String?

    @Option(help: ArgumentHelp("Show the package to the program at this path, which nobody else sees: for programs that only work at a fixed place.", valueName: "path"))
    var at: String?

    @Argument(parsing: .postTerminator, help: ArgumentHelp("Arguments for the program, after --.", valueName: "arg"))
    var words: [String] = []

    func validate() throws {
        if program?.isEmpty == true { throw ValidationError("--program names nothing.") }
        if let at, !at.hasPrefix("/") || PackageProgram.lexically(at).isEmpty { throw ValidationError("--at wants an absolute path below /.") }
    }

    func run() throws {
        do { try start() } catch let error as ControlError {
            Terminal.report(error)
            // Whatever kept the package from being mounted is a failure of `run` itself (env(1)).
            throw [126, 127].contains(error.exitCode) ? ExitStatus(rawValue: error.exitCode) : ExitStatus.runFailed
        }
    }

    private func start() throws {
        let address = try PackageAddress(argument: address)
        try address.requireTrust(insecure: trust.insecure, requirePin: trust.requirePin)
        let interruption = try Interruption()
        SystemCalls.block(signals: ProgramRun.signals)
        let daemon = try Daemon(store: store.store)
        try daemon.places.makeRuntimeDirectory()
        let place = SharedMountpoint.path(address, store: daemon.store, in: daemon.places)
        try MountpointPath.removeDead(at: place)
        // One for all releases, wherever the mount comes to lie.
        let layer = try writable.directory(named: place.lastComponent?.string ?? "package", store: daemon.store)
        let request = MountRequest(
            address: address.location, root: address.root, mountpoint: place.string, insecure: trust.insecure, requirePin: trust.requirePin, lease: true, shared: true,
            layer: layer?.string, network: .current, access: try access.resolved())
        var status = ExitStatus.runFailed
        try MountSession(daemon: daemon, request: request).perform(interruption: interruption) { client, report in
            let watch = RunWatch(daemon: daemon, request: request, report: report, speaks: isatty(STDERR_FILENO) == 1)
            var end: ProgramRun.End?
            defer {
                let (last, gaveBack) = watch.finish()
                if let end, let text = RunFailure.text(program: end.name, signal: end.signal, failedBefore: end.failedBefore, run: getpid(), status: last) { Terminal.error(text) }
                if !gaveBack { release(client, report, request.layer) }
            }
            let ended = try run(report, layer, failedBefore: failedReads(client, report))
            end = ended
            status = ended.status
        }
        if status != .success { throw status }
    }

    /// The program from its start to its end.
    private func run(_ report: MountReport, _ layer: FilePath?, failedBefore: UInt64) throws(ControlError) -> ProgramRun.End {
        let (text, arguments) = try chosen(report)
        let root = FilePath(report.mountpoint)
        let program = try PackageProgram(text, root: root)
        var run = ProgramRun(program: program, arguments: arguments, root: root)
        if at != nil || layer != nil {
            run.namespace = ProgramNamespace(root: root, at: at.map { FilePath("/" + PackageProgram.lexically($0)) }, writable: layer)
        }
        var end = try run.wait()
        end.failedBefore = failedBefore
        return end
    }

    /// The publisher's program unless another is named.
    private func chosen(_ report: MountReport) throws(ControlError) -> (program: String, arguments: [String]) {
        if let program { return (program, words) }
        if let entry = report.entry { return ("/" + entry, words) }
        guard let first = words.first, !first.isEmpty else {
            throw ControlError(
                .usage, "The package \(report.name) does not say which of its programs to run.", hint: "Name one: incfs run ADDRESS -- PROGRAM [ARG…]", exit: .runFailed)
        }
        return (first, Array(words.dropFirst()))
    }

    private func failedReads(_ client: ControlClient, _ report: MountReport) -> UInt64 {
        guard case .status(let all)? = try? client.call(.status(StatusRequest(mountpoint: report.mountpoint)), timeoutSeconds: 20) else { return 0 }
        return all.mounts.first?.errors.failedReads ?? 0
    }

    /// Returns when the mount is given back: with the last run of the package it is gone.
    private func release(_ client: ControlClient, _ report: MountReport, _ layer: String?) {
        client.interruption = -1
        _ = try? client.call(.unmount(UnmountRequest(mountpoint: report.mountpoint, release: report.number, layer: layer)), timeoutSeconds: 20)
    }
}
