import ArgumentParser
import ControlAPI
import LinuxSystem
import Testing

@testable import incfs

/// The man pages say what the commands say, and are free of faults.
@Suite struct ManualTests {
    /// The text of a page.
    private static func page(_ name: String) throws -> String {
        // Dashes that are to stay dashes are escaped.
        try CommandHelp.text("man/\(name)").replacing("\\-", with: "-")
    }

    /// Whether an option is there, and not only as the beginning of a longer one.
    private static func names(_ page: String, _ option: String) -> Bool {
        page.ranges(of: "--\(option)").contains { range in page[range.upperBound...].first.map { !$0.isLetter && $0 != "-" } ?? true }
    }

    @Test func everyCommandAndOptionIsInThePage() throws {
        let page = try Self.page("incfs.1")
        for command in CommandHelp.commands {
            let name = command.configuration.commandName ?? command._commandName
            #expect(page.contains(".B incfs \(name)\n") && page.contains(".TP\n.B \(name)\n"), "\(name) is not in incfs.1")
            for option in CommandHelp.options(of: command) {
                #expect(Self.names(page, option), "--\(option) of \(name) is not in incfs.1")
            }
            #expect(command is any Talkative.Type, "\(name) cannot be told to be quiet")
            for inner in command.configuration.subcommands {
                for option in CommandHelp.options(of: inner) { #expect(Self.names(page, option), "--\(option) of \(name) \(inner._commandName) is not in incfs.1") }
                #expect(inner is any Talkative.Type, "\(name) \(inner._commandName) cannot be told to be quiet")
            }
        }
    }

    @Test func theTrialServersOptionsAreInItsPage() async throws {
        let page = try Self.page("incfs-origin.1")
        let help = try await Executable.origin.run(["--help"]).output
        let options = CommandHelp.options(in: help).filter { $0 != "help" }
        #expect(options.contains("rate"))
        for option in options { #expect(Self.names(page, option), "--\(option) is not in incfs-origin.1") }
    }

    @Test func everyMountOptionIsInThePage() throws {
        let page = try Self.page("mount.incfs.8")
        for (name, takesValue) in MountProgramOptions.own { #expect(page.contains(".B \(name)\(takesValue ? "=" : "\n")"), "\(name) is not in mount.incfs.8") }
        #expect(page.contains(".B pin=sha256:"))
    }

    @Test func theExitStatusesAreInHelpAndPage() async throws {
        let page = try Self.page("incfs.1"), help = try await Executable.incfs.run(["--help"]).output
        for (status, meaning) in ExitStatus.table {
            #expect(page.contains(".TP\n.B \(status.rawValue)\n\(meaning)\n"), "\(status.rawValue)")
            #expect(help.contains("\(status.rawValue)  \(meaning)\n"), "\(status.rawValue)")
        }
    }

    /// A shell takes “#”, “?” and “&” of an address for something of its own.
    @Test func documentsQuoteAddresses() throws {
        var texts = try ["README.md", "CHANGELOG.md", "scripts/demo"].map { ($0, try CommandHelp.text($0)) }
        for directory in ["docs", "man"] {
            for name in try SystemCalls.list(CommandHelp.project.appending(directory)) {
                let path = "\(directory)/\(String(decoding: name, as: UTF8.self))"
                if path.hasSuffix(".md") || path.hasSuffix(".1") || path.hasSuffix(".8") { texts.append((path, try CommandHelp.text(path).replacing("\\(aq", with: "'"))) }
            }
        }
        for command in CommandHelp.commands { texts.append((command._commandName, command.helpMessage(columns: 1000))) }
        var quoted = 0
        for (name, text) in texts {
            for line in text.split(separator: "\n") where line.contains(#/incfs [a-z]+ /#) {
                for address in line.ranges(of: /https?:\/\//) {
                    let before = line[..<address.lowerBound].last
                    let isQuoted = before == "'" || before == "\""
                    #expect(isQuoted, "\(name): \(line)")
                    if isQuoted { quoted += 1 }
                }
            }
        }
        #expect(quoted > 10)
    }

    @Test(arguments: ["incfs.1", "incfs-origin.1", "incfs-keeper.8", "incfsd.8", "mount.incfs.8"])
    func pagesAreWithoutFaults(_ name: String) async throws {
        let path = CommandHelp.project.appending("man").appending(name).string
        let rendered = try await Executable(path: "/usr/bin/man").run(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path], environment: ["LC_ALL": "C.UTF-8", "MANROFFSEQ": ""])
        #expect(rendered.status == 0 && rendered.error.isEmpty && !rendered.output.isEmpty, "\(rendered.error)")
        let linted = try await Executable(path: "/usr/bin/mandoc").run(["-Tlint", "-Wwarning", path])
        #expect(linted.status == 0 && linted.output.isEmpty, "\(linted.output)")
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func completionsKnowEveryCommand(_ shell: String) async throws {
        let script = try await Executable.incfs.run(["--generate-completion-script", shell])
        #expect(script.status == 0)
        for command in CommandHelp.commands { #expect(script.output.contains(command.configuration.commandName!), "\(shell)") }
    }
}
