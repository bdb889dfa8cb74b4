import Glibc
import LinuxSystem

/// What a read of the device means that brought no request (`fuse_dev_do_read` in the kernel).
enum DeviceReadFailure: Hashable {
    /// Nothing to do now: wait.
    case nothingThere
    /// Try again at once: a signal, or a request whose caller went away while we took it.
    case again
    /// No more requests will come.
    case end(FUSESessionEnd)

    /// - Parameter error: the errno; 0 for a read of nothing, which is a closed socket.
    init(_ error: CInt) {
        switch error {
        case EAGAIN: self = .nothingThere
        case EINTR, ENOENT: self = .again
        case 0, ENODEV, ECONNRESET: self = .end(.unmounted)
        case ECONNABORTED: self = .end(.aborted)
        default: self = .end(.failed(Errno(rawValue: error)))
        }
    }
}
