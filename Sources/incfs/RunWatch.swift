import ControlAPI
import Glibc
import LinuxSystem

/// Looks after a program's mount while the program runs: says when somebody waits long, and keeps the mount when the daemon is
/// replaced. A thread of its own, with connections of its own.
final class RunWatch: Sendable {
    /// How long a reader waits before a person is told.
    static let patience = 3.0
    private static let lookMilliseconds: UInt64 = 500
    private static let returnMilliseconds: UInt64 = 250

    private struct State {
        var stopping = false
        var ended = false
        var status: MountStatus?
        /// The use of the mount hangs on the watch's own connection, since the daemon that the command knew is gone.
        var tookOver = false
    }

    private let daemon: Daemon
    private let request: MountRequest
    private let report: MountReport
    private let speaks: Bool
    private let state = Condition(State())

    /// Begins to look. `request` is the one that brought `report`; `speaks` where a person is at the terminal.
    init(daemon: Daemon, request: MountRequest, report: MountReport, speaks: Bool) {
        self.daemon = daemon
        var request = request
        // The release that runs, whatever is current by then.
        request.root = report.root
        self.request = request
        self.report = report
        self.speaks = speaks
        Thread(name: "watch") { [self] in
            look()
            state.update { $0.ended = true }
        }.detach()
    }

    /// Ends the watch. Returns the mount's last state, where the daemon still told it, and whether the watch gave the mount back itself.
    func finish() -> (status: MountStatus?, gaveBack: Bool) {
        state.update { $0.stopping = true }
        return state.wait { $0.ended ? ($0.status, $0.tookOver) : nil } ?? (nil, false)
    }

    private func look() {
        var client = try? daemon.connect()
        var number: UInt64?
        var told = false
        while true {
            let stopping = state.wait(until: .now.adding(milliseconds: client == nil ? Self.returnMilliseconds : Self.lookMilliseconds)) { $0.stopping ? true : nil } ?? false
            if client == nil {
                client = try? daemon.connect()
                if let connected = client, case .mounted(let again)? = try? connected.call(.mount(request), timeoutSeconds: 20) {
                    number = again.number
                    state.update { $0.tookOver = true }
                } else { client = nil }
            }
            if let connected = client {
                do {
                    guard case .status(let all) = try connected.call(.status(StatusRequest(mountpoint: report.mountpoint)), timeoutSeconds: 20) else { return }
                    let status = all.mounts.first
                    state.update { $0.status = status }
                    if let status { tell(status, &told) }
                } catch {
                    // The mount is gone by somebody's wish, or the daemon is and another one comes.
                    if error.code == .daemonUnavailable { client = nil }
                }
            }
            if stopping {
                if let number, let client { _ = try? client.call(.unmount(UnmountRequest(mountpoint: report.mountpoint, release: number, layer: request.layer)), timeoutSeconds: 20) }
                return
            }
        }
    }

    /// One line for each time that somebody waits long.
    private func tell(_ status: MountStatus, _ told: inout Bool) {
        guard let wait = status.waits.filter({ $0.seconds >= Self.patience }).max(by: { $0.seconds < $1.seconds }) else {
            if status.waits.isEmpty { told = false }
            return
        }
        guard speaks, !told else { return }
        told = true
        Terminal.error("incfs: waiting for \(Self.host(status.address)): \(wait.path)\(status.waitReason.map { " (\($0))" } ?? "")")
    }

    /// What a person knows an address by: the host of a URL, a path as it is.
    static func host(_ address: String) -> String {
        guard let parsed = try? PackageAddress(address, relativeTo: "/"), case .url(_, let host) = parsed.place else { return address }
        return host
    }
}
