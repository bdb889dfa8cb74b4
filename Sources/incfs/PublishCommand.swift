import ArgumentParser
import ControlAPI
import Glibc
import LinuxSystem
import PackagePublisher

struct PublishCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Make a package of a directory.",
        discussion: """
            Writes OUT/NAME.incfs, and the compressed data beside it. Put what it wrote on any web server that answers range requests. Prints the root digest, \
            which pins the contents, and the end of the address to give to people. The same directory gives the same bytes.

              incfs publish app/ -o out/ --release 1.2 --entry bin/app
              incfs publish app/ -o . --in-place        (only NAME.incfs; the files stay where they are and are served as they are)
            """)

    @Argument(help: "The directory to publish.")
    var directory: String

    @Option(name: .shortAndLong, help: ArgumentHelp("Where to write the package; made if it does not exist.", valueName: "out"))
    var output: String

    @Flag(help: "Leave the data in the directory; write only the small index.")
    var inPlace = false

    @Option(help: "The package's name. Default: the directory's.")
    var name: String?

    @Option(help: "The release, for people.")
    var release: String?

    @Option(help: ArgumentHelp("The program that “incfs run” starts: its path inside the directory.", valueName: "prog"))
    var entry: String?

    @Option(help: "Zstandard level, 1 to 19.")
    var level = 3

    @OptionGroup var talk: TalkOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        if !PublishOptions.levels.contains(level) { throw ValidationError("--level must be between \(PublishOptions.levels.lowerBound) and \(PublishOptions.levels.upperBound).") }
    }

    func run() throws {
        let interruption = try Interruption()
        let cancellation = PublishCancellation()
        let signalled = Condition<ExitStatus?>(nil)
        let descriptor = interruption.descriptor
        // The publisher blocks this thread; another one waits for the signal.
        Thread(name: "signals") {
            while (try? SystemPoll.readable(descriptor, milliseconds: -1)) != true {}
            guard let number = try? SystemCalls.nextSignal(descriptor) else { return }
            signalled.update { $0 = ExitStatus(rawValue: 128 + number) }
            cancellation.cancel()
        }.detach()
        var options = PublishOptions()
        options.name = name
        options.release = release ?? ""
        options.level = level
        options.entry = entry.map { Array($0.utf8) }
        options.inPlace = inPlace
        let summary: PublishSummary
        let progress = Condition(ProgressLine("published", countsBytes: true))
        let started = MonotonicTime.now
        defer { progress.update { $0.finish() } }
        do {
            summary = try Publisher.publish(directory: FilePath(directory), output: FilePath(output), options: options, cancellation: cancellation) { report in
                progress.update { $0.show(Self.report(report, started)) }
            }
        } catch {
            if let status = signalled.withLock({ $0 }) { throw status }
            throw Self.explain(error)
        }
        progress.update { $0.finish() }
        let result = PublishedPackage(summary)
        if json { try Terminal.json(result) } else { Terminal.output(Terminal.isQuiet ? result.address : result.text) }
        withExtendedLifetime(interruption.descriptor) {}
    }

    private static func report(_ progress: PublishProgress, _ started: MonotonicTime) -> ProgressReport {
        guard progress.bytesTotal > 0 else { return ProgressReport(done: 0, total: 0, note: "listing, \(HumanText.count(UInt64(progress.entries), "name")) so far") }
        let seconds = Double(MonotonicTime.now.since(started)) / 1e9
        let rate = seconds > 0 ? Double(progress.bytesDone) / seconds : 0
        return ProgressReport(done: progress.bytesDone, total: progress.bytesTotal, bytesPerSecond: rate,
                              secondsLeft: rate > 0 ? Double(progress.bytesTotal - min(progress.bytesDone, progress.bytesTotal)) / rate : nil)
    }

    static func explain(_ error: PublishError) -> ControlError {
        let text = error.description
        let sentence = text.prefix(1).uppercased() + text.dropFirst() + (text.hasSuffix(".") ? "" : ".")
        switch error {
        case .system(let errno, _, _):
            let exit: ExitStatus = switch errno.rawValue {
            case ENOSPC, EDQUOT, EIO, EROFS: .disk
            case EACCES, EPERM: .permission
            default: .failure
            }
            return ControlError(.internalFailure, sentence, exit: exit, errno: errno.rawValue)
        case .invalidOption, .baseNeeded: return ControlError(.usage, sentence)
        default: return ControlError(.internalFailure, sentence, errno: error.rawErrno)
        }
    }
}
