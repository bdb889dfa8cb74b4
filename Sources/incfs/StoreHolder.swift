import ControlAPI
import LinuxSystem

/// Who holds the lock of a store, as its lock file says: a line with the epoch, one with the keeper's process id and socket.
struct StoreHolder {
    let pid: Int32
    let socket: String

    /// nil if the file says nothing, or the process is gone.
    init?(store: FilePath) {
        guard let bytes = try? SystemCalls.contents(of: store.appending("lock")) else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard lines.count >= 2, let blank = lines[1].firstIndex(of: " "), let number = Int32(lines[1][..<blank]), number > 0,
            (try? SystemCalls.status(of: FilePath("/proc/\(number)"))) != nil else { return nil }
        pid = number
        socket = String(lines[1][blank...].dropFirst())
    }

    func error(_ store: FilePath) -> ControlError {
        ControlError(
            .daemonUnavailable, "The store \(store) is in use by another daemon (process \(pid), socket \(socket)), and a store has one at a time.",
            hint: "It was started by another user, or with another XDG_RUNTIME_DIR. End it there with “incfs stop”, or give another store with --store DIR.")
    }
}
