import ContractFUSE
import ContractVolume
import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem

/// A contract mount without a mount: a session over a socket pair, whose kernel and whose only caller is this thread. Needs no root.
public final class ContractSession {
    public let kernel: TrialKernel
    public let fileSystem: ContractFileSystem
    private let session: FUSESession<ContractFileSystem>

    public init(_ directory: BackingDirectory, options: ContractOptions, trust: FilePath? = nil) throws {
        kernel = try TrialKernel()
        fileSystem = try ContractFileSystem(directory: directory, options: options, trust: SignatureTrust(directory: trust))
        session = try FUSESession(fileSystem, descriptors: [kernel.device.rawValue], configuration: FUSESessionConfiguration(workers: 2, spinNanoseconds: 0))
        fileSystem.attach(notifier: session.notifier)
        try kernel.begin()
        try session.start()
        try kernel.awaitAgreement()
    }

    /// Unmounts, and waits for the end.
    public func end() {
        kernel.unmount()
        _ = session.waitUntilEnd()
        fileSystem.stop()
    }

    // MARK: What programs do

    /// The node of a path; throws what LOOKUP answers.
    public func node(_ path: String) throws -> UInt64 {
        var node: UInt64 = 1
        for part in path.split(separator: "/") { node = try checked(kernel.ask(.lookup, node: node, Array(part.utf8) + [0])).number(0) }
        return node
    }

    public func open(_ node: UInt64, flags: UInt32 = 0, directory: Bool = false) throws -> UInt64 {
        try checked(kernel.ask(directory ? .opendir : .open, node: node, bytes(flags) + bytes(UInt32(0)))).number(0)
    }

    /// Opens a file and permits the description to store blocks.
    public func openToFill(_ path: String) throws -> (node: UInt64, fh: UInt64) {
        let node = try node(path), fh = try open(node)
        precondition(fileSystem.permitFill(fh))
        return (node, fh)
    }

    public func read(_ node: UInt64, _ fh: UInt64, at offset: UInt64, _ size: UInt32) throws -> [UInt8] {
        try checked(kernel.ask(.read, node: node, Self.readPayload(fh, offset, size)))
    }

    public static func readPayload(_ fh: UInt64, _ offset: UInt64, _ size: UInt32, flags: UInt32 = 0) -> [UInt8] {
        bytes(fh) + bytes(offset) + bytes(size) + bytes(UInt32(0)) + bytes(UInt64(0)) + bytes(flags) + bytes(UInt32(0))
    }

    /// An ioctl as the kernel brings it: with as many bytes of the argument as the direction in its number says.
    public func ioctl(_ node: UInt64, _ fh: UInt64, _ command: UInt32, _ argument: UnsafeMutableRawBufferPointer) throws -> Int32 {
        let size = Int(command >> 16 & 0x3FFF), isWritten = command >> 30 & 1 != 0, isRead = command >> 30 & 2 != 0
        let input = isWritten ? Array(argument.prefix(size)) : []
        let payload = Self.ioctlPayload(fh, command, UInt64(UInt(bitPattern: argument.baseAddress)), input, outSize: isRead ? UInt32(size) : 0)
        let answer = try checked(kernel.ask(.ioctl, node: node, payload))
        let out = Array(answer.dropFirst(16))
        precondition(isRead ? out.count <= size : out.isEmpty, "more was answered than the kernel copies")
        argument.copyBytes(from: out)
        return Int32(bitPattern: answer.number(0, UInt32.self))
    }

    public static func ioctlPayload(_ fh: UInt64, _ command: UInt32, _ address: UInt64, _ input: [UInt8], outSize: UInt32) -> [UInt8] {
        bytes(fh) + bytes(UInt32(0)) + bytes(command) + bytes(address) + bytes(UInt32(input.count)) + bytes(outSize) + input
    }

    public func checked(_ reply: TrialKernel.Reply) throws(Errno) -> [UInt8] {
        if reply.error != 0 { throw Errno(rawValue: -reply.error) }
        return reply.payload
    }
}
