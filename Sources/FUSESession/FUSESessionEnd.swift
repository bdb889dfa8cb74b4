import Glibc
import LinuxSystem

/// Why a session ended.
public enum FUSESessionEnd: Hashable, Sendable, CustomStringConvertible {
    /// The file system was unmounted, and its last file closed.
    case unmounted
    /// The connection was aborted, by `umount -f` or through `/sys/fs/fuse/connections`.
    case aborted
    /// `stop()` was called; the mount is still there.
    case stopped
    /// The device could not be read.
    case failed(Errno)

    public var description: String {
        switch self {
        case .unmounted: "the file system was unmounted"
        case .aborted: "the connection to the kernel was aborted"
        case .stopped: "the session was stopped"
        case .failed(let error): "the FUSE device cannot be read: \(error)"
        }
    }
}

/// Why a session did not begin.
public enum FUSESessionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kernel speaks a protocol older than `FUSEVersion.minimumMinor`. EPROTO
    case kernelTooOld(major: UInt32, minor: UInt32)
    /// The mount went away, or `stop()` was called, before the kernel and we had agreed. ENODEV
    case ended(FUSESessionEnd)
    /// A system call on the device failed.
    case system(Errno, doing: String)

    /// The errno for programs.
    public var errno: Errno {
        switch self {
        case .kernelTooOld: .protocolError
        case .ended: Errno(rawValue: ENODEV)
        case .system(let error, _): error
        }
    }

    public var description: String {
        switch self {
        case .kernelTooOld(let major, let minor):
            "the kernel's FUSE protocol \(major).\(minor) is older than 7.31: Linux 5.4 or later is needed, 6.1 or later is tested"
        case .ended(let end): "the mount ended before it was ready: \(end)"
        case .system(let error, let doing): "\(doing) failed: \(error)"
        }
    }
}
