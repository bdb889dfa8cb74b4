import ArgumentParser
import ControlAPI
import Glibc

struct StatusCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what is mounted, how far it is, who waits and why.",
        discussion: """
            Without MOUNTPOINT: all mounts of this user, those of backing directories and images with what they counted, and those whose daemon is gone. The JSON has the daemon's process id in daemon_pid, the mounts in mounts and, where several \
            stores are in use, every daemon in daemons. Names that are not UTF-8 have their bytes in path_bytes, in hexadecimal.
            """)

    @Argument(help: "Only this mount, with its files.")
    var mountpoint: String?

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions

    @Flag(help: "Print JSON; with --watch one line each second.")
    var json = false

    @Flag(help: "Show it again every second until interrupted.")
    var watch = false

    @Flag(help: "List the files.")
    var files = false

    func run() throws {
        let place = try mountpoint.map { try MountpointPath.existing($0) }
        while true {
            let status = try Self.collect(place, store: store.store, files: files || (json && place != nil))
            if json { try Terminal.json(status, pretty: !watch) } else {
                let color = Terminal.hasColor(STDOUT_FILENO)
                if watch && Terminal.isInteractive(STDOUT_FILENO) { Terminal.write("\u{1b}[H\u{1b}[2J", to: STDOUT_FILENO) }
                Terminal.output(StatusText.text(status, color: color))
            }
            guard watch else { return }
            sleep(1)
        }
    }

    private static func collect(_ place: String?, store: String?, files: Bool) throws -> UserStatus {
        var reports = try MountedDaemons.reports(store: store, files: files).map(\.report)
        if let place {
            reports = reports.filter { $0.mounts.contains { $0.mountpoint == place } }
            let (contract, dead) = Self.others(at: place, reports)
            if reports.isEmpty && contract.isEmpty && dead.isEmpty { throw ControlError(.notMounted, "No daemon of yours serves a mount at \(place).", hint: "See what is mounted with: incfs status") }
            for i in reports.indices { reports[i].mounts.removeAll { $0.mountpoint != place } }
            return UserStatus(reports, contractMounts: contract, deadMounts: dead)
        }
        // They have no store.
        if store != nil { return UserStatus(reports) }
        let (contract, dead) = Self.others(at: nil, reports)
        return UserStatus(reports, contractMounts: contract, deadMounts: dead)
    }

    /// What no daemon with a store reports.
    private static func others(at place: String?, _ reports: [StatusReport]) -> (contract: [ContractMountStatus], dead: [DeadMountStatus]) {
        let contract = ContractMountStatus.all(at: place)
        let served = reports.flatMap(\.mounts).map(\.mountpoint) + contract.filter { $0.daemonPid != nil }.map(\.mountpoint)
        let dead = DeadMountStatus.all(at: place, except: served)
        return (contract.filter { mount in !dead.contains { $0.mountpoint == mount.mountpoint } }, dead)
    }
}
