/// The names in the root of a mount that are not those of its files.
public enum SpecialName {
    public static let pendingReads = Array(".pending_reads".utf8)
    public static let log = Array(".log".utf8)
    public static let blocksWritten = Array(".blocks_written".utf8)
    public static let index = Array(".index".utf8)
    public static let incomplete = Array(".incomplete".utf8)

    /// The special files, in the order of their inode numbers, 2, 3, 4.
    public static let files = [pendingReads, log, blocksWritten]
}
