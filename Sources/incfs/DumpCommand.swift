import ArgumentParser
import BackingCheck
import ControlAPI
import Glibc
import LinuxSystem

struct DumpCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Show the structure of a backing file.",
        discussion: """
            Prints the header, every record and where the blocks lie, each line with its place in the file, and behind them what \
            is not as the format has it. Exit status 1 if that is damage.
            """)

    @Argument(help: ArgumentHelp("A file of a backing directory.", valueName: "file"))
    var file: String

    @OptionGroup var talk: TalkOptions

    func run() throws {
        let reader: BackingReader
        do {
            let descriptor = try SystemCalls.open(FilePath(file), flags: O_RDONLY | O_NONBLOCK)
            guard try SystemCalls.status(of: descriptor.rawValue).kind == .regular else { throw Errno.invalidArgument }
            reader = try BackingReader(descriptor.rawValue)
        } catch let error as Errno {
            throw ControlError(.usage, "\(file) cannot be read: \(error).", hint: "Give a file of the backing directory of a contract mount.")
        }
        for line in reader.structure.lines { Terminal.output(line) }
        for finding in reader.findings { Terminal.output(FsckCommand.text(finding).replacingPrefix(" at", with: "at").replacingPrefix(": ", with: "")) }
        if reader.isDamaged { throw ExitStatus.failure }
    }
}
