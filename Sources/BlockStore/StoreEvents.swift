import Synchronization

/// What happened in a store since it was opened. Counters only rise; callable from any thread.
public final class StoreEvents: Sendable {
    /// One counter.
    public struct Counter: ~Copyable, Sendable {
        private let count = Atomic<UInt64>(0)
        init() {}
        /// The count so far.
        public var value: UInt64 { count.load(ordering: .relaxed) }
        func add(_ n: Int = 1) { count.wrappingAdd(UInt64(n), ordering: .relaxed) }
    }

    /// Blocks that were present and did not hold what their digest says, or that the disk would not give: missing since.
    public let corruptBlocks = Counter()
    /// Of those, blocks that have been filled again.
    public let refetchedBlocks = Counter()
    /// Reads that the disk answered with an error.
    public let readErrors = Counter()
    /// Blocks that became present by `fill`, and their bytes.
    public let filledBlocks = Counter()
    public let filledBytes = Counter()
    /// Objects that became complete.
    public let completedObjects = Counter()
    /// Objects that were full and did not have the content their name promises.
    public let wrongContents = Counter()
    /// Blocks that were written but not durable before the last boot: found good, and dropped.
    public let recoveredBlocks = Counter()
    public let droppedBlocks = Counter()
    /// Group commits that had something to do, and objects whose data could not be synced.
    public let commits = Counter()
    public let failedCommits = Counter()

    init() {}
}
