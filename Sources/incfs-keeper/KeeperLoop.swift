import Glibc
import KeeperLink
import LinuxSystem

/// The keeper's one thread: serves its daemon, replaces it when it dies or falls silent, and ends with it when no mount is left.
struct KeeperLoop: ~Copyable {
    /// A daemon that was asked to stop unmounts everything in this time.
    static let stopMilliseconds: UInt64 = 10_000
    static let rotateMilliseconds: UInt64 = 30_000

    let arguments: KeeperArguments
    var lock: StoreLock
    let control: ControlSocket
    let log: KeeperLog
    let signals: OwnedDescriptor
    var daemon: DaemonProcess?
    var mounts = MountKeeping()
    private var policy = RespawnPolicy()
    /// When the next daemon is due, while there is none.
    private var startAt = MonotonicTime.now
    private var rotateAt = MonotonicTime.now.adding(milliseconds: KeeperLoop.rotateMilliseconds)
    /// Killed and not yet gone: they may hang in the kernel until their successor answers.
    private var lingering: [pid_t] = []
    private var stopDeadline: MonotonicTime?
    private var exitStatus: Int32?

    init(arguments: KeeperArguments, lock: consuming StoreLock, control: consuming ControlSocket, log: consuming KeeperLog, signals: consuming OwnedDescriptor) {
        self.arguments = arguments
        self.lock = lock
        self.control = control
        self.log = log
        self.signals = signals
    }

    /// Starts the first daemon.
    mutating func start() throws(StartFailure) {
        do throws(Errno) { try startDaemon() } catch {
            control.remove()
            throw StartFailure(status: .cannotCreate, sentence: "the daemon \(arguments.daemon) cannot be started: \(error); check the path given with --daemon")
        }
    }

    /// Runs until the end; returns the exit status.
    mutating func run() -> Int32 {
        while true {
            if daemon == nil && exitStatus == nil && MonotonicTime.now >= startAt { restartDaemon() }
            if let exitStatus { return exitStatus }
            waitForEvents()
            takeSignals()
            if let error = serve() { replace("its link cannot be used: \(error)") }
            reap()
            flush()
            checkTime()
            if let exitStatus { return exitStatus }
        }
    }

    // MARK: Events

    private mutating func waitForEvents() {
        let now = MonotonicTime.now
        var milliseconds = SilenceWatch.lookEvery
        if daemon == nil { milliseconds = min(milliseconds, startAt.since(now) / 1_000_000 + 1) }
        // No POLLOUT: it would fire for ever while only the count of descriptors under way is at its limit.
        if daemon?.hasOutgoing == true { milliseconds = min(milliseconds, 10) }
        var entries = [pollfd(fd: signals.rawValue, events: Int16(POLLIN), revents: 0), pollfd(fd: daemon?.link?.descriptor ?? -1, events: Int16(POLLIN), revents: 0)]
        do throws(Errno) { _ = try SystemCalls.poll(&entries, timeoutMilliseconds: CInt(milliseconds)) } catch { log.write("poll failed: \(error)") }
    }

    private mutating func takeSignals() {
        while let signal = try? SystemCalls.nextSignal(signals.rawValue) {
            if (signal == SIGTERM || signal == SIGINT) && stopDeadline == nil {
                log.write("told to stop; unmounting everything")
                stopDeadline = MonotonicTime.now.adding(milliseconds: Self.stopMilliseconds)
                guard let daemon else { return finish(0) }
                try? SystemCalls.signal(daemon.pid, SIGTERM)
            }
        }
    }

    /// Takes every waiting message. Returns what makes the link useless.
    private mutating func serve() -> KeeperLinkError? {
        while daemon != nil {
            do throws(KeeperLinkError) {
                guard let packet = try daemon?.receive() else { return nil }
                daemon?.watch.heard(at: .now)
                answer(packet)
            } catch { return error }
        }
        return nil
    }

    private mutating func reap() {
        lingering.removeAll { pid in
            // An error means that it is no child any more.
            do throws(Errno) { return try SystemCalls.wait(for: pid, options: WNOHANG) != nil } catch { return true }
        }
        guard let daemon, let end = try? SystemCalls.wait(for: daemon.pid, options: WNOHANG) else { return }
        // Its last words; the process number may be another's by now, so nothing is sent to it any more.
        _ = serve()
        dropDaemon()
        let text = DaemonEnd(rawStatus: end.status)
        if stopDeadline != nil {
            log.write("daemon \(daemon.pid) \(text)")
            return finish(0)
        }
        if text == .exited(0) && mounts.isEmpty && !control.hasCaller() { return finish(0) }
        schedule(after: daemon.ranMilliseconds, killed: text == .killed(signal: SIGKILL), "daemon \(daemon.pid) (epoch \(daemon.epoch)) \(text)")
    }

    private mutating func flush() {
        do throws(KeeperLinkError) { try daemon?.flush() } catch { replace("its link cannot be used: \(error)") }
    }

    private mutating func checkTime() {
        let now = MonotonicTime.now
        if daemon?.watch.isSilent(at: now) == true { replace("it has been silent for more than \(arguments.watchdogMilliseconds / 1000) s") }
        if let deadline = stopDeadline, now >= deadline {
            if let daemon {
                log.write("daemon \(daemon.pid) has not stopped in time")
                try? SystemCalls.signal(daemon.pid, SIGKILL)
                dropDaemon()
            }
            finish(0)
        }
        if now >= rotateAt {
            log.rotateIfLarge()
            rotateAt = now.adding(milliseconds: Self.rotateMilliseconds)
        }
    }

    // MARK: Requests

    private mutating func answer(_ packet: KeeperPacket) {
        // Only a mount can come with a descriptor: the decoder refuses any other.
        var companion = packet.descriptors.first
        defer { if let companion { SystemCalls.close(companion) } }
        do throws(MountFailure) {
            switch packet.message {
            case .mount(let request):
                // Nobody would take the mount over.
                if daemon?.hasHungUp != false { return }
                let held = try mounts.mount(request, companion: companion)
                companion = nil
                log.write("mounted \(held.identity.mountpoint) as number \(held.identity.id), device \(held.device)")
                daemon?.send(held.packet(id: packet.id, restoring: false))
            case .unmount(let id, let mode):
                try mounts.unmount(id, mode)
                log.write("number \(id) is no longer mounted")
                daemon?.send(KeeperPacket(id: packet.id, .unmounted(mountID: id)))
            case .setReadAhead(let id, let kib):
                try mounts.setReadAhead(id, kib: kib)
                daemon?.send(KeeperPacket(id: packet.id, .done))
            case .heartbeat: break
            case .exiting(let code): log.write("daemon \(daemon?.pid ?? 0) ends with \(code)")
            default: throw MountFailure(errno: .badMessage, sentence: "a message that only the keeper sends came from the daemon")
            }
        } catch {
            log.write(error.sentence)
            daemon?.send(KeeperPacket(id: packet.id, .failed(error.errno, error.sentence)))
        }
    }

    // MARK: The daemon's life

    private mutating func startDaemon() throws(Errno) {
        let epoch = try lock.nextEpoch()
        var next = try DaemonProcess.start(arguments, epoch: epoch, control: control.descriptor, log: log.descriptor)
        for held in mounts.inOrder { next.send(held.packet(id: 0, restoring: true)) }
        next.send(KeeperPacket(id: 0, .restoreDone(epoch: epoch)))
        log.write("daemon \(next.pid) started, epoch \(epoch), \(mounts.inOrder.count) mounts to restore")
        daemon = next
        flush()
    }

    private mutating func restartDaemon() {
        do throws(Errno) { try startDaemon() } catch { schedule(after: 0, "the daemon cannot be started: \(error)") }
    }

    /// Kills a daemon that cannot be used, and does not wait for its end.
    private mutating func replace(_ reason: String) {
        guard let old = daemon else { return }
        try? SystemCalls.signal(old.pid, SIGKILL)
        lingering.append(old.pid)
        dropDaemon()
        if stopDeadline != nil { return finish(0) }
        schedule(after: old.ranMilliseconds, "daemon \(old.pid) (epoch \(old.epoch)) is replaced: \(reason)")
    }

    private mutating func dropDaemon() {
        daemon?.closeLink()
        daemon = nil
    }

    private mutating func schedule(after ran: UInt64, killed: Bool = false, _ event: String) {
        log.rotateIfLarge()
        switch killed ? policy.daemonKilled(afterMilliseconds: ran) : policy.daemonDied(afterMilliseconds: ran) {
        case .start(let delay):
            log.write("\(event); the next one starts in \(delay) ms")
            startAt = MonotonicTime.now.adding(milliseconds: delay)
        case .giveUp:
            log.write("\(event); that was number \(RespawnPolicy.maximumRapidDeaths) in a row: giving up")
            finish(1)
        }
    }

    /// Ends everything that this keeper holds.
    private mutating func finish(_ status: Int32) {
        for failure in mounts.unmountAll() { log.write(failure) }
        control.remove()
        log.write("keeper ends with \(status)")
        exitStatus = status
    }
}
