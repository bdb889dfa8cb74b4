import ControlAPI
import LinuxSystem

/// The running daemons of this user: those behind the sockets of the runtime directory, or of one store.
enum MountedDaemons {
    /// Each daemon's connection and status. A socket behind which nobody is, or a daemon that does not answer in 5 seconds, is
    /// left out; the latter is told on standard error.
    static func reports(store: String?, files: Bool) throws(ControlError) -> [(client: ControlClient, report: StatusReport)] {
        let sockets: [FilePath]
        if let store {
            guard let real = try? SystemCalls.realPath(FilePath(store)) else { return [] }
            sockets = [ControlPlaces().socket(forRealStore: real)]
        } else { sockets = ControlPlaces().sockets() }
        var found: [(ControlClient, StatusReport)] = []
        for socket in sockets {
            guard let client = try Daemon.connect(to: socket) else { continue }
            do {
                if case .status(let report) = try client.call(.status(StatusRequest(files: files)), timeoutSeconds: 5) { found.append((client, report)) }
            } catch {
                Terminal.error("incfs: The daemon at \(socket) does not answer: \(error.message)")
            }
        }
        return found
    }

    /// The daemon that serves `mountpoint`; nil if none does.
    static func serving(_ mountpoint: String, store: String?) throws(ControlError) -> (client: ControlClient, mount: MountStatus)? {
        for (client, report) in try reports(store: store, files: false) {
            if let mount = report.mounts.first(where: { $0.mountpoint == mountpoint }) { return (client, mount) }
        }
        return nil
    }

    /// As `serving`, where there must be one.
    static func required(_ mountpoint: String, store: String?) throws(ControlError) -> (client: ControlClient, mount: MountStatus) {
        if let found = try serving(mountpoint, store: store) { return found }
        throw ControlError(.notMounted, "No daemon of yours serves a mount at \(mountpoint).", hint: "See what is mounted with: incfs status")
    }
}
