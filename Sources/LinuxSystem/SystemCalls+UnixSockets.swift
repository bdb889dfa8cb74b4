import CLinux
import Glibc
import SystemPackage

/// What a server and a client need of a connected stream socket (socket(7), unix(7)).
extension SystemCalls {
    /// accept4(2), close-on-exec. `EAGAIN` on a non-blocking listener without a client.
    public static func acceptConnection(_ listener: CInt) throws(Errno) -> OwnedDescriptor {
        while true {
            let result = accept(listener, nil, nil)
            if result >= 0 {
                _ = fcntl(result, F_SETFD, FD_CLOEXEC)
                return OwnedDescriptor(result)
            }
            if errno != EINTR && errno != ECONNABORTED { throw Errno(rawValue: errno) }
        }
    }

    /// send(2) with `MSG_NOSIGNAL`: a peer that is gone is `EPIPE`, never a signal. Writes all of `bytes`.
    public static func sendAll(_ socket: CInt, _ bytes: [UInt8]) throws(Errno) {
        var done = 0
        while done < bytes.count {
            let (result, code) = bytes.withUnsafeBytes { raw -> (Int, CInt) in
                let result = Glibc.send(socket, raw.baseAddress! + done, raw.count - done, CInt(MSG_NOSIGNAL))
                return (result, errno)
            }
            if result < 0 { if code == EINTR { continue }; throw Errno(rawValue: code) }
            done += result
        }
    }

    /// Process, user and group of whoever connected (`SO_PEERCRED`).
    public static func peerCredentials(_ socket: CInt) throws(Errno) -> (pid: Int32, uid: UInt32, gid: UInt32) {
        var raw: (Int32, UInt32, UInt32) = (0, 0, 0)
        var length = socklen_t(MemoryLayout.size(ofValue: raw))
        if getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &raw, &length) < 0 { throw Errno(rawValue: errno) }
        return (raw.0, raw.1, raw.2)
    }

    /// The time after which a blocked send fails with `EAGAIN` (socket(7), `SO_SNDTIMEO`).
    public static func setSendTimeout(_ socket: CInt, seconds: Int) throws(Errno) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        if setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size)) < 0 { throw Errno(rawValue: errno) }
    }

    /// How long a receive from the socket waits (SO_RCVTIMEO of socket(7)): `EAGAIN` then.
    public static func setReceiveTimeout(_ socket: CInt, milliseconds: Int32) throws(Errno) {
        var time = timeval(tv_sec: Int(milliseconds) / 1000, tv_usec: Int(milliseconds) % 1000 * 1000)
        if setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size)) < 0 { throw Errno(rawValue: errno) }
    }

    /// shutdown(2) of both directions: wakes whoever blocks on the socket.
    public static func shutDown(_ socket: CInt) { _ = shutdown(socket, CInt(SHUT_RDWR)) }
}
