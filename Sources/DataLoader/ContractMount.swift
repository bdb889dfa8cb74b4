import CIncrementalFS
import Glibc
import SystemPackage
import Synchronization

/// A mount of the published Incremental FS interface, as a loader sees it: it creates files whose data is still to come, hears
/// what somebody waits for, and stores blocks. Works on every implementation of the interface.
///
///     let mount = try ContractMount(containing: "/mnt/app")
///     try mount.createFile("bin/program", size: 4096, id: id, mode: 0o555)
///     let filling = try mount.openToFill(id)
///     for await read in mount.pendingReads() {
///         try filling.fill([.init(index: read.block, bytes: block(read.block))])
///     }
///
/// Paths are relative to the mount's root. All functions may be called from any thread and block for as long as one system call
/// takes; none waits for a reader or a loader.
public final class ContractMount: Sendable {
    let control: incfs_control
    let reportsUsers: Bool

    /// Opens the mount that holds `path`. `reportsUsers` as it was mounted (`report_uid`).
    ///
    /// - Throws: `EINVAL` where no Incremental FS is mounted; else what opening its special files says.
    public init(containing path: FilePath, reportsUsers: Bool = false) throws(Errno) {
        var control = incfs_control()
        _ = try value(path.withPlatformString { incfs_open($0, reportsUsers, &control) })
        self.control = control
        self.reportsUsers = reportsUsers
    }

    deinit {
        var control = control
        incfs_close(&control)
    }

    /// Calls the header's functions with the control, which they only read.
    func with<Result>(_ body: (UnsafePointer<incfs_control>) -> Result) -> Result { withUnsafePointer(to: control, body) }
}

/// A result of the C header: a value, or a negative errno.
func value(_ result: CInt) throws(Errno) -> CInt {
    if result < 0 { throw Errno(rawValue: -result) }
    return result
}
