import Glibc
import LinuxSystem

/// Serves the control socket: one thread that accepts and one for each connection, at most
/// `ControlProtocol.maximumConnections`. Nothing blocks on the cooperative pool.
public final class ControlServer: Sendable {
    private struct State {
        var connections: [UInt64: ControlConnection] = [:]
        var next: UInt64 = 0
        var closing = false
        var accepting = true
    }

    private let listener: OwnedDescriptor
    private let handler: any ControlHandler
    private let owner: UInt32
    private let wake: OwnedDescriptor
    private let state = Condition(State())

    /// Takes over a listening Unix stream socket and starts to accept. `owner` is the user who is served besides root.
    ///
    /// - Throws: `EMFILE` when no descriptor is left.
    public init(listening listener: consuming OwnedDescriptor, owner: UInt32 = geteuid(), handler: any ControlHandler) throws(Errno) {
        try SystemCalls.setNonBlocking(listener.rawValue, true)
        wake = try SystemCalls.eventDescriptor()
        self.listener = listener
        self.handler = handler
        self.owner = owner
        Thread(name: "control") { self.accept() }.detach()
    }

    /// Stops accepting, cancels what is under way, writes the last answers and waits for every connection's thread.
    /// Blocks: not to be called from a task.
    public func close() {
        let open = state.update { state in
            state.closing = true
            return Array(state.connections.values)
        }
        var one: UInt64 = 1
        withUnsafeBytes(of: &one) { _ = try? SystemCalls.write(wake.rawValue, $0) }
        for connection in open { connection.close() }
        state.wait { $0.connections.isEmpty && !$0.accepting ? () : nil }
    }

    private func accept() {
        defer { state.update { $0.accepting = false } }
        while true {
            _ = try? pollPair((listener.rawValue, POLLIN), (wake.rawValue, POLLIN), timeoutMilliseconds: -1)
            if state.withLock({ $0.closing }) { return }
            do { try start(try SystemCalls.acceptConnection(listener.rawValue)) } catch {
                // EAGAIN: the client left again. Out of descriptors or memory: wait for some to come back.
                if error != .resourceTemporarilyUnavailable { _ = try? SystemCalls.poll(wake.rawValue, events: Int16(POLLIN), timeoutMilliseconds: 100) }
            }
        }
    }

    private func start(_ socket: consuming OwnedDescriptor) throws(Errno) {
        try SystemCalls.setNonBlocking(socket.rawValue, false)
        if state.withLock({ $0.connections.count >= ControlProtocol.maximumConnections }) {
            let line = ControlProtocol.line(ControlReply.error(ControlError(
                .busy, "The daemon serves \(ControlProtocol.maximumConnections) connections and takes no more.",
                hint: "Try again when another command has ended.")))
            try SystemCalls.sendAll(socket.rawValue, line)
            return
        }
        let connection = ControlConnection(socket, handler: handler, owner: owner)
        let key = state.withLock { state in
            state.next += 1
            state.connections[state.next] = connection
            return state.next
        }
        Thread(name: "control-client", stackSize: 1024 * 1024) { [state] in
            connection.run()
            state.update { $0.connections[key] = nil }
        }.detach()
        // Closing may have begun between the look above and the insertion.
        if state.withLock({ $0.closing }) { connection.close() }
    }
}
