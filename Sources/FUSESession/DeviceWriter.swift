import FUSEProtocol
import Glibc
import LinuxSystem

/// Puts one message on a FUSE device: the header and what belongs to it, in a single writev(2), as the kernel wants it.
enum DeviceWriter {
    /// Writes a reply. `error` is 0 or a positive errno. Returns 0 or the errno of the write.
    @inline(__always)
    static func reply(_ descriptor: CInt, unique: UInt64, error: CInt, _ payload: UnsafeRawBufferPointer) -> CInt {
        // `struct fuse_out_header` as two words: `len`, `error`; `unique`.
        var header: (UInt64, UInt64) = (0, 0)
        return withUnsafeMutableBytes(of: &header) { bytes in
            FUSEEncoder.header(length: FUSELayout.OutHeader.size + payload.count, error: -error, unique: unique, into: bytes)
            return message(descriptor, UnsafeRawBufferPointer(bytes), payload)
        }
    }

    /// Writes header and payload. Returns 0 or the errno.
    @inline(__always)
    static func message(_ descriptor: CInt, _ header: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) -> CInt {
        let result = SystemCalls.writevResult(descriptor, header, payload)
        if result >= 0 { return 0 }
        return again(descriptor, header, payload, CInt(-result))
    }

    /// A device takes everything at once; a socket in its place may be full or interrupted.
    @inline(never)
    private static func again(_ descriptor: CInt, _ header: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer, _ first: CInt) -> CInt {
        var error = first
        while error == EINTR || error == EAGAIN {
            if error == EAGAIN {
                do throws(Errno) { _ = try SystemCalls.poll(descriptor, events: Int16(POLLOUT), timeoutMilliseconds: -1) } catch { return error.rawValue }
            }
            let result = SystemCalls.writevResult(descriptor, header, payload)
            if result >= 0 { return 0 }
            error = CInt(-result)
        }
        return error
    }

    /// True for errors that say: nobody waits for this reply any more. The caller was killed (ENOENT), or the mount is gone.
    static func meansGone(_ error: CInt) -> Bool {
        switch error {
        case ENOENT, ENODEV, ECONNABORTED, ENOTCONN, EPIPE, ECONNRESET: true
        default: false
        }
    }
}
