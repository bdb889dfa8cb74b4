import FUSEProtocol
import Glibc
import LinuxSystem

/// The kernel's end of a session over a socket pair, for whoever tries what a session makes of requests.
public final class TrialKernel {
    public struct Reply: Sendable {
        /// 0, or minus an errno.
        public var error: Int32
        public var payload: [UInt8]
    }
    /// A request that must be answered was not, within ten seconds.
    public struct Silence: Error { public var opcode: UInt32 }

    public let descriptor: CInt
    public let device: OwnedDescriptor
    private var unique: UInt64 = 10
    private var buffer = [UInt8](repeating: 0, count: 1 << 18)
    /// The caller that requests say they come from.
    public var thread = UInt32(SystemCalls.threadID())
    public var uid = geteuid(), gid = getegid()

    public init() throws {
        signal(SIGPIPE, SIG_IGN)
        let (a, b) = try SystemCalls.socketPair(type: SOCK_SEQPACKET)
        descriptor = a
        device = OwnedDescriptor(b)
        var size: CInt = 2 << 20
        for end in [a, b] { setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<CInt>.size)) }
    }

    deinit { SystemCalls.close(descriptor) }

    public func unmount() { shutdown(descriptor, CInt(SHUT_RDWR)) }

    /// Sends a request; returns its number.
    public func send(_ opcode: UInt32, node: UInt64, _ payload: [UInt8] = []) throws -> UInt64 {
        unique += 2
        let message = bytes(UInt32(40 + payload.count)) + bytes(opcode) + bytes(unique) + bytes(node) + bytes(uid) + bytes(gid) + bytes(thread) + bytes(UInt32(0)) + payload
        _ = try message.withUnsafeBytes { try SystemCalls.write(descriptor, $0) }
        return unique
    }

    /// The answer to `unique`, past whatever else comes; nil when none comes within the time.
    public func reply(to unique: UInt64, withinMilliseconds timeout: UInt64) throws -> Reply? {
        let end = MonotonicTime.now.adding(milliseconds: timeout)
        while true {
            let left = CInt(clamping: MonotonicTime.now < end ? end.since(.now) / 1_000_000 + 1 : 0)
            guard try SystemCalls.poll(descriptor, events: Int16(POLLIN), timeoutMilliseconds: left) & Int16(POLLIN) != 0 else { return nil }
            let count = try buffer.withUnsafeMutableBytes { try SystemCalls.read(descriptor, into: $0) }
            precondition(count >= 16 && Int(buffer.number(0, UInt32.self)) == count, "the length in the header is not that of the message")
            if buffer.number(8, UInt64.self) == unique { return Reply(error: Int32(bitPattern: buffer.number(4, UInt32.self)), payload: Array(buffer[16..<count])) }
        }
    }

    /// A request and its answer, which must come.
    public func ask(_ opcode: FUSEOpcode, node: UInt64, _ payload: [UInt8] = []) throws -> Reply {
        guard let reply = try reply(to: send(opcode.rawValue, node: node, payload), withinMilliseconds: 10_000) else { throw Silence(opcode: opcode.rawValue) }
        return reply
    }

    public func begin() throws {
        let flags: UInt64 = 0x7FF_73FF_FFFB
        let payload = bytes(UInt32(7)) + bytes(UInt32(45)) + bytes(UInt32(131_072)) + bytes(UInt32(truncatingIfNeeded: flags)) + bytes(UInt32(flags >> 32)) + [UInt8](repeating: 0, count: 44)
        _ = try send(FUSEOpcode.`init`.rawValue, node: 0, payload)
    }

    public func awaitAgreement() throws {
        guard let reply = try reply(to: unique, withinMilliseconds: 10_000), reply.error == 0 else { throw Silence(opcode: FUSEOpcode.`init`.rawValue) }
    }
}
