import FUSEProtocol
import Glibc
import LinuxSystem
import Synchronization

/// Serves one mount: reads its requests, has `FileSystem` answer them, and sends notifications.
///
/// Built from descriptors that somebody else opened, a FUSE device with its clones or one end of a `SOCK_SEQPACKET` pair, and
/// from what was agreed with the kernel before, if anything was. The descriptors are made non-blocking, are not closed, and
/// must stay open until the session has ended.
///
/// Threads: `workers` that answer, one for notifications, one for interrupts. `start` and `waitUntilEnd` block the caller;
/// never call them on the cooperative pool.
public final class FUSESession<FileSystem: FUSEFileSystem>: @unchecked Sendable {
    // Safety: `counters` points to atomics that live as long as the session; all else is constant or behind locks.
    let fileSystem: FileSystem
    let descriptors: [CInt]
    let configuration: FUSESessionConfiguration
    let restored: FUSESessionState?
    let onNegotiated: (@Sendable (FUSESessionState) -> Void)?
    let onEnd: (@Sendable (FUSESessionEnd) -> Void)?
    let watcher = InterruptWatcher()
    let counters: UnsafeMutablePointer<FUSECounters>
    let stopEvent: OwnedDescriptor
    let stopping = Atomic<Bool>(false)
    /// True while a worker spins: two would take each other's processor.
    let spinning = Atomic<Bool>(false)
    let life = Condition(Life())

    /// Sends notifications. Usable from the start; what is sent before `start` waits for it.
    public let notifier: FUSENotifier

    struct Life: Sendable {
        var state: FUSESessionState?
        var end: FUSESessionEnd?
        var workers = 0
        var threads = 0
        var started = false
    }

    /// - Parameters:
    ///   - descriptors: at least one; workers share them in turn. Notifications go to the first.
    ///   - restoring: what an earlier session on the same mount had agreed; nil waits for INIT.
    ///   - onNegotiated: called once by `start` with what will be agreed, *before* the kernel hears of it: keep it where a
    ///     successor finds it. Not called for a restored session.
    ///   - onEnd: called once, on the last worker's thread, when no worker runs any more.
    /// Throws `EMFILE` or `ENFILE`.
    public init(
        _ fileSystem: FileSystem, descriptors: [CInt], configuration: FUSESessionConfiguration = FUSESessionConfiguration(),
        restoring: FUSESessionState? = nil, onNegotiated: (@Sendable (FUSESessionState) -> Void)? = nil,
        onEnd: (@Sendable (FUSESessionEnd) -> Void)? = nil
    ) throws(Errno) {
        precondition(!descriptors.isEmpty)
        stopEvent = try SystemCalls.eventDescriptor()
        self.fileSystem = fileSystem
        self.descriptors = descriptors
        self.configuration = configuration
        self.restored = restoring
        self.onNegotiated = onNegotiated
        self.onEnd = onEnd
        notifier = FUSENotifier(descriptor: descriptors[0])
        counters = .allocate(capacity: 1)
        counters.initialize(to: FUSECounters())
    }

    deinit {
        counters.deinitialize(count: 1)
        counters.deallocate()
    }

    /// What was agreed with the kernel; nil before `start` has returned.
    public var state: FUSESessionState? { life.withLock { $0.state } }

    /// What was counted so far.
    public var statistics: FUSESessionStatistics {
        FUSESessionStatistics(
            forgottenReplies: counters.pointee.forgottenReplies.load(ordering: .relaxed),
            lateReplies: counters.pointee.lateReplies.load(ordering: .relaxed),
            failedReplies: counters.pointee.failedReplies.load(ordering: .relaxed),
            malformedRequests: counters.pointee.malformedRequests.load(ordering: .relaxed),
            interruptedReads: counters.pointee.interruptedReads.load(ordering: .relaxed))
    }

    /// Agrees with the kernel (waits for INIT), or, restored, asks it once to send again what was left unanswered; then starts
    /// the threads. Call once.
    @discardableResult
    public func start() throws(FUSESessionError) -> FUSESessionState {
        life.withLock { life in
            precondition(!life.started, "a session starts once")
            life.started = true
        }
        do throws(FUSESessionError) {
            return try begin()
        } catch {
            // Whoever waits for a notification is told that none will go out.
            notifier.close()
            notifier.run()
            throw error
        }
    }

    private func begin() throws(FUSESessionError) -> FUSESessionState {
        for descriptor in descriptors { try attempt("making the FUSE device non-blocking") { () throws(Errno) in try SystemCalls.setNonBlocking(descriptor, true) } }
        let state: FUSESessionState
        if let restored {
            state = restored
            if restored.canResend { try resend() }
        } else {
            state = try negotiate()
        }
        var waits: [WorkerWait] = []
        for worker in 0..<configuration.workers {
            let descriptor = descriptors[worker % descriptors.count]
            waits.append(WorkerWait(try attempt("waiting for the FUSE device") { () throws(Errno) in try DeviceWait(device: descriptor, stop: stopEvent.rawValue) }))
        }
        life.update { life in
            life.state = state
            life.workers = waits.count
            life.threads = waits.count + 2
        }
        for (index, wait) in waits.enumerated() {
            let descriptor = descriptors[index % descriptors.count]
            Thread(name: "fuse-worker-\(index)") { self.work(descriptor, wait) }.detach()
        }
        Thread(name: "fuse-notify") { self.notifier.run(); self.threadEnded() }.detach()
        Thread(name: "fuse-interrupt") { self.watchInterrupts(); self.threadEnded() }.detach()
        return state
    }

    /// Waits until all threads have ended, and says why. Only after `start` has returned; any number of callers.
    public func waitUntilEnd() -> FUSESessionEnd {
        life.wait { life in life.started && life.state != nil && life.threads == 0 ? life.end ?? .stopped : nil }!
    }

    /// `start`, then `waitUntilEnd`.
    public func run() throws(FUSESessionError) -> FUSESessionEnd {
        try start()
        return waitUntilEnd()
    }

    /// Ends the session and leaves the mount alone; requests wait for a successor. Returns at once, from any thread.
    public func stop() { end(.stopped) }

    /// Tells all threads to end; the first reason counts.
    func end(_ reason: FUSESessionEnd) {
        life.update { if $0.end == nil { $0.end = reason } }
        stopping.store(true, ordering: .releasing)
        SystemCalls.signal(event: stopEvent.rawValue)
    }

    /// A worker's last act. The last one ends the other threads.
    func workerEnded() {
        let last = life.withLock { life in
            life.workers -= 1
            return life.workers == 0 ? life.end ?? .stopped : nil
        }
        if let last {
            notifier.close()
            watcher.close()
            onEnd?(last)
        }
        threadEnded()
    }

    private func threadEnded() { life.update { $0.threads -= 1 } }

    private func watchInterrupts() {
        watcher.run(graceMilliseconds: configuration.interruptGraceMilliseconds) { unique in
            guard let thread = fileSystem.processID(ofParked: unique) else { return .notParked }
            return .parked(configuration.callerStatus(thread))
        } interrupt: { unique in
            counters.pointee.interruptedReads.add(1, ordering: .relaxed)
            fileSystem.interruptParked(unique: unique)
        }
    }

    func attempt<Value: ~Copyable>(_ doing: String, _ body: () throws(Errno) -> Value) throws(FUSESessionError) -> Value {
        do throws(Errno) { return try body() } catch { throw .system(error, doing: doing) }
    }
}

/// A worker's wait, in a box that an array and a closure can hold.
final class WorkerWait: Sendable {
    let wait: DeviceWait
    init(_ wait: consuming DeviceWait) { self.wait = wait }
}
