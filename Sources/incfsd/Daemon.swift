import BlockLoading
import BlockStore
import ControlAPI
import Glibc
import IncrementalFS
import Integrity
import KeeperLink
import LinuxSystem
import Logging

/// The daemon of one user and store: answers the control socket and keeps the mounts. Everything that blocks runs on threads
/// of its own; what the kernel refers to lives in the keeper and in the mounts' state files, so that a successor can go on.
final class Daemon: ControlHandler {
    struct State {
        var mounts: [UInt64: DaemonMount] = [:]
        /// Packages that are fetched although they are not mounted, by root.
        var fills: [Digest: BackgroundFill] = [:]
        /// Packages being opened: nothing is removed from the store meanwhile, and while something is removed none is opened.
        var opening = 0
        var removing = false
        /// Mountpoints that a request is working on.
        var reserved: Set<String> = []
        /// How many use a mount that is given back when nobody does.
        var users: [UInt64: Int] = [:]
        /// What the users of such a mount write to.
        var layers: [UInt64: [String]] = [:]
        /// Shared mounts of an earlier daemon whose users have not come back yet.
        var orphans: Set<UInt64> = []
        /// Requests under way that must not be cut off by the end of an idle daemon.
        var requests = 0
        var lastUse = MonotonicTime.now
        var stopping = false

        var isIdle: Bool { mounts.isEmpty && fills.isEmpty && requests == 0 }
    }

    static let version = "0.1.0"

    let arguments: DaemonArguments
    let store: PlainStore
    let keeper: KeeperConnection
    let wishes: FillWishes?
    let log: Logger
    let state = Condition(State())

    init(arguments: DaemonArguments, store: PlainStore, keeper: KeeperConnection, wishes: FillWishes?, log: Logger) {
        self.arguments = arguments
        self.store = store
        self.keeper = keeper
        self.wishes = wishes
        self.log = log
    }

    /// Waits until the daemon has nothing to do for `lingerSeconds`, or was told to stop. Blocks.
    func waitUntilIdle() {
        let linger = UInt64(arguments.lingerSeconds * 1000)
        while true {
            let deadline: MonotonicTime? = state.withLock { state in
                state.isIdle ? state.lastUse.adding(milliseconds: linger) : nil
            }
            let done = state.wait(until: deadline) { state -> Bool? in
                if state.stopping { return true }
                let idle = state.isIdle
                if idle && MonotonicTime.now >= state.lastUse.adding(milliseconds: linger) { return true }
                return idle != (deadline != nil) ? false : nil
            } ?? false
            if done { return }
        }
    }

    /// Keeps the daemon alive while `body` works.
    func using<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        state.update { $0.requests += 1 }
        defer {
            state.update { state in
                state.requests -= 1
                state.lastUse = .now
            }
        }
        return try await body()
    }

    func mount(at mountpoint: String) throws -> DaemonMount {
        let wanted = mountpoint
        guard let mount = state.withLock({ $0.mounts.values.first { $0.mountpoint == wanted } }) else {
            throw ControlError(.notMounted, "Nothing of ours is mounted at \(mountpoint).", hint: "'incfs status' lists what is mounted.")
        }
        return mount
    }

    // MARK: ControlHandler

    func hello() async -> HelloReport { HelloReport(daemonPid: getpid(), version: Self.version) }

    func status(_ request: StatusRequest) async throws -> StatusReport {
        let mounts = if let mountpoint = request.mountpoint { [try mount(at: mountpoint)] } else {
            state.withLock { $0.mounts.values.sorted { $0.mountpoint < $1.mountpoint } }
        }
        var report = StatusReport(daemonPid: getpid(), keeperPid: getppid(), version: Self.version, store: store.directory.string, mounts: [])
        let layers = state.withLock { $0.layers }
        report.mounts = try await offPool {
            mounts.map { mount in
                var status = mount.status(files: request.files)
                status.layers += layers[mount.kept.identity.id] ?? []
                return status
            }
        }
        let fills = state.withLock { Array($0.fills.values) }
        if !fills.isEmpty { report.fills = try await offPool { fills.map(\.status) } }
        return report
    }

    func wait(_ request: WaitRequest, progress: @escaping ProgressReporter) async throws {
        if let patterns = request.patterns { return try await wait(for: patterns, request, progress) }
        let mount = try mount(at: request.mountpoint)
        let clock = ContinuousClock()
        let end = request.timeoutSeconds.map { clock.now + .seconds($0) }
        let package = mount.mounted.package
        // What was given up before may be there by now: it is asked for once more.
        var round = package.loader.statistics.fillRounds
        if package.filling, package.loader.statistics.skipped > 0 {
            round += 1
            package.loader.setFilling(true)
        }
        while true {
            let status = try await offPool { mount.status(files: false) }
            if status.complete { return }
            let loader = package.loader.statistics
            if package.filling, loader.fillRounds >= round, let reason = loader.skippedReason {
                throw ControlError(
                    Self.code(ofFailure: loader), "\(request.mountpoint) cannot be completed: \(reason).",
                    hint: "\(status.blocksPresent) of \(status.blocksTotal) blocks are there, and what else can be had is still fetched. When the origin has the rest, wait again.")
            }
            if mount.ending.load(ordering: .acquiring) {
                throw ControlError(.notMounted, "\(request.mountpoint) was unmounted before everything was there.")
            }
            if let end, clock.now >= end {
                throw ControlError(
                    .timedOut, "\(request.mountpoint) is not complete after \(request.timeoutSeconds ?? 0) s: \(status.blocksPresent) of \(status.blocksTotal) blocks are there.",
                    hint: status.fillNote ?? status.waitReason ?? (status.fillState == .off ? "The mount was made with --no-fill: only what programs read is fetched." : nil))
            }
            progress(ProgressReport(
                done: status.blocksPresent, total: status.blocksTotal, bytesPerSecond: status.rateBytesPerSecond, secondsLeft: status.secondsLeft,
                note: status.fillNote ?? status.waitReason ?? (status.fillState == .off ? "the mount was made with --no-fill: only what programs read is fetched" : nil)))
            try await Task.sleep(for: end.map { min(.milliseconds(250), max(.zero, $0 - clock.now)) } ?? .milliseconds(250))
        }
    }

    /// What a final answer means for who waited: the origin does not have it, or has something else.
    static func code(ofFailure loader: LoaderStatistics) -> ControlError.Code { loader.damaged > 0 ? .wrongDigest : .originUnreachable }

    func stop(_ request: StopRequest) async throws {
        state.update { state in
            if request.onlyIfIdle && !state.isIdle { return }
            state.stopping = true
        }
    }
}
