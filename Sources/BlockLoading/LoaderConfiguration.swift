/// What can be set on a loader. Times are in milliseconds, sizes in stored (transferred) bytes.
public struct LoaderConfiguration: Sendable {
    /// Requests in flight at the origin, of all priorities. 1 or more.
    public var maximumRequests = 8
    /// Requests that demands and index pages may have in flight beyond `maximumRequests`, so that a blocked reader
    /// never waits for a slot that something less urgent holds.
    public var demandReserve = 4
    /// One coalesced request for background or readahead, at most. A single larger unit is still fetched.
    public var coalesceLimit = 1 << 20
    /// One coalesced request for a demand, at most: what comes before a reader's bytes delays him.
    public var demandCoalesceLimit = 128 << 10
    /// Bytes in flight or fetched and not yet delivered, at most; demands may go beyond by a quarter.
    public var bufferLimit = 16 << 20
    /// A unit longer than this is refused (`EIO`): no package has one.
    public var maximumUnitLength = 64 << 20
    /// The first back-off; each further one doubles, with full jitter.
    public var backOffBase: UInt64 = 250
    /// The longest back-off.
    public var backOffLimit: UInt64 = 10_000
    /// The longest `Retry-After` that is honoured.
    public var retryAfterLimit: UInt64 = 600_000
    /// For so long after a demand the background fill keeps to half of the slots and to small requests.
    public var demandMemory: UInt64 = 1000
    /// Answers that do not match their digest before readers get `EIO`.
    public var corruptLimit = 3
    /// An idle fill looks again for missing units this often.
    public var fillRecheck: UInt64 = 30_000
    /// Threads that decode, hash and store. 1 or more.
    public var fillThreads = 2
    /// Whether the background fill runs from the start.
    public var filling = true
    /// Seed of the jitter; nil takes the system's randomness.
    public var seed: UInt64?

    public init() {}
}
