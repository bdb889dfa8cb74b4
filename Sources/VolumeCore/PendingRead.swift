import LinuxSystem

/// A READ whose answer is owed: what was asked, by whom, and what it waits for. Plain data.
public struct PendingRead: Sendable {
    /// Names the request on its connection; with `descriptor` it is all that an answer needs.
    public var unique: UInt64
    /// The descriptor that read the request: the answer goes back through it.
    public var descriptor: CInt
    /// The thread id of the reader in our pid namespace; 0 if it is outside.
    public var processID: UInt32
    /// The node in the package's tree.
    public var node: UInt32
    /// The object that holds the node's content.
    public var object: UInt32
    /// Bytes from the start of the file.
    public var offset: UInt64
    /// Bytes asked for, not clipped at the end of the file.
    public var size: UInt32
    /// Direct I/O: the whole range is answered at once and nothing is pushed into the page cache.
    public var isDirect: Bool
    /// When it was parked.
    public var since: MonotonicTime
    /// When it ends in ETIME; nil waits for ever.
    public var deadline: MonotonicTime?
    /// How often its blocks had arrived and were gone again when they were read: a disk that keeps nothing.
    public var losses = 0
    /// So many losses, then the read ends in EIO instead of fetching for ever.
    public static let lossLimit = 5

    public init(
        unique: UInt64, descriptor: CInt, processID: UInt32, node: UInt32, object: UInt32,
        offset: UInt64, size: UInt32, isDirect: Bool, since: MonotonicTime, deadline: MonotonicTime?
    ) {
        self.unique = unique
        self.descriptor = descriptor
        self.processID = processID
        self.node = node
        self.object = object
        self.offset = offset
        self.size = size
        self.isDirect = isDirect
        self.since = since
        self.deadline = deadline
    }
}
