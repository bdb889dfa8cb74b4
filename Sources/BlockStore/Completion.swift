/// What `StoredObject.completeIfFull` found.
public enum Completion: Sendable, Equatable {
    /// Blocks are missing, or another thread is completing the object right now.
    case notYet
    /// Hashed whole, synced, under its final name.
    case complete
    /// These blocks did not hold what was filled; they are missing again.
    case corrupt([Range<Int>])
    /// Every block holds what was filled, and together they are not the content that the object's name promises. Who
    /// described the blocks lies; all of them were thrown away. Final for that description.
    case wrongContent
}
