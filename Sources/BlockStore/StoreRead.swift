import LinuxSystem

/// What became of a read.
public enum StoreRead: Sendable, Equatable {
    /// So many bytes were read: all that were asked for, or up to the object's end.
    case bytes(Int)
    /// `block` is the first of the range that is not present. The buffer's content is not meaningful.
    case missing(block: Int)
    /// These blocks were present and turned out bad, or the disk would not give them. They are missing now: fetch them again
    /// and read again. Further bad blocks of the range may be missing too.
    case corrupt(blocks: Range<Int>)
    /// The system's error; presence is unchanged.
    case failed(Errno)
}
