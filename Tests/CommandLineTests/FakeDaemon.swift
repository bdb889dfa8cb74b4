import ControlAPI
import LinuxSystem
import Synchronization

/// A daemon whose mounts are directories with the given scripts in them: what `incfs` does, without FUSE.
final class FakeDaemon: ControlHandler {
    private struct State {
        var events: [String] = []
        var mounts: [String] = []
    }

    let scripts: [String: String]
    private let state = Mutex(State())

    init(scripts: [String: String] = [:]) { self.scripts = scripts }

    var events: [String] { state.withLock { $0.events } }
    private func note(_ event: String) { state.withLock { $0.events.append(event) } }

    /// Waits until an event that begins so was noted.
    func reached(_ event: String) async throws {
        while !events.contains(where: { $0.hasPrefix(event) }) { try await Task.sleep(nanoseconds: 1_000_000) }
    }

    func hello() async -> HelloReport { HelloReport(daemonPid: 4711, version: "fake") }

    func mount(_ request: MountRequest, peer: ControlPeer, progress: @escaping ProgressReporter) async throws -> MountReport {
        note("mount \(request.address) \(request.root ?? "-")")
        if request.address.hasSuffix("slow.incfs") {
            progress(ProgressReport(done: 0, total: 0, note: "waiting for the origin"))
            try await Task.sleep(nanoseconds: 60_000_000_000)
        }
        if request.address.hasSuffix("gone.incfs") { throw ControlError(.originUnreachable, "The origin does not have it (404).", hint: "Check the address.") }
        if request.shared { try SystemCalls.makeDirectories(FilePath(request.mountpoint), mode: 0o700) }
        for (name, text) in scripts { try FilePath(request.mountpoint).appending(name).write(text, mode: name == "data" ? 0o644 : 0o755) }
        state.withLock { $0.mounts.append(request.mountpoint) }
        return MountReport(mountpoint: request.mountpoint, address: request.address, name: "fake", release: "1", root: request.root ?? "", files: 1, bytes: 4096, daemonPid: 4711,
            entry: request.address.hasSuffix("entry.incfs") ? WirePath("args") : nil)
    }

    func unmount(_ request: UnmountRequest) async throws {
        note("unmount \(request.mountpoint)")
        let mounted = state.withLock { state in
            defer { state.mounts.removeAll { $0 == request.mountpoint } }
            return state.mounts.contains(request.mountpoint)
        }
        guard mounted else { throw ControlError(.notMounted, "Nothing is mounted at \(request.mountpoint).") }
        for name in scripts.keys { try SystemCalls.unlink(FilePath(request.mountpoint).appending(name), missingIsFine: true) }
        if request.release != nil { try? SystemCalls.removeDirectory(FilePath(request.mountpoint)) }
    }

    func status(_ request: StatusRequest) async throws -> StatusReport {
        let mounts = state.withLock { $0.mounts }.map { MountStatus(mountpoint: $0, address: "a", name: "fake", release: "1", root: "r") }
        return StatusReport(daemonPid: 4711, keeperPid: 4710, version: "fake", store: "/s", mounts: mounts)
    }

    func storeList() async throws -> StoreReport {
        let app = StoredPackage(
            name: "app", release: "1", root: String(repeating: "ab", count: 32), bytes: 8192, bytesStored: 4096, complete: false, lastUse: 1_700_000_000,
            mountpoints: ["/mnt"], filling: false)
        return StoreReport(store: "/s", packages: [app], layers: [], bytesStored: 4096, bytesFree: 1 << 30, bytesTotal: 2 << 30)
    }

    func storeRemove(_ request: StoreRemoveRequest) async throws -> StoreRemoveReport {
        note("remove \(request.names) \(request.unused)")
        return StoreRemoveReport(packages: [], bytesFreed: 0)
    }

    func wait(_ request: WaitRequest, progress: @escaping ProgressReporter) async throws {
        note("wait")
        progress(ProgressReport(done: 1, total: 2))
        if let seconds = request.timeoutSeconds {
            try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
            throw ControlError(.timedOut, "Not everything was there in time.")
        }
    }

    func verify(_ request: VerifyRequest, progress: @escaping ProgressReporter) async throws -> VerifyReport {
        if request.address != nil { return VerifyReport(blocksChecked: 10, blocksMissing: 0, problems: []) }
        return VerifyReport(blocksChecked: 10, blocksMissing: 1, problems: [VerifyProblem(path: WirePath("lib/a"), firstBlock: 3, blockCount: 2, problem: "does not match its digest")])
    }

    func prefetch(_ request: PrefetchRequest) async throws {}
    func fetch(_ request: FetchRequest, progress: @escaping ProgressReporter) async throws -> FetchReport { throw CancellationError() }
    func list(_ request: ListRequest) async throws -> ListReport { ListReport(entries: []) }
    func cat(_ request: CatRequest, content: @escaping ContentWriter) async throws {}
    func stop(_ request: StopRequest) async throws { note(request.onlyIfIdle ? "stop if idle" : "stop") }
}

/// A fake daemon listening where `incfs --store` of its own temporary store looks for it.
struct FakeInstallation {
    let directory = TemporaryDirectory()
    let daemon: FakeDaemon
    private let server: ControlServer
    private let socket: FilePath
    var store: String { directory.path.appending("store").string }
    var mountpoint: String { directory.path.appending("mnt").string }

    init(scripts: [String: String] = [:]) throws {
        daemon = FakeDaemon(scripts: scripts)
        for name in ["store", "mnt"] { try SystemCalls.makeDirectory(directory.path.appending(name)) }
        let places = ControlPlaces()
        try places.makeRuntimeDirectory()
        socket = places.socket(forRealStore: try SystemCalls.realPath(directory.path.appending("store")))
        server = try ControlServer(listening: SystemCalls.listen(atSocket: socket), handler: daemon)
    }

    func run(_ arguments: [String]) async throws -> Executable.Result { try await Executable.incfs.run(arguments) }
    func start(_ arguments: [String]) throws -> Child { try Executable.incfs.start(arguments) }

    /// Ends the server. Every test calls it last.
    func close() async throws {
        let server = server, socket = socket
        try await onThread {
            server.close()
            try SystemCalls.unlink(socket, missingIsFine: true)
        }
    }
}
