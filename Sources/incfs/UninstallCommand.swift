import ArgumentParser
import ContractControl
import ControlAPI
import FUSEMount
import LinuxSystem

struct UninstallCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "uninstall",
        abstract: "Unmount everything, end the daemons, and say what is left.",
        discussion: "Removes nothing: what is left on the disk is printed with the command that removes it.")

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions

    @Flag(help: "Detach mounts that are in use as well; files that are open there end with an error.")
    var lazy = false

    func run() throws {
        let places = ControlPlaces()
        let stores = try MountedDaemons.reports(store: store.store, files: false).map { FilePath($0.report.store) }
        for place in try StopCommand.stop(store: store.store, lazy: lazy) { Terminal.output("Unmounted \(Terminal.printable(place)).") }
        if !stores.isEmpty { Terminal.output("Stopped \(HumanText.count(UInt64(stores.count), "daemon")).") }
        for entry in MountTable.visible.entries where entry.isIncfs {
            Terminal.output("Still mounted, by a daemon that is not yours: \(Terminal.printable(entry.mountpoint.string))")
        }
        // Some other program's loader fills them; their data lies in a place of its own.
        for mount in ContractMountStatus.all(at: nil) {
            Terminal.output("Still mounted: \(Terminal.printable(mount.mountpoint)). End it with: incfs unmount \(Self.quoted(Terminal.printable(mount.mountpoint)))")
        }
        var left: [(path: FilePath, what: String)] = []
        var written: [String] = []
        for path in Set(stores + [store.store.map { FilePath($0) } ?? places.defaultStore].compactMap { $0 }) where exists(path) {
            left.append((path, "fetched data, \(HumanText.bytes(Self.bytes(below: path)))"))
            for layer in LayerDirectory.all(inStore: path) { written.append("  \(Terminal.printable(layer.path.appending("upper").string))  (\(HumanText.bytes(layer.bytes)))") }
        }
        if let log = places.logFile {
            for path in [log, FilePath("\(log).1")] where exists(path) { left.append((path, "log")) }
        }
        // Daemons of contract mounts are found by their sockets, from other mount namespaces too.
        if exists(places.runtimeDirectory), !Self.contractDaemonsRun { left.append((places.runtimeDirectory, "sockets")) }
        if left.isEmpty { return Terminal.output("Nothing is left but the programs.") }
        Terminal.output("Left on the disk:")
        for (path, what) in left.sorted(by: { $0.path.string < $1.path.string }) { Terminal.output("  \(Terminal.printable(path.string))  (\(what))") }
        // The one thing that nobody can fetch again.
        if !written.isEmpty { Terminal.output(("Among it is what programs have written over packages:" as String) + "\n" + written.joined(separator: "\n")) }
        Terminal.output("To remove \(written.isEmpty ? "it" : "all of it"):\n  rm -rf \(left.map(\.path.string).sorted().map(Self.quoted).joined(separator: " "))")
    }

    private static var contractDaemonsRun: Bool {
        ((try? SystemCalls.list(ContractPlaces.mounts)) ?? []).contains { (try? ContractStatus(ofMount: String(decoding: $0, as: UTF8.self))) != nil }
    }

    private func exists(_ path: FilePath) -> Bool { (try? SystemCalls.status(of: path, followSymbolicLinks: false)) != nil }

    /// Bytes on disk.
    private static func bytes(below path: FilePath) -> UInt64 {
        guard let status = try? SystemCalls.status(of: path, followSymbolicLinks: false) else { return 0 }
        guard status.kind == .directory else { return status.blocks * 512 }
        return ((try? SystemCalls.list(path)) ?? []).reduce(status.blocks * 512) { $0 + bytes(below: path.appending(bytes: $1)) }
    }

    static func quoted(_ text: String) -> String { "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'" }
}
