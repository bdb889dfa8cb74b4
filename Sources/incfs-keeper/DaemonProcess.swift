import Glibc
import KeeperLink
import LinuxSystem

/// A running daemon and the keeper's end of the link to it.
struct DaemonProcess {
    let pid: pid_t
    let epoch: UInt64
    let started: MonotonicTime
    /// Non-blocking: a daemon that does not read never stops the keeper.
    private(set) var link: KeeperSocket?
    private var outgoing: [KeeperPacket] = []
    var watch: SilenceWatch

    /// Starts `incfsd --store DIR --epoch N …` with descriptors 0 /dev/null, 1 and 2 the log, 3 the link, 4 the control socket.
    static func start(_ arguments: KeeperArguments, epoch: UInt64, control: CInt, log: CInt) throws(Errno) -> DaemonProcess {
        let null = try SystemCalls.open("/dev/null", flags: O_RDWR)
        let pair = try SystemCalls.socketPair(type: SOCK_SEQPACKET)
        let ours = OwnedDescriptor(pair.0), its = OwnedDescriptor(pair.1)
        try SystemCalls.setNonBlocking(ours.rawValue, true)
        let pid = try SystemCalls.spawn(
            arguments.daemon, ["incfsd", "--store", arguments.store.string, "--epoch", "\(epoch)"] + (arguments.journal.map { ["--journal", $0.string] } ?? []) + arguments.daemonArguments,
            descriptors: [null.rawValue, log, log, its.rawValue, control])
        return DaemonProcess(pid: pid, epoch: epoch, link: ours.take(), watchdogMilliseconds: arguments.watchdogMilliseconds)
    }

    private init(pid: pid_t, epoch: UInt64, link: CInt, watchdogMilliseconds: UInt64) {
        self.pid = pid
        self.epoch = epoch
        self.link = KeeperSocket(descriptor: link)
        started = .now
        watch = SilenceWatch(limitMilliseconds: watchdogMilliseconds, now: started)
    }

    var ranMilliseconds: UInt64 { MonotonicTime.now.since(started) / 1_000_000 }
    var hasOutgoing: Bool { !outgoing.isEmpty }

    /// True when the daemon's end of the link is closed.
    var hasHungUp: Bool {
        guard let link else { return true }
        return ((try? SystemCalls.poll(link.descriptor, events: 0, timeoutMilliseconds: 0)) ?? 0) != 0
    }

    mutating func send(_ packet: KeeperPacket) { outgoing.append(packet) }

    /// Sends what the socket takes. Throws `.system` when the link cannot be used any more; a closed link is not an error
    /// here, the daemon's end will be seen.
    mutating func flush() throws(KeeperLinkError) {
        guard let link else { return outgoing = [] }
        var sent = 0
        defer { outgoing.removeFirst(sent) }
        while sent < outgoing.count {
            do throws(KeeperLinkError) { try link.send(outgoing[sent]) } catch {
                if error == .closed { return sent = outgoing.count }
                // Full, or too many descriptors under way (unix(7)): the daemon has yet to read.
                if error.errno == .resourceTemporarilyUnavailable || error.errno == Errno(rawValue: ETOOMANYREFS) { return }
                throw error
            }
            sent += 1
        }
    }

    /// The next message, nil when none is waiting or the link has ended.
    mutating func receive() throws(KeeperLinkError) -> KeeperPacket? {
        guard let link else { return nil }
        do throws(KeeperLinkError) { return try link.receive() } catch {
            if error.errno == .resourceTemporarilyUnavailable { return nil }
            if error == .closed {
                closeLink()
                return nil
            }
            throw error
        }
    }

    mutating func closeLink() {
        if let link { SystemCalls.close(link.descriptor) }
        link = nil
    }
}
