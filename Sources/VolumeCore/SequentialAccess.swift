/// Detects sequential reading of one file and says which chunks to fetch ahead: a window that doubles with each chunk read in
/// order keeps the link busy without fetching much for those who jump. Pure, in chunk numbers of the file; the owner holds a lock.
public struct SequentialAccess: Sendable, Equatable {
    /// The largest window, in bytes: 4 MiB.
    public static let maximumWindow: UInt64 = 4 << 20

    /// The chunk of the last access; -1 before the first.
    public private(set) var last = -1
    private var window = 0
    /// Chunks before this one have been asked for by the current run.
    private var askedTo = 0

    public init() {}

    /// The reader is at chunk `chunk` of a file of `count` chunks of `chunkSize` bytes. Returns the chunks to ask for now, if any.
    public mutating func access(chunk: Int, count: Int, chunkSize: UInt64) -> Range<Int>? {
        if chunk == last { return nil }
        let inOrder = chunk == last + 1 && last >= 0 || chunk == 0 && last < 0
        last = chunk
        guard inOrder else {
            window = 0
            askedTo = chunk + 1
            return nil
        }
        let limit = max(1, Int(Self.maximumWindow / chunkSize))
        window = min(max(window * 2, 1), limit)
        let start = max(askedTo, chunk + 1)
        let end = min(chunk + 1 + window, count)
        // Ask in pieces of half a window, so that requests stay large; at the end take what is left.
        guard start < end, end - start >= (window + 1) / 2 || end == count else { return nil }
        askedTo = end
        return start..<end
    }
}
