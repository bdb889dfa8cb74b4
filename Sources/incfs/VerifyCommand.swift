import ArgumentParser
import ControlAPI
import Glibc
import LinuxSystem

struct VerifyCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every stored block again.",
        discussion: """
            Reads what the store holds of a package, mounted or not, and compares it with the digests. Prints what is wrong; \
            a block that is wrong is fetched again when it is next read. Exit status 1 if anything is wrong.
            """)

    @Argument(help: ArgumentHelp("A mount, or the address of a package.", valueName: "mountpoint|address"))
    var subject: String

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions
    @OptionGroup var trust: TrustOptions
    @OptionGroup var access: AccessOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() throws {
        let report = try check()
        if json { try Terminal.json(report) } else {
            for problem in report.problems { Terminal.output(Self.text(problem)) }
            let missing = report.blocksMissing == 0 ? "" : "; \(HumanText.count(report.blocksMissing, "block")) not fetched yet"
            let verdict = report.problems.isEmpty ? "All is well" : HumanText.count(UInt64(report.problems.count), "problem")
            Terminal.output("\(verdict): \(HumanText.count(report.blocksChecked, "block")) checked\(missing).")
        }
        if !report.problems.isEmpty { throw ExitStatus.failure }
    }

    static func text(_ problem: VerifyProblem) -> String {
        let last = problem.firstBlock + max(1, problem.blockCount) - 1
        let blocks = last == problem.firstBlock ? "block \(last)" : "blocks \(problem.firstBlock) to \(last)"
        return "\(Terminal.printable(problem.path)): \(blocks): \(Terminal.printable(problem.problem))"
    }

    private func check() throws -> VerifyReport {
        if let place = try? MountpointPath.existing(subject), let (client, _) = try MountedDaemons.serving(place, store: store.store) {
            return try verify(client, VerifyRequest(mountpoint: place))
        }
        let address = try PackageAddress(argument: subject)
        if case .path(let path) = address.place, (try? SystemCalls.status(of: FilePath(path)))?.kind == .directory {
            throw ControlError(.notMounted, "No daemon of yours serves a mount at \(path).", hint: "See what is mounted with: incfs status")
        }
        try address.requireTrust(insecure: trust.insecure, requirePin: trust.requirePin)
        let interruption = try Interruption()
        let daemon = try Daemon(store: store.store)
        let (client, started) = try daemon.ensure(interruption: interruption.descriptor)
        defer { if started { daemon.stopIfIdle() } }
        do {
            return try verify(client, VerifyRequest(address: address.location, root: address.root, insecure: trust.insecure, network: .current, access: try access.resolved()))
        } catch let error as ControlError {
            if error.code == .cancelled, let status = interruption.status() { throw status }
            throw error
        }
    }

    private func verify(_ client: ControlClient, _ request: VerifyRequest) throws -> VerifyReport {
        var progress = ProgressLine("checked")
        defer { progress.finish() }
        guard case .verified(let report) = try client.call(.verify(request), progress: { progress.show($0) }) else {
            throw ControlError(.internalFailure, "The daemon gave an unexpected answer.", hint: "Use the incfs and incfsd of one release.")
        }
        return report
    }
}
