import ControlAPI
import Glibc

/// One mount from request to use, with nothing left behind when it fails or is interrupted.
struct MountSession {
    let daemon: Daemon
    let request: MountRequest

    /// Mounts, then calls `use`. When a signal came, or `use` throws `cancelled`, the mount is taken back and the status of
    /// the signal is thrown. A daemon that was started only for a mount that failed is ended again.
    func perform(interruption: borrowing Interruption, use: (ControlClient, MountReport) throws -> Void) throws {
        var started = false
        do {
            let connection = try daemon.ensure(interruption: interruption.descriptor)
            started = connection.started
            // Only on a terminal: what a program of `run` writes to is its own.
            let speaks = Terminal.isInteractive(STDERR_FILENO) && !Terminal.isQuiet
            let reply = try connection.client.call(.mount(request)) { report in
                if speaks, let note = report.note { Terminal.error("incfs: waiting for \(RunWatch.host(request.address)): \(Terminal.printable(note))") }
            }
            guard case .mounted(let report) = reply else { throw ControlError(.internalFailure, "The daemon gave an unexpected answer.", hint: "Use the incfs and incfsd of one release.") }
            if let notice = report.notice { Terminal.note(notice) }
            try use(connection.client, report)
        } catch let error as ControlError {
            guard error.code == .cancelled, let status = interruption.status() else {
                if started { daemon.stopIfIdle() }
                throw error
            }
            // A shared mount goes with the connection, unless somebody else uses it.
            if !request.shared { daemon.abandon(request.mountpoint) }
            if started { daemon.stopIfIdle() }
            throw status
        }
    }
}
