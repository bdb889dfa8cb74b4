import ArgumentParser
import ControlAPI
import Glibc
import LinuxSystem

struct RunCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a program out of a package that is still downloading.",
        discussion: """
            Mounts the package privately, starts PROGRAM found inside it, passes signals on and its exit status through, and unmounts. \
            PROGRAM is a path inside the package; a leading slash is the package's root; a bare name is also looked for in bin and usr/bin. \
            INCFS_ROOT is the mount's path in the program's environment.

              incfs run 'https://example.org/jdk.incfs#sha256=…' -- bin/java -version

            Exit status: the program's; 128 plus the signal's number if a signal ended it; 125 if the package cannot be mounted, 126 if the program cannot \
            be started, 127 if it is not in the package.
            """)

    @Argument(help: "An http or https URL or a path, with #sha256=DIGEST to pin its contents.")
    var address: String

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions
    @OptionGroup var trust: TrustOptions

    @Argument(parsing: .postTerminator, help: ArgumentHelp("The program and its arguments, after --.", valueName: "program"))
    var command: [String] = []

    func validate() throws {
        if command.isEmpty || command[0].isEmpty { throw ValidationError("Name the program after the address: incfs run ADDRESS -- PROGRAM [ARG…]") }
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
        try address.requireTrust(insecure: trust.insecure)
        let interruption = try Interruption()
        SystemCalls.block(signals: ProgramRun.signals)
        let daemon = try Daemon(store: store.store)
        let place = try PrivateMountpoint(in: daemon.places)
        defer { place.remove() }
        let request = MountRequest(
            address: address.location, root: address.root, mountpoint: place.path.string, insecure: trust.insecure, lease: true, proxies: .current)
        var status = ExitStatus.runFailed
        try MountSession(daemon: daemon, request: request).perform(interruption: interruption) { client, report in
            defer { unmount(client, daemon, report.mountpoint) }
            let program = try PackageProgram(command[0], root: place.path)
            status = try ProgramRun(program: program, arguments: Array(command.dropFirst()), root: place.path).wait()
        }
        if status != .success { throw status }
    }

    /// In order if possible; a program that left others behind is detached from and goes on.
    private func unmount(_ client: ControlClient, _ daemon: Daemon, _ mountpoint: String) {
        client.interruption = -1
        do { _ = try client.call(.unmount(UnmountRequest(mountpoint: mountpoint)), timeoutSeconds: 10) } catch {
            if error.code != .notMounted { daemon.abandon(mountpoint) }
        }
    }
}
