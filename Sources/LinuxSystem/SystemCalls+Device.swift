import CLinux
import Glibc

/// System calls of the threads that serve a device: results instead of throws, because "nothing there" is the usual answer.
extension SystemCalls {
    /// One read(2), not repeated. Returns the bytes read or `-errno`.
    @inline(__always)
    public static func readResult(_ descriptor: CInt, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        Int(clinux_read(descriptor, buffer.baseAddress, buffer.count))
    }

    /// One writev(2) of a header and its payload (which may be empty), not repeated. Returns the bytes written or `-errno`.
    @inline(__always)
    public static func writevResult(_ descriptor: CInt, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Int {
        var vectors = (
            iovec(iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count),
            iovec(iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count)
        )
        let result = withUnsafePointer(to: &vectors) { pointer in
            pointer.withMemoryRebound(to: iovec.self, capacity: 2) { clinux_writev(descriptor, $0, second.isEmpty ? 1 : 2) }
        }
        return Int(result)
    }

    /// Makes an event descriptor readable (eventfd(2)) until somebody reads it.
    public static func signal(event descriptor: CInt) {
        var one: UInt64 = 1
        _ = clinux_write(descriptor, &one, 8)
    }

    /// sched_yield(2).
    public static func yieldProcessor() { sched_yield() }

    /// The processors that are online (sysconf(3)), 1 or more.
    public static var processorCount: Int { max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN))) }
}

/// One thread's wait for a device and for the order to stop: an epoll(7) set in which the device is waited for exclusively,
/// so that a request wakes one of several waiting threads.
public struct DeviceWait: ~Copyable, Sendable {
    private let set: OwnedDescriptor

    /// What became ready.
    public struct Ready: OptionSet, Sendable {
        public var rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }
        /// The device has a request, or an error to report.
        public static let device = Ready(rawValue: 1)
        public static let stop = Ready(rawValue: 2)
    }

    /// Throws `EMFILE`, `ENOMEM`, or `EPERM` for a descriptor that cannot be waited for.
    public init(device: CInt, stop: CInt) throws(Errno) {
        set = OwnedDescriptor(CInt(try SystemCalls.value(clinux_wait_create(device, stop))))
    }

    /// Waits until something is ready or `timeoutMilliseconds` (-1: for ever) have passed; may return early with nothing.
    public func wait(timeoutMilliseconds: CInt = -1) throws(Errno) -> Ready {
        Ready(rawValue: try SystemCalls.value(clinux_wait(set.rawValue, timeoutMilliseconds)))
    }
}
