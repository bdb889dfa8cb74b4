import FUSEProtocol
import Glibc
import LinuxSystem

func u32(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
func u64(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

extension [UInt8] {
    func u32(at offset: Int) -> UInt32 { withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) } }
    func u64(at offset: Int) -> UInt64 { withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) } }
}

/// The kernel's end of one descriptor of a mount.
final class Kernel: @unchecked Sendable {
    // Safety: the descriptors are constant; one thread of the test uses it at a time.

    struct Message: Equatable {
        /// 0, or minus an errno; for a notification its code.
        var error: Int32
        /// 0 for a notification.
        var unique: UInt64
        var payload: [UInt8]

        var isStore: Bool { unique == 0 && error == 4 }
        var storeNode: UInt64 { payload.u64(at: 0) }
        var storeOffset: UInt64 { payload.u64(at: 8) }
        var storeData: [UInt8] { Array(payload[24...]) }
    }
    /// Nothing came within ten seconds.
    struct Silence: Error {}
    /// Something else came than what was owed.
    struct Unexpected: Error { var wanted: UInt64, unique: UInt64, error: Int32 }

    let descriptor: CInt
    let device: OwnedDescriptor

    init() throws {
        signal(SIGPIPE, SIG_IGN)
        let (a, b) = try SystemCalls.socketPair(type: SOCK_SEQPACKET)
        descriptor = a
        device = OwnedDescriptor(b)
        // Room for a window of the largest size and some more on their way.
        var size: CInt = 4 << 20
        for end in [a, b] { setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &size, socklen_t(MemoryLayout<CInt>.size)); setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<CInt>.size)) }
    }

    deinit { SystemCalls.close(descriptor) }

    func unmount() { shutdown(descriptor, CInt(SHUT_RDWR)) }

    func send(_ opcode: FUSEOpcode, unique: UInt64, node: UInt64, thread: UInt32 = 1, _ payload: [UInt8] = []) throws {
        let parts = [u32(UInt32(40 + payload.count)), u32(opcode.rawValue), u64(unique), u64(node), u32(0), u32(0), u32(thread), u32(0)]
        try (parts.flatMap { $0 } + payload).withUnsafeBytes { raw in _ = try SystemCalls.write(descriptor, raw) }
    }

    func sendInit() throws {
        let flags: UInt64 = 0x7FF_73FF_FFFB
        let payload = u32(7) + u32(45) + u32(131_072) + u32(UInt32(truncatingIfNeeded: flags)) + u32(UInt32(flags >> 32)) + [UInt8](repeating: 0, count: 44)
        try send(.`init`, unique: 2, node: 0, payload)
    }

    func sendRead(
        unique: UInt64, node: UInt64, offset: UInt64, size: Int, thread: UInt32 = 1, readFlags: UInt32 = 0, flags: UInt32 = 0
    ) throws {
        try send(.read, unique: unique, node: node, thread: thread, u64(0) + u64(offset) + u32(UInt32(size)) + u32(readFlags) + u64(0) + u32(flags) + u32(0))
    }

    func sendInterrupt(of unique: UInt64) throws { try send(.interrupt, unique: unique | 1, node: 0, u64(unique)) }

    /// True when something is there, or comes within the time.
    func hasMessage(withinMilliseconds timeout: CInt = 0) throws -> Bool {
        try SystemCalls.poll(descriptor, events: Int16(POLLIN), timeoutMilliseconds: timeout) & Int16(POLLIN) != 0
    }

    func receive() throws -> Message {
        guard try hasMessage(withinMilliseconds: 10_000) else { throw Silence() }
        var buffer = [UInt8](repeating: 0, count: 2 << 20)
        let count = try buffer.withUnsafeMutableBytes { raw in try SystemCalls.read(descriptor, into: raw) }
        guard count >= 16 else { throw Silence() }
        precondition(Int(buffer.u32(at: 0)) == count, "the length in the header is not that of the message")
        return Message(error: Int32(bitPattern: buffer.u32(at: 4)), unique: buffer.u64(at: 8), payload: Array(buffer[16..<count]))
    }

    /// The next message, which must answer `unique`.
    func reply(to unique: UInt64) throws -> Message {
        let message = try receive()
        guard message.unique == unique else { throw Unexpected(wanted: unique, unique: message.unique, error: message.error) }
        return message
    }
}
