/// Reports how far a request is. Callable from any thread; never blocks.
public typealias ProgressReporter = @Sendable (ProgressReport) -> Void

/// Hands a part of a file to the client. Blocks while the client is slow: call it from a thread of your own. Throws
/// `CancellationError` when the client is gone.
public typealias ContentWriter = @Sendable ([UInt8]) throws -> Void

/// The daemon behind a `ControlServer`. Each method runs in a task of its own, several at once; the task is cancelled when
/// the client goes away, and then must leave nothing behind.
///
/// Throw a `ControlError` for a person to read; any other error is answered as an internal failure.
public protocol ControlHandler: Sendable {
    func hello() async -> HelloReport
    /// Returns when the mount is usable. Cancelled before that, or failing: nothing is mounted.
    func mount(_ request: MountRequest, peer: ControlPeer, progress: @escaping ProgressReporter) async throws -> MountReport
    func unmount(_ request: UnmountRequest) async throws
    func status(_ request: StatusRequest) async throws -> StatusReport
    func wait(_ request: WaitRequest, progress: @escaping ProgressReporter) async throws
    func verify(_ request: VerifyRequest, progress: @escaping ProgressReporter) async throws -> VerifyReport
    func prefetch(_ request: PrefetchRequest) async throws
    func fetch(_ request: FetchRequest, progress: @escaping ProgressReporter) async throws -> FetchReport
    func list(_ request: ListRequest) async throws -> ListReport
    func cat(_ request: CatRequest, content: @escaping ContentWriter) async throws
    func storeList() async throws -> StoreReport
    func storeRemove(_ request: StoreRemoveRequest) async throws -> StoreRemoveReport
    /// Returns before the end: the answer is written, then the daemon closes its `ControlServer` and exits.
    func stop(_ request: StopRequest) async throws
}

/// Who is at the other end (unix(7), `SO_PEERCRED`).
public struct ControlPeer: Hashable, Sendable {
    public var pid: Int32
    public var uid: UInt32
    public var gid: UInt32
    public init(pid: Int32, uid: UInt32, gid: UInt32) { self.pid = pid; self.uid = uid; self.gid = gid }
}
