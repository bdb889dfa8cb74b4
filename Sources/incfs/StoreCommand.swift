import ArgumentParser
import ControlAPI
import Glibc
import LinuxSystem

struct StoreCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "See what is kept on this machine, and make room.",
        subcommands: [StoreListCommand.self, StoreRemoveCommand.self])

    @OptionGroup var talk: TalkOptions

    /// Asks the daemon of a store, which is started for it if none runs.
    static func ask(_ store: String?, _ request: ControlRequest) throws -> ControlReply {
        let interruption = try Interruption()
        let daemon = try Daemon(store: store)
        let (client, started) = try daemon.ensure(interruption: interruption.descriptor)
        defer { if started { daemon.stopIfIdle() } }
        do { return try client.call(request) } catch {
            if error.code == .cancelled, let status = interruption.status() { throw status }
            throw error
        }
    }

    static var unexpected: ControlError { ControlError(.internalFailure, "The daemon gave an unexpected answer.", hint: "Use the incfs and incfsd of one release.") }
}

struct StoreListCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the packages in the store.",
        discussion: """
            SIZE is what the package takes on the disk; content that packages share counts for each of them. Below the packages stands what programs have written \
            over them with --writable; it is kept until it is removed with: incfs store remove --written NAME
            """)

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        guard case .store(let report) = try StoreCommand.ask(store.store, .storeList) else { throw StoreCommand.unexpected }
        if json { try Terminal.json(report) } else { Terminal.output(Self.text(report)) }
    }

    static func text(_ report: StoreReport) -> String {
        let space = "\(HumanText.bytes(report.bytesStored)) in \(Terminal.printable(report.store)), \(HumanText.bytes(report.bytesFree)) free"
        if report.packages.isEmpty, report.layers.isEmpty { return "The store is empty: \(space)." }
        let written = report.layers.map { layer in
            "Written over \(Terminal.printable(layer.name)): \(HumanText.bytes(layer.bytes)) in \(Terminal.printable(layer.directory))" + (layer.used ? ", in use" : "")
        }
        if report.packages.isEmpty { return (["The store has no packages: \(space)."] + written).joined(separator: "\n") }
        var rows = [["NAME", "RELEASE", "SIZE", "COMPLETE", "LAST USE", "ROOT", "MOUNTED"]]
        for package in report.packages {
            rows.append([
                Terminal.printable(package.name), Terminal.printable(package.release), HumanText.bytes(package.bytesStored),
                package.complete ? "yes" : package.filling ? "filling" : "no", day(package.lastUse), String(package.root.prefix(12)),
                package.mountpoints.isEmpty ? "-" : package.mountpoints.map(Terminal.printable).joined(separator: " "),
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            var line = ""
            for (column, text) in row.enumerated() { line += column == row.count - 1 ? text : text + String(repeating: " ", count: widths[column] - text.count + 2) }
            return line
        }
        return (lines + written + [space + "."]).joined(separator: "\n")
    }

    /// In local time, to the minute.
    private static func day(_ seconds: Int64) -> String {
        var time = time_t(seconds), parts = tm()
        localtime_r(&time, &parts)
        func two(_ n: Int32) -> String { n < 10 ? "0\(n)" : "\(n)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) \(two(parts.tm_hour)):\(two(parts.tm_min))"
    }
}

struct StoreRemoveCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove packages from the store, and the content that no other package needs.",
        discussion: """
            A mounted package is not removed. What is removed is fetched again when it is mounted again. What programs have written over a package is not fetched \
            again by anybody: it stays, unless it is named with --written.
            """)

    @Argument(help: "A package's name (all its releases), or its root digest or the first 8 or more digits of it.")
    var name: [String] = []

    @Flag(help: "Everything that is neither mounted nor being fetched.")
    var unused = false

    @Flag(help: "Remove what programs have written over the packages of these names, and not the packages. Names are those that “store list” shows, with or without the digits at the end.")
    var written = false

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions

    @Flag(help: "Print what was removed as JSON.")
    var json = false

    func validate() throws {
        if written && unused { throw ValidationError("--written and --unused exclude each other: what was written is removed by name only.") }
        if name.isEmpty != unused { throw ValidationError("Say what to remove: names, or --unused.") }
    }

    func run() throws {
        guard case .removed(let report) = try StoreCommand.ask(store.store, .storeRemove(StoreRemoveRequest(names: name, unused: unused, written: written))) else { throw StoreCommand.unexpected }
        if json { return try Terminal.json(report) }
        for package in report.packages { Terminal.confirm("Removed \(Terminal.printable([package.name, package.release].filter { !$0.isEmpty }.joined(separator: " "))).") }
        for layer in report.layers { Terminal.confirm("Removed what was written in \(Terminal.printable(layer.directory)).") }
        Terminal.confirm("\(HumanText.bytes(report.bytesFreed)) are free again.")
    }
}
