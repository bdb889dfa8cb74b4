import CLinux
import Glibc
import SystemPackage

/// What a program that sees its own mounts needs (mount_namespaces(7)).
extension SystemCalls {
    /// Enters a mount namespace whose mounts nobody else sees, and with `asUser` a user namespace of its own in which user and group stay
    /// what they are: there an ordinary user may mount. The process must have one thread.
    ///
    /// - Throws: `EPERM` or `ENOSPC` where the system does not let its users have namespaces, `EINVAL` with more threads than one.
    public static func enterMountNamespace(asUser: Bool) throws(Errno) { _ = try value(clinux_enter_mount_namespace(asUser ? 1 : 0)) }

    /// Lets a descriptor stay open in a program that replaces this one (fcntl(2), `FD_CLOEXEC`).
    public static func keepAcrossExecution(_ descriptor: CInt) throws(Errno) { if fcntl(descriptor, F_SETFD, 0) < 0 { throw Errno(rawValue: errno) } }

    /// Shows `source`, a file or directory with all that is mounted below, at `target` as well.
    public static func bindMount(_ source: FilePath, at target: FilePath) throws(Errno) {
        _ = try value(source.withPlatformString { s in target.withPlatformString { clinux_bind_mount(s, $0) } })
    }

    /// Mounts an empty memory file system (tmpfs(5)).
    public static func mountMemory(at target: FilePath) throws(Errno) { _ = try value(target.withPlatformString { clinux_mount_tmpfs($0) }) }

    /// Mounts an overlayfs with these options, as mount(8) takes them; always `nosuid` and `nodev`.
    public static func mountOverlay(at target: FilePath, options: String, noExec: Bool) throws(Errno) {
        _ = try value(target.withPlatformString { t in options.withCString { clinux_mount_overlay(t, $0, noExec ? 1 : 0) } })
    }
}
