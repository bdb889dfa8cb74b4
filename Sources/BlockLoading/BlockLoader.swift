import LinuxSystem
import Synchronization
import VolumeCore

/// Brings the blocks of one package from one source: what readers wait for first, then what they will want, then all
/// the rest in the background; every unit once, however many ask; through outages, damage on the way and a full disk.
///
/// Which unit goes next is decided by a pure state machine (`LoadScheduler`). It runs on a thread of its own, because a
/// volume's answers may need the disk; deliveries run on further threads; only the source is `async`.
public final class BlockLoader: Sendable {
    private let target: any LoadTarget
    private let queue: LoadRequestQueue
    private let source: any RangeSource
    private let configuration: LoaderConfiguration
    private let log: LoaderLog
    private let mailbox = LoaderMailbox()
    private let latest = Mutex(LoaderStatistics())
    private let started = Atomic(false)

    /// Prepares a loader; nothing happens before `run`. The loader does not shut the source down.
    public init(
        target: any LoadTarget, queue: LoadRequestQueue, source: any RangeSource,
        configuration: LoaderConfiguration = LoaderConfiguration(), log: @escaping LoaderLog = { _, _ in }
    ) {
        self.target = target
        self.queue = queue
        self.source = source
        self.configuration = configuration
        self.log = log
    }

    /// Works until its task is cancelled. When it returns, no request, thread or delivery of this loader is left, and
    /// the queue keeps what comes for a successor. Call once.
    public func run() async {
        precondition(!started.exchange(true, ordering: .relaxed), "a loader runs once")
        queue.onPush { [mailbox] in mailbox.post(.requests) }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                Thread(name: "incfs-loader") {
                    LoaderLoop(
                        target: self.target, queue: self.queue, source: self.source, configuration: self.configuration, mailbox: self.mailbox,
                        log: self.log, publish: { statistics in self.latest.withLock { $0 = statistics } }
                    ).run()
                    continuation.resume()
                }.detach()
            }
        } onCancel: {
            mailbox.stop()
        }
        queue.onPush {}
    }

    /// Switches the background fill. Switching it on makes it look at everything again, units that it had passed over
    /// included. Callable from any thread, also before `run`.
    public func setFilling(_ on: Bool) { mailbox.post(.setFilling(on)) }

    /// What the loader has done and is doing, as of its last step.
    public var statistics: LoaderStatistics { latest.withLock { $0 } }
}
