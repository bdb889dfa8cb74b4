import Glibc
import LinuxSystem

/// The memory of the thread whose request is being handled. Good only while that request is unanswered: until then the thread
/// cannot end, and its id is nobody else's.
///
/// Every length is given by us and bounded before anything is copied. Blocks, and may fault the caller's pages in, which may be
/// a mapping of our own mount: never from a thread that answers reads.
public struct CallerMemory: Sendable {
    /// The most bytes of one copy: between two it can be seen that the caller was interrupted.
    public static let slice = 1 << 20
    /// The most ranges of one copy (`IOV_MAX`).
    public static let mostRanges = 1024
    static let pageSize: UInt64 = 4096

    /// `header.pid` of the request.
    public let thread: pid_t

    public init(thread: pid_t) { self.thread = thread }

    /// `EPERM`: out of reach, being in another pid namespace or protected against us; `EFAULT`: not readable.
    private func translated(_ error: Errno) -> Errno {
        switch error {
        case .notPermitted, .permissionDenied: .notPermitted
        case .noMemory: .noMemory
        default: .badAddress
        }
    }

    /// Copies `buffer.count` bytes, at most `slice`, from the caller's `address`.
    public func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) {
        precondition(buffer.count <= Self.slice)
        if buffer.isEmpty { return }
        try read(ranges: [(address, buffer.count)], into: buffer)
    }

    /// Copies up to 1024 ranges, together at most `slice` bytes and exactly `buffer.count`, one behind the other.
    public func read(ranges: [(address: UInt64, count: Int)], into buffer: UnsafeMutableRawBufferPointer) throws(Errno) {
        guard thread > 0 else { throw .notPermitted }
        precondition(ranges.count <= Self.mostRanges && buffer.count <= Self.slice)
        guard ranges.allSatisfy({ $0.address <= UInt64(Int64.max) && $0.count <= Self.slice }) else { throw .badAddress }
        let vectors = ranges.map { iovec(iov_base: UnsafeMutableRawPointer(bitPattern: UInt($0.address)), iov_len: $0.count) }
        let count: Int
        do throws(Errno) { count = try SystemCalls.read(process: thread, ranges: vectors, into: buffer) } catch { throw translated(error) }
        guard count == buffer.count else { throw .badAddress }
    }

    /// `count` bytes.
    public func bytes(_ address: UInt64, count: Int) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: Errno?
        bytes.withUnsafeMutableBytes { buffer in do throws(Errno) { try read(address, into: buffer) } catch { failure = error } }
        if let failure { throw failure }
        return bytes
    }

    /// A NUL-terminated string of at most `limit` bytes with its NUL. `EFAULT` where it is not readable before its NUL, nil when
    /// none of the bytes is a NUL.
    public func string(_ address: UInt64, limit: Int = 4096) throws(Errno) -> [UInt8]? {
        guard address != 0 else { throw .badAddress }
        var found: [UInt8] = []
        // Page by page: what lies behind the NUL need not be readable.
        while found.count < limit {
            let position = address &+ UInt64(found.count)
            let count = min(limit - found.count, Int(Self.pageSize - position % Self.pageSize))
            let piece = try bytes(position, count: count)
            if let end = piece.firstIndex(of: 0) { return found + piece[..<end] }
            found += piece
        }
        return nil
    }

    /// Writes to the caller's `address`. `EFAULT`, `EPERM`.
    public func write(_ bytes: UnsafeRawBufferPointer, to address: UInt64) throws(Errno) {
        if bytes.isEmpty { return }
        guard thread > 0 else { throw .notPermitted }
        guard address <= UInt64(Int64.max) else { throw .badAddress }
        let count: Int
        do throws(Errno) { count = try SystemCalls.write(process: thread, address: address, bytes) } catch { throw translated(error) }
        guard count == bytes.count else { throw .badAddress }
    }

    public func write(_ bytes: [UInt8], to address: UInt64) throws(Errno) {
        var failure: Errno?
        bytes.withUnsafeBytes { raw in do throws(Errno) { try write(raw, to: address) } catch { failure = error } }
        if let failure { throw failure }
    }
}
