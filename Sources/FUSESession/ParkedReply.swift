import FUSEProtocol
import Glibc
import LinuxSystem

/// Where the answer to a parked request goes. A plain value, so that a table can hold it; whoever takes it out of the table
/// answers, once. May be answered from any thread.
///
/// The descriptor is not kept open by it: a table must be emptied before the session's descriptors are closed.
public struct ParkedReply: Hashable, Sendable {
    /// The descriptor that read the request; -1 where no answer is expected.
    public var descriptor: Int32
    /// The request's `unique`, resend bit included.
    public var unique: UInt64

    public init(descriptor: Int32, unique: UInt64) {
        self.descriptor = descriptor
        self.unique = unique
    }

    /// Fails the request. What became of the writing is returned, and may be ignored: `nil`, or the errno when nobody waits
    /// any more (`ENOENT`, `ENODEV`, `ECONNABORTED`) or the kernel refused the answer.
    @discardableResult
    public func error(_ error: Errno) -> Errno? { send(error.rawValue, UnsafeRawBufferPointer(start: nil, count: 0)) }

    /// The data of READ. Returns as `error`; where the kernel refused the answer but still waits, EIO is sent.
    @discardableResult
    public func data(_ bytes: UnsafeRawBufferPointer) -> Errno? { send(0, bytes) }

    /// Success without a payload.
    @discardableResult
    public func ok() -> Errno? { send(0, UnsafeRawBufferPointer(start: nil, count: 0)) }

    /// What a new or another name leads to; counts one lookup.
    @discardableResult
    public func entry(_ entry: FUSEEntry) -> Errno? { encoded { FUSEEncoder.entry(entry, into: $0) } }

    /// SETATTR.
    @discardableResult
    public func attributes(_ attributes: FUSEAttributes, validSeconds: UInt64) -> Errno? {
        encoded { FUSEEncoder.attributes(attributes, validSeconds: validSeconds, into: $0) }
    }

    /// IOCTL: what ioctl(2) returns, an errno negative, and the bytes for the caller's argument, which are copied in either case.
    @discardableResult
    public func ioctl(result: Int32, _ bytes: [UInt8] = []) -> Errno? {
        withUnsafeTemporaryAllocation(byteCount: FUSELayout.IoctlOut.size + bytes.count, alignment: 8) { buffer in
            _ = FUSEEncoder.ioctl(result: result, into: buffer)
            UnsafeMutableRawBufferPointer(rebasing: buffer[FUSELayout.IoctlOut.size...]).copyBytes(from: bytes)
            return send(0, UnsafeRawBufferPointer(buffer))
        }
    }

    private func encoded(_ encode: (UnsafeMutableRawBufferPointer) -> Int) -> Errno? {
        withUnsafeTemporaryAllocation(byteCount: FUSEEncoder.maximumSize, alignment: 8) { buffer in
            send(0, UnsafeRawBufferPointer(rebasing: buffer[..<encode(buffer)]))
        }
    }

    private func send(_ error: CInt, _ payload: UnsafeRawBufferPointer) -> Errno? {
        guard descriptor >= 0 else { return nil }
        let failure = DeviceWriter.reply(descriptor, unique: unique, error: error, payload)
        if failure == 0 { return nil }
        if !DeviceWriter.meansGone(failure) {
            _ = DeviceWriter.reply(descriptor, unique: unique, error: EIO, UnsafeRawBufferPointer(start: nil, count: 0))
        }
        return Errno(rawValue: failure)
    }
}
