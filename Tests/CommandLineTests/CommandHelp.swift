import ArgumentParser
import FoundationEssentials
import Glibc
import LinuxSystem

@testable import incfs

/// What the commands say of themselves.
enum CommandHelp {
    static var commands: [any ParsableCommand.Type] { Incfs.configuration.subcommands }

    /// The long names of the options that `--help` shows, without `help` and `version`.
    static func options(of command: any ParsableCommand.Type) -> [String] {
        options(in: command.helpMessage(columns: 1000)).filter { $0 != "help" && $0 != "version" }
    }

    /// What stands behind `--` at the beginning of the lines of a help text.
    static func options(in help: String) -> [String] {
        help.split(separator: "\n").compactMap { line in
            guard line.hasPrefix("  -"), let dashes = line.firstRange(of: "--") else { return nil }
            return String(line[dashes.upperBound...].prefix { $0.isLetter || $0.isNumber || $0 == "-" })
        }
    }

    /// The root of the project, from where this file is compiled.
    static var project: FilePath {
        FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
    }

    static func text(_ path: String) throws -> String {
        String(decoding: try SystemCalls.contents(of: project.pushing(FilePath(path))), as: UTF8.self)
    }
}
