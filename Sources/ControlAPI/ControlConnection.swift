import Glibc
import LinuxSystem
import Synchronization

/// One client of a `ControlServer`, on a thread of its own that sleeps in poll(2) while tasks work.
///
/// Invariants: at most one request is being worked on; when the client hangs up or the server closes, its task is cancelled
/// and waited for; the mounts that hang on this connection are given back last.
final class ControlConnection: Sendable {
    private let socket: OwnedDescriptor
    private let handler: any ControlHandler
    /// Only these users and root are served.
    private let owner: UInt32
    private let closing = Atomic(false)

    init(_ socket: consuming OwnedDescriptor, handler: any ControlHandler, owner: UInt32) {
        self.socket = socket
        self.handler = handler
        self.owner = owner
    }

    /// Ends the connection from any thread: the request under way is cancelled, its answer is still written.
    func close() {
        closing.store(true, ordering: .releasing)
        // Only the reading half: what is being answered still gets out.
        _ = shutdown(socket.rawValue, CInt(SHUT_RD))
    }

    /// Serves until the client leaves. Blocks.
    func run() {
        /// What is given back in the end: places, and the numbers of the mounts there.
        var leases: [(mountpoint: String, number: UInt64, layer: String?)] = []
        try? SystemCalls.setSendTimeout(socket.rawValue, seconds: 10)
        do {
            let peer = try credentials()
            var lines = LineBuffer(limit: ControlProtocol.maximumRequestLength)
            while let line = try nextLine(&lines) {
                let request = try ControlProtocol.decode(ControlRequest.self, line)
                let (reply, connected) = try answer(request, peer: peer)
                // A mount whose answer nobody received is nobody's: it goes the way of the leased ones.
                if case .mount(let mount) = request, case .mounted(let report) = reply, mount.lease || !connected { leases.append((report.mountpoint, report.number, mount.layer)) }
                // Given back in order: not once more at the end.
                if case .unmount(let unmount) = request, case .done = reply, let index = leases.lastIndex(where: { $0.number == unmount.release }) { leases.remove(at: index) }
                if !connected { break }
            }
        } catch {
            try? write([.error(error)])
        }
        SystemCalls.shutDown(socket.rawValue)
        for lease in leases.reversed() {
            _ = blocking { [handler] in
                do { try await handler.unmount(UnmountRequest(mountpoint: lease.mountpoint, lazy: true, release: lease.number, layer: lease.layer)) } catch {
                    // Already unmounted, by the request that ends a command in order.
                }
                return ControlReply.done
            }
        }
    }

    private func credentials() throws(ControlError) -> ControlPeer {
        guard let peer = try? SystemCalls.peerCredentials(socket.rawValue) else {
            throw ControlError(.permission, "The daemon cannot tell who is calling.")
        }
        guard peer.uid == owner || peer.uid == 0 else {
            throw ControlError(.permission, "This daemon belongs to user \(owner) and answers nobody else but root.",
                               hint: "Every user has a daemon of their own: leave out --store, or give your own.")
        }
        return ControlPeer(pid: peer.pid, uid: peer.uid, gid: peer.gid)
    }

    /// Blocks for the next line; nil when the client is done.
    private func nextLine(_ lines: inout LineBuffer) throws(ControlError) -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            if closing.load(ordering: .acquiring) { return nil }
            if let line = try lines.next() { return line }
            let count = chunk.withUnsafeMutableBytes { try? SystemCalls.read(socket.rawValue, into: $0) }
            guard let count, count > 0 else { return nil }
            lines.append(chunk[..<count])
        }
    }

    private func write(_ replies: [ControlReply]) throws(ControlError) {
        for reply in replies {
            var line = ControlProtocol.line(reply)
            if line.count > ControlProtocol.maximumReplyLength {
                line = ControlProtocol.line(ControlReply.error(ControlError(
                    .lineTooLong, "The answer is longer than a line of the control protocol may be.", hint: "Ask for less: one mount, or no list of files.")))
            }
            do { try SystemCalls.sendAll(socket.rawValue, line) } catch {
                throw ControlError(.cancelled, "The client went away.")
            }
        }
    }

    /// Works on `request` in a task and writes what comes. `connected` is false when the client hung up meanwhile.
    private func answer(_ request: ControlRequest, peer: ControlPeer) throws(ControlError) -> (ControlReply, connected: Bool) {
        let outbox: ControlOutbox
        do { outbox = try ControlOutbox() } catch {
            throw ControlError(.internalFailure, "The daemon has no descriptor left for this request.", errno: error.rawValue)
        }
        let task = Task { [handler] in
            outbox.put(answer: await Self.perform(request, handler, peer: peer, outbox))
        }
        var connected = true
        while true {
            // POLLHUP comes unasked once the peer has closed; a peer that only finished writing still wants its answer.
            let watch: CInt = connected && !closing.load(ordering: .acquiring) ? socket.rawValue : -1
            let (hangUp, _) = (try? pollPair((watch, 0), (outbox.wake.rawValue, POLLIN), timeoutMilliseconds: closing.load(ordering: .acquiring) ? -1 : 250)) ?? (0, 0)
            if closing.load(ordering: .acquiring) {
                outbox.close()
                task.cancel()
            }
            if hangUp & Int16(POLLHUP | POLLERR) != 0 {
                connected = false
                outbox.close()
                task.cancel()
            }
            let (replies, finished) = outbox.take()
            if connected, (try? write(replies)) == nil {
                connected = false
                outbox.close()
                task.cancel()
            }
            if finished, let answer = replies.last { return (answer, connected) }
        }
    }

    /// Runs `body` in a task and waits for it on this thread.
    private func blocking(_ body: @escaping @Sendable () async -> ControlReply) -> ControlReply {
        let result = Condition<ControlReply?>(nil)
        Task { let reply = await body(); result.update { $0 = reply } }
        return result.wait { $0 } ?? .done
    }

    private static func perform(_ request: ControlRequest, _ handler: any ControlHandler, peer: ControlPeer, _ outbox: ControlOutbox) async -> ControlReply {
        let progress: ProgressReporter = { outbox.put(progress: $0) }
        do {
            switch request {
            case .hello: return .hello(await handler.hello())
            case .mount(let body): return .mounted(try await handler.mount(body, peer: peer, progress: progress))
            case .unmount(let body): try await handler.unmount(body)
            case .status(let body): return .status(try await handler.status(body))
            case .wait(let body): try await handler.wait(body, progress: progress)
            case .verify(let body): return .verified(try await handler.verify(body, progress: progress))
            case .prefetch(let body): try await handler.prefetch(body)
            case .fetch(let body): return .fetched(try await handler.fetch(body, progress: progress))
            case .list(let body): return .listed(try await handler.list(body))
            case .cat(let body): try await handler.cat(body) { try outbox.put(content: $0) }
            case .stop(let body): try await handler.stop(body)
            case .storeList: return .store(try await handler.storeList())
            case .storeRemove(let body): return .removed(try await handler.storeRemove(body))
            }
            return .done
        } catch let error as ControlError {
            return .error(error)
        } catch is CancellationError {
            return .error(ControlError(.cancelled, "The request was cancelled before it was done."))
        } catch let error as Errno {
            return .error(ControlError(.internalFailure, "The daemon could not do that: \(error).", errno: error.rawValue))
        } catch {
            return .error(ControlError(.internalFailure, "The daemon met an error that it has no words for: \(error)",
                                       hint: "Please report this with the daemon's log."))
        }
    }
}
