/// How a directory becomes a package.
public struct PublishOptions: Sendable {
    /// Zstandard levels that can be chosen.
    public static let levels = 1...19
    /// Bytes of name: leaves room for what a pack's file name adds.
    public static let nameLength = 200

    /// The package's name and the stem of its files; nil for the directory's own name.
    public var name: String?
    /// The release, for people; may be empty.
    public var release = ""
    /// The program that is meant when the package is run: a path inside the directory, of an executable file. Nil: none.
    public var entry: [UInt8]?
    /// Zstandard level.
    public var level = 3
    /// Bytes of content in a full chunk: a power of two from 4096 to 4,194,304.
    public var chunkSize: UInt32 = 131_072
    /// Leaves the content where it is: only the envelope is written, and clients read ranges of the published files themselves.
    public var inPlace = false
    /// Where clients find the directory, relative to the envelope's own directory (`/` between components, `..` at most in front).
    /// Nil: the way from the output directory to the published one, if one lies inside the other or both have the same parent.
    public var base: [UInt8]?
    /// Free text for an in-place package.
    public var note = ""
    /// A newer release has a higher one; nil for the time.
    public var sequence: UInt64?
    /// Seconds since 1970; nil for the newest modification time in the directory, so that the same input gives the same bytes.
    public var time: Int64?
    /// Threads that read, hash and compress; nil for one per core.
    public var threads: Int?

    public init() {}
}
