import LinuxSystem

/// What a volume is told at its start.
public struct VolumeConfiguration: Sendable {
    /// After how many seconds a parked read ends in ETIME; nil: never (the default for delivered packages).
    public var readTimeoutSeconds: Double?
    /// Objects kept resolved at most; each may hold up to two descriptors.
    public var resolvedObjectLimit = 256
    /// Nanoseconds for which a final answer is repeated without asking the origin again.
    public var finalFailureLifetime: UInt64 = FinalFailures.usualLifetime
    /// Where the verified index pages are kept between runs; nil keeps none.
    public var indexCache: FilePath?
    /// Receives events; must not block.
    public var onEvent: @Sendable (VolumeEvent) -> Void = { _ in }

    public init() {}
}
