import ArgumentParser
import ControlAPI
import Glibc
import LinuxSystem

struct StopCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Unmount everything and end the daemon.",
        discussion: "Of every store in use by this user, or of the one given. What was fetched stays in the store. Returns when the daemon has ended.")

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions

    @Flag(help: "Detach mounts that are in use as well; files that are open there end with an error.")
    var lazy = false

    func run() throws { try Self.stop(store: store.store, lazy: lazy) }

    /// Ends the daemons of this user, or that of `store`; returns the mounts that there were.
    @discardableResult
    static func stop(store: String?, lazy: Bool) throws -> [String] {
        var places: [String] = []
        for (client, report) in try MountedDaemons.reports(store: store, files: false) {
            for mount in report.mounts {
                try WritableLayer.remove(at: mount.mountpoint, lazy: lazy)
                do { _ = try client.call(.unmount(UnmountRequest(mountpoint: mount.mountpoint, lazy: lazy))) } catch {
                    // Gone meanwhile.
                    if error.code != .notMounted { throw error }
                }
                places.append(mount.mountpoint)
            }
            _ = try client.call(.stop(StopRequest()), timeoutSeconds: 30)
            try waitForEnd(of: report)
        }
        return places
    }

    /// The keeper ends last; with it the lock of the store is free.
    private static func waitForEnd(of report: StatusReport) throws(ControlError) {
        let lock = FilePath(report.store).appending("lock")
        guard Retry.until(.now.adding(milliseconds: 15_000), { isLocked(lock) ? nil : true }) != nil else {
            throw ControlError(
                .timedOut, "The daemon of the store \(report.store) was told to stop and still runs (process \(report.keeperPid)).",
                hint: (LogPlace(ofProcess: report.keeperPid) ?? ControlPlaces().log)?.sentence)
        }
    }

    private static func isLocked(_ path: FilePath) -> Bool {
        guard let file = try? SystemCalls.open(path, flags: O_RDWR) else { return false }
        do throws(Errno) { try SystemCalls.lockExclusively(file.rawValue) } catch { return true }
        return false
    }
}
