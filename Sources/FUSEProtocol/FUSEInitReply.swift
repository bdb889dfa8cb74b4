/// What was agreed in INIT (`struct fuse_init_out`). It is said once in the life of a mount: a server that takes over
/// keeps it.
public struct FUSEInitReply: Hashable, Sendable {
    public var major: UInt32
    /// The smaller of both sides' minors.
    public var minor: UInt32
    /// Bytes.
    public var maxReadahead: UInt32
    public var flags: FUSEInitFlags
    /// How many background requests (readahead, single random reads) may wait for answers before all readahead stops.
    public var maxBackground: UInt16
    public var congestionThreshold: UInt16
    /// Bytes; device reads need a buffer of this and `FUSELimits.requestOverhead`.
    public var maxWrite: UInt32
    /// Nanoseconds.
    public var timeGranularity: UInt32
    /// Pages of one request, with `.maxPages`.
    public var maxPages: UInt16
    /// How deep file systems may be stacked, with `.passthrough`.
    public var maxStackDepth: UInt32

    public init(
        major: UInt32 = FUSEVersion.major, minor: UInt32, maxReadahead: UInt32 = 0, flags: FUSEInitFlags = [], maxBackground: UInt16 = 0,
        congestionThreshold: UInt16 = 0, maxWrite: UInt32 = 4096, timeGranularity: UInt32 = 1, maxPages: UInt16 = 32, maxStackDepth: UInt32 = 0
    ) {
        self.major = major
        self.minor = minor
        self.maxReadahead = maxReadahead
        self.flags = flags
        self.maxBackground = maxBackground
        self.congestionThreshold = congestionThreshold
        self.maxWrite = maxWrite
        self.timeGranularity = timeGranularity
        self.maxPages = maxPages
        self.maxStackDepth = maxStackDepth
    }
}
