import ControlAPI
import FUSEMount
import Glibc
import LinuxSystem

/// Finds the daemon of a store, and starts it where it does not run.
struct Daemon {
    let places: ControlPlaces
    /// Real path of the store.
    let store: FilePath
    var socket: FilePath { places.socket(forRealStore: store) }

    /// Takes the given store or the default, which is made if it does not exist.
    init(store text: String?, places: ControlPlaces = ControlPlaces()) throws(ControlError) {
        self.places = places
        guard let path = text.map({ FilePath($0) }) ?? places.defaultStore else {
            throw ControlError(.usage, "There is no place for the store: $HOME is not set.", hint: "Give one with --store DIR.")
        }
        do {
            try SystemCalls.makeDirectories(path, mode: 0o700)
            store = try SystemCalls.realPath(path)
        } catch {
            if error == Errno(rawValue: EROFS), let entry = MountTable.visible.entries.last(where: { path.starts(with: $0.mountpoint) && $0.isIncfs }) {
                throw ControlError(
                    .disk, "The store \(path) would lie on a mount of incfs (\(entry.mountpoint)): the daemon would wait for itself.",
                    hint: "Give a directory on a local disk with --store DIR, or set INCFS_STORE.", errno: error.rawValue)
            }
            let code: ControlError.Code = error == .permissionDenied || error == .notPermitted ? .permission : .disk
            throw ControlError(code, "Cannot use \(path) as the store: \(error).", hint: "Give another directory with --store DIR.", errno: error.rawValue)
        }
    }

    /// A connection to the daemon; nil if none runs.
    func connect() throws(ControlError) -> ControlClient? { try Self.connect(to: socket) }

    /// A connection to the daemon behind `socket`; nil if nobody listens.
    static func connect(to socket: FilePath) throws(ControlError) -> ControlClient? {
        do { return try ControlClient(connectingTo: socket) } catch {
            switch error.rawValue {
            case ENOENT, ECONNREFUSED, ENOTDIR: return nil
            case ENAMETOOLONG: throw ControlError(.daemonUnavailable, "The path of the control socket is too long: \(socket).", hint: "Set XDG_RUNTIME_DIR to a shorter path.")
            default: throw ControlError(.permission, "Cannot connect to the daemon at \(socket): \(error).", errno: error.rawValue)
            }
        }
    }

    /// A connection to the daemon, which is started if need be. `started` tells whether it was, here.
    func ensure(interruption: CInt) throws(ControlError) -> (client: ControlClient, started: Bool) {
        var started = false
        var client = try connect()
        if client == nil {
            try places.makeRuntimeDirectory()
            if let warning = try StoreFileSystem.look(at: store) { Terminal.error("incfs: \(warning)") }
            started = try KeeperLauncher(daemon: self).start(interruption: interruption)
            let deadline = MonotonicTime.now.adding(milliseconds: 5000)
            client = try connect()
            // Another command's keeper holds the store and is about to listen.
            while client == nil && MonotonicTime.now < deadline {
                if let events = try? SystemCalls.poll(interruption, events: Int16(POLLIN), timeoutMilliseconds: 50), events != 0 { throw ControlError(.cancelled, "Interrupted.") }
                client = try connect()
            }
        }
        guard let client else {
            if !started, let holder = StoreHolder(store: store) { throw holder.error(store) }
            throw ControlError(.daemonUnavailable, "The daemon for the store \(store) does not answer at \(socket).", hint: logHint)
        }
        client.interruption = interruption
        do { _ = try client.call(.hello, timeoutSeconds: 20) } catch {
            if error.code == .timedOut { throw ControlError(.daemonUnavailable, "The daemon for the store \(store) runs but does not answer.", hint: logHint) }
            if error.code == .daemonUnavailable { throw ControlError(.daemonUnavailable, "The daemon for the store \(store) ended before it answered.", hint: logHint) }
            throw error
        }
        return (client, started)
    }

    /// Where the running daemon logs to, or the next one will.
    var logHint: String {
        let place = StoreHolder(store: store).flatMap { LogPlace(ofProcess: $0.pid) } ?? places.log
        return (place ?? .file(store.appending("daemon.log"))).sentence
    }

    /// Ends a daemon that was started for a request that came to nothing, unless somebody else uses it by now.
    func stopIfIdle() {
        guard let client = try? connect() else { return }
        _ = try? client.call(.stop(StopRequest(onlyIfIdle: true)), timeoutSeconds: 5)
    }

    /// Takes back a mount that was interrupted.
    func abandon(_ mountpoint: String) {
        guard let client = try? connect() else { return }
        _ = try? client.call(.unmount(UnmountRequest(mountpoint: mountpoint, lazy: true)), timeoutSeconds: 10)
    }
}
