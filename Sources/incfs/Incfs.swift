import ArgumentParser
import ControlAPI
import Glibc

/// The command. It starts quickly: no network, no package is read here; the daemon does the work.
@main
struct Incfs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "incfs",
        abstract: "Use programs and data while they are still downloading.",
        discussion: """
            Publish a directory, put the result on any web server, and mount or run it elsewhere at once: files are there \
            immediately, their contents come when they are read, every byte is checked before it is seen.

              incfs publish app/ -o out/
              incfs serve out/
              incfs run 'http://127.0.0.1:8080/app.incfs#sha256=…' -- bin/app

            Exit status:
            \(ExitStatus.table.map { "  \(String(repeating: " ", count: 3 - "\($0.status.rawValue)".count))\($0.status.rawValue)  \($0.meaning)" }.joined(separator: "\n"))
            Interrupted: 128 plus the number of the signal. `incfs run` otherwise ends with the program's own status.

            ADDRESS is an http or https URL or a path, with “#sha256=DIGEST” to pin what it must contain (quote it: # starts a \
            comment in a shell). A path and this machine's own addresses need no digest; an https address is accepted and \
            remembered without one; plain http needs it, or --insecure.
            """,
        version: Version.text,
        subcommands: [
            PublishCommand.self, ServeCommand.self, MountCommand.self, RunCommand.self, FetchCommand.self, ListCommand.self, CatCommand.self, StatusCommand.self,
            WaitCommand.self, PrefetchCommand.self, VerifyCommand.self, UnmountCommand.self, StopCommand.self, FsckCommand.self, DumpCommand.self,
            BackingMountCommand.self, ImageMountCommand.self, RemountCommand.self, CountersCommand.self, StoreCommand.self, ImageCommand.self, UninstallCommand.self,
        ])

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if MountProgram.isCalled(by: CommandLine.arguments.first) { Glibc.exit(MountProgram.execute(arguments)) }
        if arguments.first == ProgramNamespace.word { Glibc.exit(ProgramNamespace.execute(arguments)) }
        Glibc.exit(execute(arguments))
    }

    /// Parses and runs. Returns the exit status.
    static func execute(_ arguments: [String]) -> Int32 {
        // What is wrong with the command line of `run` must not look like the program's own status.
        let usage: ExitStatus = arguments.first == "run" ? .runFailed : .usage
        do {
            try requireCommand(arguments.first)
            var command = try parseAsRoot(MountProgramOptions.spelledOut(WritableOptions.spelledOut(ContractProgram.rewritten(arguments))))
            if let command = command as? any Talkative, command.talk.quiet { Terminal.beQuiet() }
            try command.run()
            return ExitStatus.success.rawValue
        } catch let error as ControlError {
            Terminal.report(error)
            if arguments.prefix(while: { $0 != "--" }).contains("--json") { try? Terminal.json(FailedAnswer(error: error)) }
            return error.code == .usage ? usage.rawValue : error.exitCode
        } catch let status as ExitStatus {
            return status.rawValue
        } catch {
            if exitCode(for: error) == .success { exit(withError: error) }
            Terminal.error(fullMessage(for: error).replacingPrefix("Error: ", with: "incfs: "))
            return usage.rawValue
        }
    }
}

extension Incfs {
    /// The parser calls a command that does not exist an unexpected argument, and everything behind it too.
    ///
    /// - Throws: code `usage`.
    private static func requireCommand(_ word: String?) throws(ControlError) {
        guard let word, !word.hasPrefix("-"), word != "help", !configuration.subcommands.contains(where: { $0._commandName == word }) else { return }
        throw ControlError(.usage, "There is no command “\(word)”.", hint: "See what there is with: incfs --help")
    }
}

/// Ends the command with a status and nothing to say.
extension ExitStatus: Error {}

extension String {
    func replacingPrefix(_ prefix: String, with other: String) -> String {
        hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
    }
}
