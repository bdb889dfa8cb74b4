import CIncrementalFS

/// A read of a block: one that waits for it (`.pending_reads`) or one that had it (`.log`).
public struct PendingBlockRead: Hashable, Sendable {
    public let file: FileID
    /// The block's number in the file; of a mapped file, in its source.
    public let block: UInt32
    /// Counts the reads of a mount; a gap says that some were missed.
    public let serial: UInt32
    /// When the read began, in microseconds of `CLOCK_MONOTONIC`.
    public let microseconds: UInt64
    /// Who reads; nil unless the mount reports users.
    public let uid: UInt32?

    init(_ raw: incfs_read) {
        file = FileID(raw.id)
        block = raw.block
        serial = raw.serial
        microseconds = raw.time_us
        uid = raw.uid == UInt32.max ? nil : raw.uid
    }
}
