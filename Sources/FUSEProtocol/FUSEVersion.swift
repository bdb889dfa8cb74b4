/// The protocol versions we speak. The kernel calls a change that keeps old servers working a "minor".
public enum FUSEVersion {
    /// The major number; it has been 7 since Linux 2.6.14.
    public static let major: UInt32 = 7
    /// The newest minor whose additions we know (Linux 6.18).
    public static let minor: UInt32 = 45
    /// The oldest minor we serve: 7.31 (Linux 5.4). Every layout we read or write has been fixed since 7.23, `max_pages`
    /// since 7.28; what is older has nothing that a test of ours could run on.
    public static let minimumMinor: UInt32 = 31
}

/// Sizes that the protocol fixes, in bytes.
public enum FUSELimits {
    /// The node id of the root directory.
    public static let rootNodeID: UInt64 = 1
    /// The smallest buffer that a read of the device accepts (`FUSE_MIN_READ_BUFFER`).
    public static let minimumReadBuffer = 8192
    /// Room the kernel wants in front of `max_write` bytes in the buffer of a device read: `fuse_in_header` + `fuse_write_in`.
    public static let requestOverhead = 80
    /// The most pages a request can have while `fs.fuse.max_pages_limit` has its default.
    public static let maximumPages: UInt16 = 256
    /// `O_DIRECT` in the `f_flags` that READ carries; ARM has its own number for it.
    public static let directFlag: UInt32 = {
        #if arch(arm64) || arch(arm)
            0x10000
        #else
            0x4000
        #endif
    }()
}
