import FUSEProtocol
import Glibc
import LinuxSystem

/// The kernel's side of a session over a socket pair, in memory that is made once: asking and hearing allocate nothing.
final class Kernel {
    let device: CInt
    private let descriptor: CInt
    private let request = UnsafeMutableRawBufferPointer.allocate(byteCount: 128, alignment: 8)
    private let answer = UnsafeMutableRawBufferPointer.allocate(byteCount: (1 << 20) + 4096, alignment: 4096)
    private var unique: UInt64 = 0

    init() throws {
        (descriptor, device) = try SystemCalls.socketPair(type: SOCK_SEQPACKET)
        answer.initializeMemory(as: UInt8.self, repeating: 0)
    }

    private func begin(_ opcode: FUSEOpcode, node: UInt64, payload: Int) {
        unique += 2
        request.initializeMemory(as: UInt8.self, repeating: 0)
        request.storeBytes(of: UInt32(40 + payload), toByteOffset: 0, as: UInt32.self)
        request.storeBytes(of: opcode.rawValue, toByteOffset: 4, as: UInt32.self)
        request.storeBytes(of: unique, toByteOffset: 8, as: UInt64.self)
        request.storeBytes(of: node, toByteOffset: 16, as: UInt64.self)
        request.storeBytes(of: 1, toByteOffset: 32, as: UInt32.self)
    }

    private func finish(_ payload: Int) throws -> Int {
        _ = try SystemCalls.write(descriptor, UnsafeRawBufferPointer(rebasing: request[..<(40 + payload)]))
        let count = try SystemCalls.read(descriptor, into: answer)
        guard count >= 16 else { throw Errno.ioError }
        let error = answer.load(fromByteOffset: 4, as: Int32.self)
        if error != 0 { throw Errno(rawValue: -error) }
        return count - 16
    }

    /// INIT, sent only: the session answers it when it starts.
    func sendInit() throws {
        begin(.`init`, node: 0, payload: 64)
        request.storeBytes(of: 7, toByteOffset: 40, as: UInt32.self)
        request.storeBytes(of: 45, toByteOffset: 44, as: UInt32.self)
        request.storeBytes(of: 131_072, toByteOffset: 48, as: UInt32.self)
        request.storeBytes(of: 0x73FF_FFFB, toByteOffset: 52, as: UInt32.self)
        request.storeBytes(of: 0x7FF, toByteOffset: 56, as: UInt32.self)
        _ = try SystemCalls.write(descriptor, UnsafeRawBufferPointer(rebasing: request[..<104]))
    }

    func awaitInit() throws { _ = try SystemCalls.read(descriptor, into: answer) }

    /// READ; returns the bytes that came.
    func read(node: UInt64, at offset: UInt64, size: UInt32) throws -> Int {
        begin(.read, node: node, payload: 40)
        request.storeBytes(of: offset, toByteOffset: 48, as: UInt64.self)
        request.storeBytes(of: size, toByteOffset: 56, as: UInt32.self)
        return try finish(40)
    }

    /// The mount goes away.
    func unmount() { shutdown(descriptor, CInt(SHUT_RDWR)) }
}
