import LinuxSystem

/// Sending and receiving packets on one end of a SOCK_SEQPACKET pair (unix(7)). Does not own the descriptor.
/// Callable from any thread; each packet goes out whole.
public struct KeeperSocket: Sendable {
    public let descriptor: CInt

    public init(descriptor: CInt) { self.descriptor = descriptor }

    /// sendmsg(2). Throws `.closed` when the other side has ended, `.system(EAGAIN)` on a full non-blocking socket.
    public func send(_ packet: KeeperPacket) throws(KeeperLinkError) {
        let bytes = packet.encoded()
        var failure: Errno?
        bytes.withUnsafeBytes { buffer in
            do throws(Errno) { _ = try SystemCalls.send(buffer, descriptors: packet.descriptors, over: descriptor) } catch { failure = error }
        }
        guard let failure else { return }
        if failure == .brokenPipe || failure == .connectionReset { throw .closed }
        throw .system(failure, doing: "sending a message between keeper and daemon")
    }

    /// recvmsg(2). The caller owns the packet's descriptors. Throws `.closed` at the end, `.malformed` for strange
    /// bytes (their descriptors are closed), `.system(EAGAIN)` on an empty non-blocking socket.
    public func receive() throws(KeeperLinkError) -> KeeperPacket {
        // One byte more than allowed tells a longer message from a whole one.
        var bytes = [UInt8](repeating: 0, count: KeeperPacket.maximumSize + 1)
        var descriptors: [CInt] = []
        var failure: Errno?
        let count = bytes.withUnsafeMutableBytes { buffer -> Int in
            do throws(Errno) { return try SystemCalls.receive(into: buffer, descriptors: &descriptors, over: descriptor) } catch { failure = error; return 0 }
        }
        if let failure {
            if failure == .connectionReset { throw .closed }
            throw .system(failure, doing: "receiving a message between keeper and daemon")
        }
        if count == 0 { throw .closed }
        do { return try KeeperPacket(decoding: bytes[..<count], descriptors: descriptors) } catch {
            for descriptor in descriptors { SystemCalls.close(descriptor) }
            throw error
        }
    }
}
