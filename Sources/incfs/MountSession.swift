import ControlAPI

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
            var progress = ProgressLine("mounting")
            let reply: ControlReply
            do {
                defer { progress.finish() }
                reply = try connection.client.call(.mount(request)) { progress.show($0) }
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
