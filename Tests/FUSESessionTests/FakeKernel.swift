import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem

func u32(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
func u64(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

/// The other end of a session: writes requests as the kernel would, and reads what comes back. One message is one packet.
final class FakeKernel: @unchecked Sendable {
    // Safety: the descriptor is constant; `close` is called once, by the test's own thread.

    /// A reply or a notification.
    struct Message: Equatable {
        var error: Int32
        var unique: UInt64
        var payload: [UInt8]
    }
    /// Nothing came within ten seconds: the session hangs.
    struct Silence: Error {}

    let descriptor: CInt
    /// The session's end; the caller's to close.
    let device: OwnedDescriptor

    init() throws {
        // A write to a peer that went away must be an error here, not the end of the test.
        signal(SIGPIPE, SIG_IGN)
        let (a, b) = try SystemCalls.socketPair(type: SOCK_SEQPACKET)
        descriptor = a
        device = OwnedDescriptor(b)
    }

    /// The mount goes away.
    func unmount() { shutdown(descriptor, CInt(SHUT_RDWR)) }

    deinit { SystemCalls.close(descriptor) }

    func send(_ opcode: FUSEOpcode, unique: UInt64, node: UInt64 = 7, pid: UInt32 = 1, _ payload: [UInt8]...) throws {
        try send(raw: opcode.rawValue, unique: unique, node: node, pid: pid, payload.flatMap { $0 })
    }

    func send(raw opcode: UInt32, unique: UInt64, node: UInt64 = 7, pid: UInt32 = 1, _ body: [UInt8]) throws {
        let parts = [u32(UInt32(40 + body.count)), u32(opcode), u64(unique), u64(node), u32(0), u32(0), u32(pid), u32(0)]
        try send(bytes: parts.flatMap { $0 } + body)
    }

    func send(bytes: [UInt8]) throws { try bytes.withUnsafeBytes { raw in _ = try SystemCalls.write(descriptor, raw) } }

    func sendInit(minor: UInt32 = 45, major: UInt32 = 7, flags: UInt64 = 0x7FF_73FF_FFFB, unique: UInt64 = 2) throws {
        let payload = u32(major) + u32(minor) + u32(131072) + u32(UInt32(truncatingIfNeeded: flags)) + u32(UInt32(flags >> 32)) + [UInt8](repeating: 0, count: 44)
        try send(.`init`, unique: unique, node: 0, payload)
    }

    func sendRead(unique: UInt64, offset: UInt64 = 0, size: UInt32 = 4096, pid: UInt32 = 1) throws {
        try send(.read, unique: unique, pid: pid, u64(0), u64(offset), u32(size), u32(0), u64(0), u32(0), u32(0))
    }

    /// True when something has come, or comes within the time.
    func hasMessage(withinMilliseconds timeout: CInt) throws -> Bool {
        try SystemCalls.poll(descriptor, events: Int16(POLLIN), timeoutMilliseconds: timeout) & Int16(POLLIN) != 0
    }

    func receive() throws -> Message {
        guard try hasMessage(withinMilliseconds: 10_000) else { throw Silence() }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        let count = try buffer.withUnsafeMutableBytes { raw in try SystemCalls.read(descriptor, into: raw) }
        guard count >= 16 else { throw Silence() }
        return buffer.withUnsafeBytes { raw in
            precondition(Int(raw.loadUnaligned(fromByteOffset: 0, as: UInt32.self)) == count, "the length in the header is not that of the message")
            return Message(
                error: raw.loadUnaligned(fromByteOffset: 4, as: Int32.self), unique: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                payload: Array(raw[16..<count]))
        }
    }
}
