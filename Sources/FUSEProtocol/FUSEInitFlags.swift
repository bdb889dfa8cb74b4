/// What both sides say in INIT that they can do (`FUSE_*` init flags). Bits 32 and up travel in `flags2`, which counts only
/// together with `initExtension`.
public struct FUSEInitFlags: OptionSet, Hashable, Sendable {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    @inlinable static func bit(_ number: UInt64) -> Self { Self(rawValue: 1 << number) }

    /// Readahead is sent as background requests, several at a time. 7.6
    public static let asyncRead = bit(0)
    public static let posixLocks = bit(1)  // 7.7
    public static let fileOperations = bit(2)  // 7.9, never used by the kernel
    public static let atomicTruncate = bit(3)  // 7.9
    /// The server answers LOOKUP of "." and ".." on any node (NFS export). 7.10
    public static let exportSupport = bit(4)
    public static let bigWrites = bit(5)  // 7.9
    public static let dontMask = bit(6)  // 7.12
    public static let spliceWrite = bit(7)  // 7.14
    public static let spliceMove = bit(8)  // 7.14
    public static let spliceRead = bit(9)  // 7.14
    public static let flockLocks = bit(10)  // 7.17
    public static let ioctlOnDirectories = bit(11)  // 7.18
    public static let autoInvalidateData = bit(12)  // 7.20
    public static let readdirplus = bit(13)  // 7.21
    /// The kernel chooses READDIRPLUS only where somebody looks at the entries. 7.21
    public static let readdirplusAuto = bit(14)
    /// Direct I/O is split and sent as background requests: its readers get no INTERRUPT and cannot be killed. 7.22
    public static let asyncDirectIO = bit(15)
    public static let writebackCache = bit(16)  // 7.23
    /// OPEN answered by ENOSYS once means: no more OPEN, every open succeeds. 7.23
    public static let noOpenSupport = bit(17)
    public static let parallelDirectoryOperations = bit(18)  // 7.25
    public static let handleKillPrivileges = bit(19)  // 7.26
    public static let posixACL = bit(20)  // 7.26
    public static let abortError = bit(21)  // 7.27
    public static let maxPages = bit(22)  // 7.28
    public static let cacheSymlinks = bit(23)  // 7.28
    /// The same as `noOpenSupport` for OPENDIR, with cached directories. 7.29
    public static let noOpendirSupport = bit(24)
    public static let explicitInvalidateData = bit(25)  // 7.30
    public static let mapAlignment = bit(26)  // 7.31
    public static let submounts = bit(27)  // 7.32
    public static let handleKillPrivilegesV2 = bit(28)  // 7.33
    public static let setxattrExtension = bit(29)  // 7.33
    /// `flags2` is meant. 7.36
    public static let initExtension = bit(30)
    public static let initReserved = bit(31)  // 7.36
    public static let securityContext = bit(32)  // 7.36
    public static let inodeDAX = bit(33)  // 7.36
    public static let createSupplementaryGroup = bit(34)  // 7.38
    public static let expireOnly = bit(35)  // 7.38
    public static let directIOAllowMmap = bit(36)  // 7.39
    /// Reads of a file can be handed to a file below; wants `max_stack_depth`. 7.40
    public static let passthrough = bit(37)
    public static let noExportSupport = bit(38)  // 7.40
    /// NOTIFY_RESEND is understood. 7.40
    public static let hasResend = bit(39)
    public static let allowIDMap = bit(40)  // 7.41
    public static let overIOUring = bit(41)  // 7.42
    public static let requestTimeout = bit(42)  // 7.43
}

/// Flags of an OPEN or OPENDIR reply (`FOPEN_*`).
public struct FUSEOpenFlags: OptionSet, Hashable, Sendable {
    public var rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let directIO = Self(rawValue: 1 << 0)  // 7.2
    /// Keep the pages of earlier opens. Without it an open waits in the kernel for every parked READ of the file. 7.2
    public static let keepCache = Self(rawValue: 1 << 1)
    public static let nonSeekable = Self(rawValue: 1 << 2)  // 7.10
    public static let cacheDirectory = Self(rawValue: 1 << 3)  // 7.28
    public static let stream = Self(rawValue: 1 << 4)  // 7.31
    /// No FLUSH at close(2). 7.35
    public static let noFlush = Self(rawValue: 1 << 5)
    public static let parallelDirectWrites = Self(rawValue: 1 << 6)  // 7.38
    public static let passthrough = Self(rawValue: 1 << 7)  // 7.40
}
