import Glibc
import LinuxSystem

/// The memory of the thread whose request is being handled. Good only while that request is unanswered: until then the thread
/// cannot end, and its id is nobody else's.
///
/// Every length is given by us and bounded before anything is copied. Copying faults the caller's pages in, which may be a mapping of our
/// own mount; who waits for that cannot be killed before it is answered, and would keep the device open when the daemon is killed
/// (`EventHelper` has the same). So it is left to threads that have no descriptors but the first three, or done only where nothing has to be faulted in.
public struct CallerMemory: Sendable {
    /// Who copies.
    public enum Copier: Sendable {
        /// One of these threads, made by `threads(limit:)`; the calling one waits for it. Never from a thread that answers reads.
        case waiting(RequestThreads)
        /// The calling thread, where all pages are there; else `EAGAIN`, with nothing copied.
        case present(PresentPages)
    }

    /// Threads that copy for `Copier.waiting`, at most `limit`: as many as wait for callers at a time.
    public static func threads(limit: Int) -> RequestThreads {
        // Where that is not allowed, they copy all the same.
        RequestThreads(name: "contract-copy", limit: limit) { try? SystemCalls.leaveDescriptors() }
    }

    /// The most bytes of one copy: between two it can be seen that the caller was interrupted.
    public static let slice = 1 << 20
    /// The most ranges of one copy (`IOV_MAX`).
    public static let mostRanges = 1024
    static let pageSize: UInt64 = 4096

    /// `header.pid` of the request.
    public let thread: pid_t

    private let copier: Copier

    public init(thread: pid_t, copier: Copier) {
        self.thread = thread
        self.copier = copier
    }

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
        // Safety: who called waits for the end.
        nonisolated(unsafe) let vectors = ranges.map { iovec(iov_base: UnsafeMutableRawPointer(bitPattern: UInt($0.address)), iov_len: $0.count) }
        nonisolated(unsafe) let buffer = buffer
        let count = try copy(ranges) { [thread] () throws(Errno) in try SystemCalls.read(process: thread, ranges: vectors, into: buffer) }
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
        // Safety: who called waits for the end.
        nonisolated(unsafe) let bytes = bytes
        let count = try copy([(address, bytes.count)]) { [thread] () throws(Errno) in try SystemCalls.write(process: thread, address: address, bytes) }
        guard count == bytes.count else { throw .badAddress }
    }

    /// True where what would have to wait throws `EAGAIN`.
    public var neverWaits: Bool { if case .present = copier { true } else { false } }

    private func copy(_ ranges: [(address: UInt64, count: Int)], _ call: @escaping @Sendable () throws(Errno) -> Int) throws(Errno) -> Int {
        let result: Result<Int, Errno>
        switch copier {
        case .waiting(let threads): result = threads.perform { Result { () throws(Errno) in try call() } }
        case .present(let pages):
            guard pages.have(ranges, of: thread) else { throw .wouldBlock }
            result = Result { () throws(Errno) in try call() }
        }
        do throws(Errno) { return try result.get() } catch { throw translated(error) }
    }

    public func write(_ bytes: [UInt8], to address: UInt64) throws(Errno) {
        var failure: Errno?
        bytes.withUnsafeBytes { raw in do throws(Errno) { try write(raw, to: address) } catch { failure = error } }
        if let failure { throw failure }
    }
}
