import Glibc
import LinuxSystem
import Synchronization

/// The daemon's end of the link. Calls block until the keeper has answered: not for the cooperative pool.
/// Callable from any thread; requests go one after the other, the heartbeat beside them.
///
/// Order of use: `restoredMounts()` once at start, `startHeartbeat` at once after it, then requests.
public final class KeeperConnection: Sendable {
    /// The descriptor under which the keeper hands over the link.
    public static let inheritedDescriptor: CInt = 3
    /// The descriptor under which the keeper hands over the listening control socket.
    public static let inheritedControlSocket: CInt = 4
    /// The keeper kills a daemon that was silent for 15 s.
    public static let heartbeatMilliseconds: CInt = 1000
    /// A mount may need `fusermount3`, which the keeper gives 10 s; then a lazy unmount as long again.
    static let answerSeconds = 60

    private let socket: KeeperSocket
    private let epoch: UInt64
    /// The last request id; held for a whole exchange.
    private let exchange = Mutex<UInt64>(0)
    private let heart = Mutex<Heart?>(nil)

    /// Takes over the link. `epoch` is the number from `--epoch`.
    public init(descriptor: CInt = KeeperConnection.inheritedDescriptor, epoch: UInt64) {
        socket = KeeperSocket(descriptor: descriptor)
        self.epoch = epoch
        // Inherited descriptors are not close-on-exec; programs started by the daemon must not keep the link alive.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit {
        stopHeartbeat()
        SystemCalls.close(socket.descriptor)
    }

    /// The mounts that outlived an earlier daemon; empty at a first start. Call once, before anything else.
    public func restoredMounts() throws(KeeperLinkError) -> [KeptMount] {
        var mounts: [KeptMount] = []
        do throws(KeeperLinkError) {
            while true {
                let packet = try receive()
                switch packet.message {
                case .restore(let identity): mounts.append(KeptMount(identity: identity, descriptors: packet.descriptors))
                case .restoreDone: return mounts
                default:
                    for descriptor in packet.descriptors { SystemCalls.close(descriptor) }
                    throw .malformed("kind \(packet.message.kind) before the end of the restored mounts")
                }
            }
        } catch {
            for mount in mounts { mount.close() }
            throw error
        }
    }

    /// Mounts. The caller owns the descriptors in the result.
    /// The keeper keeps a copy of `companion` open as long as it has the mount, and gives it to later daemons.
    /// Throws `.refused` with the errno and a sentence for people, `.closed` when the keeper is gone.
    public func mount(_ request: MountRequest, companion: CInt? = nil) throws(KeeperLinkError) -> KeptMount {
        let answer = try ask(.mount(request), descriptors: companion.map { [$0] } ?? [])
        guard case .mounted(let identity) = answer.message else { throw unexpected(answer) }
        return KeptMount(identity: identity, descriptors: answer.descriptors)
    }

    /// Unmounts and lets the keeper close its descriptors; `.alreadyGone` only does the latter.
    /// Throws `.refused(EBUSY)` while somebody uses the mount, `.refused(ENOENT)` for an unknown id.
    public func unmount(_ mountID: UInt64, _ mode: UnmountMode = .normal) throws(KeeperLinkError) {
        let answer = try ask(.unmount(mountID: mountID, mode))
        guard case .unmounted = answer.message else { throw unexpected(answer) }
    }

    /// Sets the readahead window. The kernel takes the smaller of this and the INIT reply when that arrives, so call it
    /// after INIT. Throws `.refused(EACCES)` for mounts of ordinary users.
    public func setReadAhead(_ mountID: UInt64, kib: UInt32) throws(KeeperLinkError) {
        let answer = try ask(.setReadAhead(mountID: mountID, kib: kib))
        guard case .done = answer.message else { throw unexpected(answer) }
    }

    /// Tells the keeper that this process is about to end by itself.
    public func exiting(code: Int32) throws(KeeperLinkError) { try socket.send(KeeperPacket(id: 0, .exiting(code: code))) }

    /// Starts the thread that beats once a second while `isHealthy` (called on that thread) says so, and that calls `onLost`
    /// once when the keeper has ended: nobody holds the mounts any more then, and the daemon exits.
    public func startHeartbeat(isHealthy: @escaping @Sendable () -> Bool = { true }, onLost: @escaping @Sendable () -> Void) throws(KeeperLinkError) {
        let stop: OwnedDescriptor
        do throws(Errno) { stop = try SystemCalls.eventDescriptor() } catch { throw .system(error, doing: "starting the heartbeat") }
        let raw = stop.take()
        let thread = Thread(name: "incfs-heartbeat", stackSize: 128 * 1024) { [socket, epoch] in
            if Self.beat(socket, epoch: epoch, stop: raw, isHealthy: isHealthy) { onLost() }
        }
        heart.withLock { $0 = Heart(stop: raw, thread: thread) }
    }

    /// Ends the heartbeat; the keeper will take this process for stuck after 15 s. Not from `onLost` or `isHealthy`.
    public func stopHeartbeat() {
        guard let heart = heart.withLock({ heart in defer { heart = nil }; return heart }) else { return }
        var one: UInt64 = 1
        _ = withUnsafeBytes(of: &one) { try? SystemCalls.write(heart.stop, $0) }
        heart.thread.join()
        SystemCalls.close(heart.stop)
    }

    private struct Heart { var stop: CInt; var thread: Thread }

    /// True when the link ended, false when it was told to stop.
    private static func beat(_ socket: KeeperSocket, epoch: UInt64, stop: CInt, isHealthy: () -> Bool) -> Bool {
        while true {
            if isHealthy() {
                do throws(KeeperLinkError) { try socket.send(KeeperPacket(id: 0, .heartbeat(epoch: epoch))) } catch { return true }
            }
            // POLLHUP needs no asking for, so that answers stay for the thread that waits for them.
            var entries = [pollfd(fd: socket.descriptor, events: 0, revents: 0), pollfd(fd: stop, events: Int16(POLLIN), revents: 0)]
            _ = try? SystemCalls.poll(&entries, timeoutMilliseconds: heartbeatMilliseconds)
            if entries[1].revents != 0 { return false }
            if entries[0].revents != 0 { return true }
        }
    }

    private func ask(_ message: KeeperMessage, descriptors: [CInt] = []) throws(KeeperLinkError) -> KeeperPacket {
        try exchange.withLock { last throws(KeeperLinkError) -> KeeperPacket in
            last += 1
            try socket.send(KeeperPacket(id: last, message, descriptors: descriptors))
            while true {
                let packet = try receive()
                // An answer that came after its time-out belongs to nobody.
                guard packet.id == last else {
                    for descriptor in packet.descriptors { SystemCalls.close(descriptor) }
                    continue
                }
                if case .failed(let errno, let sentence) = packet.message { throw .refused(errno, sentence) }
                return packet
            }
        }
    }

    private func receive() throws(KeeperLinkError) -> KeeperPacket {
        let deadline = MonotonicTime.now.adding(milliseconds: UInt64(Self.answerSeconds) * 1000)
        while true {
            let left = deadline.since(.now) / 1_000_000
            if left == 0 { throw .noAnswer(seconds: Self.answerSeconds) }
            do throws(Errno) {
                if try SystemCalls.poll(socket.descriptor, events: Int16(POLLIN), timeoutMilliseconds: CInt(left)) == 0 { continue }
            } catch { throw .system(error, doing: "waiting for the keeper") }
            return try socket.receive()
        }
    }

    private func unexpected(_ packet: KeeperPacket) -> KeeperLinkError {
        for descriptor in packet.descriptors { SystemCalls.close(descriptor) }
        return .malformed("an answer of kind \(packet.message.kind) to another question")
    }
}
