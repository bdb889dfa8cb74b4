import CLinux
import Glibc
import SystemPackage

/// The memory, the descriptors and the identity of other processes.
extension SystemCalls {
    /// process_vm_readv(2) from one or more ranges (at most 1024, `IOV_MAX`) into `buffer`. Returns the bytes read: fewer than
    /// asked for where a range is not readable. `EFAULT`, `ESRCH`, `EPERM`.
    public static func read(process: pid_t, ranges: [iovec], into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        let result = ranges.withUnsafeBufferPointer { clinux_process_read(process, buffer.baseAddress, buffer.count, $0.baseAddress, CInt($0.count)) }
        return try value(result)
    }

    /// process_vm_writev(2) to one range. Returns the bytes written. `EFAULT`, `ESRCH`, `EPERM`.
    public static func write(process: pid_t, address: UInt64, _ bytes: UnsafeRawBufferPointer) throws(Errno) -> Int {
        var remote = iovec(iov_base: UnsafeMutableRawPointer(bitPattern: UInt(address)), iov_len: bytes.count)
        return try value(clinux_process_write(process, bytes.baseAddress, bytes.count, &remote, 1))
    }

    /// pidfd_getfd(2): a duplicate of a descriptor of another process. `EBADF` when it is not open there, `EPERM`.
    public static func duplicate(_ descriptor: CInt, ofProcess process: CInt) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try value(clinux_pidfd_getfd(process, descriptor))))
    }

    /// What is known of an open file without asking its file system's server.
    public struct QuietStatus: Hashable, Sendable {
        public var mode: UInt32
        public var deviceMajor: UInt32
        public var deviceMinor: UInt32
        public var inode: UInt64
        /// The mount, as in the first column of /proc/self/mountinfo.
        public var mount: UInt64
    }

    /// statx(2) with `AT_EMPTY_PATH | AT_STATX_DONT_SYNC`.
    public static func quietStatus(of descriptor: CInt) throws(Errno) -> QuietStatus {
        var raw = clinux_quiet_status()
        _ = try value(clinux_quiet_status(descriptor, &raw))
        return QuietStatus(mode: raw.mode, deviceMajor: raw.device_major, deviceMinor: raw.device_minor, inode: raw.inode, mount: raw.mount)
    }

    /// Makes the calling thread act as another user on files (setfsuid(2)); `groups` nil leaves the supplementary groups.
    /// `EPERM` without `CAP_SETUID`.
    public static func setFileSystemIdentity(uid: UInt32, gid: UInt32, groups: [UInt32]?) throws(Errno) {
        let result = (groups ?? []).withUnsafeBufferPointer { clinux_set_fs_identity(uid, gid, $0.baseAddress, groups == nil ? -1 : CInt($0.count)) }
        _ = try value(result)
    }

    /// The symbolic name of an errno, e.g. `EINVAL`; nil for one that the C library does not know.
    public static func name(of errno: Errno) -> String? { clinux_error_name(errno.rawValue).map { String(cString: $0) } }

    /// The supplementary groups of the calling thread.
    public static func groups() -> [UInt32] {
        let count = getgroups(0, nil)
        guard count > 0 else { return [] }
        var groups = [UInt32](repeating: 0, count: Int(count))
        let filled = getgroups(count, &groups)
        return Array(groups.prefix(Int(max(filled, 0))))
    }

    /// The calling thread gets a descriptor table of its own, with nothing but the first three in it (close_range(2)). Those of the process are reached by
    /// `path(ofDescriptor:)`; threads that it starts share the new one.
    public static func leaveDescriptors() throws(Errno) { _ = try value(clinux_leave_descriptors()) }
}
