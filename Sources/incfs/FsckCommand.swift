import ArgumentParser
import BackingCheck
import ContractControl
import ControlAPI
import Glibc
import LinuxSystem

struct FsckCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "fsck",
        abstract: "Check a backing directory.",
        discussion: """
            Reads every backing file of the directory of a contract mount record by record, and says what is not as the format \
            has it: damage (something cannot be used), warnings (it can be used, and is not as it should be), notes. Changes \
            nothing unless --repair is given. Exit status 1 if there is damage or a warning that has not been repaired.
            """)

    @Argument(help: ArgumentHelp("A backing directory.", valueName: "directory"))
    var directory: String

    @Flag(help: "Decode every stored block too, and compare it with the file's hash tree.")
    var data = false

    @Flag(help: "Put right what can be without losing anything that could be read. The directory must not be mounted.")
    var repair = false

    @OptionGroup var talk: TalkOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    struct Report: Encodable {
        var filesChecked: UInt64
        /// What remains.
        var damage: Int
        var warnings: Int
        var findings: [BackingFinding]
    }

    /// A repair may uncover what could not be seen before it; each round removes something, and a few are enough.
    private static let mostRounds = 8

    func run() throws {
        let report = try check()
        if json { try Terminal.json(report) } else {
            for finding in report.findings where finding.severity != .note || !talk.quiet { Terminal.output(Self.text(finding)) }
            let found = [(report.damage, "damaged place"), (report.warnings, "warning")].filter { $0.0 > 0 }.map { HumanText.count(UInt64($0.0), $0.1) }
            let repaired = report.findings.count { $0.isRepaired }
            let done = repaired == 0 ? "" : "; \(repaired) repaired"
            Terminal.output("\(found.isEmpty ? "All is well" : found.joined(separator: ", ")): \(HumanText.count(report.filesChecked, "file")) checked\(done).")
            if !repair, report.findings.contains(where: { $0.remedy != nil && $0.severity != .note }) { Terminal.note("some of this can be put right: incfs fsck --repair") }
        }
        if report.damage + report.warnings > 0 { throw ExitStatus.failure }
    }

    static func text(_ finding: BackingFinding) -> String {
        let place = finding.offset.map { " at 0x\(String($0, radix: 16))" } ?? ""
        let remedy = finding.isRepaired ? " [repaired: \(finding.remedy ?? "")]" : finding.remedy.map { " [--repair: \($0)]" } ?? ""
        return Terminal.printable("\(finding.path)\(place): \(finding.severity.rawValue): \(finding.message)\(remedy)")
    }

    private func check() throws -> Report {
        let path = FilePath(directory)
        do {
            guard try SystemCalls.status(of: path).kind == .directory else { throw Errno.notDirectory }
            if repair { try keepDaemonsOut(of: path) }
            var check = try BackingDirectoryCheck(path, readsData: data)
            var repaired: [BackingFinding] = []
            var rounds = 0
            while repair, rounds < Self.mostRounds {
                try check.repair()
                let done = check.findings.filter(\.isRepaired)
                if done.isEmpty { break }
                repaired += done
                check = try BackingDirectoryCheck(path, readsData: data)
                rounds += 1
            }
            return Report(filesChecked: check.filesChecked, damage: check.damage, warnings: check.warnings, findings: repaired + check.findings)
        } catch let error as Errno {
            throw ControlError(.usage, "\(directory) cannot be checked: \(error).", hint: "Give the backing directory of a contract mount, and use an account that may read and, to repair, write it.")
        }
    }

    /// The daemon of a contract mount holds these locks as long as it serves the directory: refused if it does not end soon. From then on
    /// this process holds them, to its end.
    private func keepDaemonsOut(of path: FilePath) throws {
        // A daemon that has just been unmounted is still ending.
        let deadline = MonotonicTime.now.adding(milliseconds: Self.endMilliseconds)
        let isFree = try Retry.until(deadline) { () throws(Errno) -> Bool? in
            do throws(Errno) { _ = try BackingLock.take(path)?.take() } catch {
                guard error == .resourceTemporarilyUnavailable else { throw error }
                return nil
            }
            return true
        }
        if isFree == nil { throw Self.mounted(directory) }
        let status = try SystemCalls.status(of: path)
        // A directory of root's has no other lock than this one. Where it cannot be made no daemon can be.
        let isRoot = geteuid() == 0
        if isRoot { try? ContractPlaces.make() }
        for place in Self.places {
            guard let lock = try? SystemCalls.open(ContractPlaces.lock(of: status, in: place), flags: O_RDWR | (isRoot ? O_CREAT : 0), mode: 0o600) else { continue }
            guard Retry.until(deadline, { (try? SystemCalls.lockExclusively(lock.rawValue)) != nil ? true : nil }) != nil else { throw Self.mounted(directory) }
            _ = lock.take()
        }
    }

    /// How long a daemon may take to end.
    private static let endMilliseconds: UInt64 = 2000

    private static func mounted(_ directory: String) -> ControlError { ControlError(.usage, "\(directory) is mounted: nothing was changed.", hint: "Unmount it first.") }

    /// Root's, and the user's own. The daemons of others, and of this user with another environment, are found by `BackingLock`.
    private static var places: Set<FilePath> { ["/run/incfs/contract", ContractPlaces.directory] }
}
