import Synchronization

@testable import ControlAPI

/// A daemon without file systems: records what was asked, and waits where a test wants it to.
final class TestHandler: ControlHandler {
    private let record = Mutex<[String]>([])
    var events: [String] { record.withLock { $0 } }
    func note(_ event: String) { record.withLock { $0.append(event) } }

    /// Waits until `event` was noted.
    func reached(_ event: String) async throws {
        while !events.contains(event) { try await Task.sleep(nanoseconds: 1_000_000) }
    }

    func hello() async -> HelloReport { HelloReport(daemonPid: 4711, version: "test") }

    func mount(_ request: MountRequest, peer: ControlPeer, progress: @escaping ProgressReporter) async throws -> MountReport {
        note("mount \(request.mountpoint)")
        if request.address == "/slow" {
            do { try await Task.sleep(nanoseconds: 60_000_000_000) } catch { note("mount cancelled"); throw error }
        }
        if request.address == "/stubborn" {
            // Not to be cancelled: a mount that succeeds although nobody waits for it any more.
            while !Task.isCancelled { await Task.yield() }
        }
        return MountReport(mountpoint: request.mountpoint, address: request.address, name: "n", release: "", root: "", files: 0, bytes: 0, daemonPid: 4711)
    }

    func unmount(_ request: UnmountRequest) async throws {
        note("unmount \(request.mountpoint)\(request.lazy ? " lazily" : "")")
        if request.mountpoint == "/none" { throw ControlError(.notMounted, "Nothing is mounted at /none.") }
    }

    func status(_ request: StatusRequest) async throws -> StatusReport { StatusReport(daemonPid: 4711, keeperPid: 1, version: "test", store: "/s", mounts: []) }

    func wait(_ request: WaitRequest, progress: @escaping ProgressReporter) async throws {
        progress(ProgressReport(done: 1, total: 2))
        try await Task.sleep(nanoseconds: 20_000_000)
        progress(ProgressReport(done: 2, total: 2))
    }

    func verify(_ request: VerifyRequest, progress: @escaping ProgressReporter) async throws -> VerifyReport {
        struct Odd: Error {}
        throw Odd()
    }

    func prefetch(_ request: PrefetchRequest) async throws { throw CancellationError() }
    func fetch(_ request: FetchRequest, progress: @escaping ProgressReporter) async throws -> FetchReport { throw CancellationError() }
    func list(_ request: ListRequest) async throws -> ListReport { ListReport(entries: []) }
    func cat(_ request: CatRequest, content: @escaping ContentWriter) async throws {}
    func storeList() async throws -> StoreReport { StoreReport(store: "/s", packages: [], layers: [], bytesStored: 0, bytesFree: 1, bytesTotal: 2) }
    func storeRemove(_ request: StoreRemoveRequest) async throws -> StoreRemoveReport { throw ControlError(.usage, "no such package") }
    func stop(_ request: StopRequest) async throws { note("stop") }
}
