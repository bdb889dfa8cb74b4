/// What a loader has done and is doing. Counters only grow.
public struct LoaderStatistics: Sendable, Equatable {
    /// Bytes that arrived from the source, wrong ones included.
    public var bytesFetched: UInt64 = 0
    /// Requests sent to the source.
    public var requests: UInt64 = 0
    /// Units asked for again after a failure.
    public var retries: UInt64 = 0
    /// Answers that did not match their digest.
    public var corrupt: UInt64 = 0
    /// Units stored.
    public var stored: UInt64 = 0
    /// Bytes of the units stored.
    public var bytesStored: UInt64 = 0
    /// Units that readers were refused, or that the fill passes over, because the answer was final.
    public var failed: UInt64 = 0
    /// Of those, units whose bytes came and never matched their digest.
    public var damaged: UInt64 = 0
    /// Deliveries that the store could not take.
    public var storageFailures: UInt64 = 0
    /// Requests on the wire now.
    public var inFlight = 0
    /// Demands not yet answered now.
    public var demandsWaiting = 0
    /// Bytes on the wire, or fetched and not yet delivered, now.
    public var bufferedBytes = 0
    /// The link's rate in bytes a second, estimated while something was in flight; 0 while unknown.
    public var rate: UInt64 = 0
    /// Units that the fill passes over, until somebody asks for them.
    public var skipped = 0
    /// Why the first of them was given up; nil without any.
    public var skippedReason: String?
    /// How often the fill was told to look at everything again, `skipped` included.
    public var fillRounds: UInt64 = 0
    /// True when the fill has found nothing missing (apart from `skipped`) and nothing is under way.
    public var fillDone = false
    /// True while the fill stands still because the store's disk is nearly full.
    public var lacksRoom = false
    /// What the loader waits for, in words; nil when things go well.
    public var waitReason: String?
    /// The last failure, in words.
    public var lastError: String?

    public init() {}
}
