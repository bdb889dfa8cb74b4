import Synchronization

/// Counters of one volume. Each is atomic and only grows; reading them together is not a snapshot.
public final class VolumeStatistics: Sendable {
    /// Reads that were parked because a block was missing.
    public let parkedReads = Atomic<UInt64>(0)
    /// Multi-page readahead requests that were refused because a block was missing.
    public let refusedWindows = Atomic<UInt64>(0)
    /// Nanoseconds that parked reads waited, summed over reads.
    public let waitNanoseconds = Atomic<UInt64>(0)
    /// Reads that ended in an error because the answer was final, timed out, or could not be read from disk.
    public let failedReads = Atomic<UInt64>(0)
    /// Delivered units whose bytes did not match their digest.
    public let corruptDeliveries = Atomic<UInt64>(0)
    /// Stored blocks found damaged at a read and asked for again.
    public let corruptBlocks = Atomic<UInt64>(0)
    /// Bytes delivered and verified, as they came from the source.
    public let deliveredBytes = Atomic<UInt64>(0)
    /// Units delivered and stored.
    public let deliveredUnits = Atomic<UInt64>(0)
    /// Pages pushed into the kernel's page cache ahead of a read.
    public let pushedPages = Atomic<UInt64>(0)
    /// Files that a program has read from.
    public let touchedFiles = Atomic<UInt64>(0)

    public init() {}
}
