import Glibc
import LinuxSystem
import NIOCore
import NIOPosix

/// An open regular file below the served directory. Reads happen on NIO's thread pool, never on an event loop.
final class ServedFile: Sendable {
    private let descriptor: OwnedDescriptor
    let status: FileStatus

    private init(_ descriptor: consuming OwnedDescriptor, _ status: FileStatus) {
        self.descriptor = descriptor
        self.status = status
    }

    /// Opens `path` beneath `directory`, following only symbolic links that stay there; nil for whatever is not a regular file.
    ///
    /// - Throws: `ENOENT`, `EACCES`, `EXDEV` when it leads out.
    static func open(_ path: [UInt8], beneath directory: CInt) async throws -> ServedFile? {
        try await NIOThreadPool.singleton.runIfActive {
            // O_NONBLOCK: a FIFO must not hold the thread.
            let descriptor = try SystemCalls.open(path.isEmpty ? [0x2e] : path, beneath: directory, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
            let status = try SystemCalls.status(of: descriptor.rawValue)
            return status.kind == .regular ? ServedFile(descriptor, status) : nil
        }
    }

    /// A strong validator: another one whenever size, time or inode differ.
    var entityTag: String {
        "\"\(String(status.inode, radix: 16))-\(String(status.size, radix: 16))-\(String(status.modifiedSeconds, radix: 16)).\(status.modifiedNanoseconds)\""
    }

    /// `count` bytes at `offset`.
    ///
    /// - Throws: `EIO` when the file has become shorter.
    func read(_ count: Int, at offset: UInt64) async throws -> ByteBuffer {
        try await NIOThreadPool.singleton.runIfActive { [self] in
            var buffer = ByteBuffer()
            try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
                try SystemCalls.preadAll(descriptor.rawValue, into: UnsafeMutableRawBufferPointer(rebasing: room[..<count]), at: offset)
            }
            guard buffer.readableBytes == count else { throw Errno.ioError }
            return buffer
        }
    }
}
