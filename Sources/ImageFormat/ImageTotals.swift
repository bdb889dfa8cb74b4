/// What was put into an image or taken out of it.
public struct ImageTotals: Hashable, Sendable {
    public var files: UInt64 = 0
    public var directories: UInt64 = 0
    /// Of the files, each counted once.
    public var bytes: UInt64 = 0
    /// Of their blocks, as they are stored.
    public var storedBytes: UInt64 = 0
    public init() {}
}
