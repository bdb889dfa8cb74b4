import Integrity

/// What is signed: the package's identity, its totals, and the digest of everything else.
///
///     OFFSET SIZE MEANING
///          0    4 format version, 1
///          4    4 required features, as in the prefix
///          8    8 sequence number: a newer release has a higher one
///         16    8 time, seconds since 1970 (signed)
///         24    4 block size, 4096
///         28    4 chunk size: a power of two from 4096 to 4,194,304
///         32    4 index page size, 65,536
///         36    4 kind of source: 0 packed, 1 in place
///         40    8 regular files (a file with several links counts once)
///         48    8 directories, the root included
///         56    8 symbolic links
///         64    8 bytes in all regular files
///         72    8 data bytes in all regular files: without holes
///         80    8 stored bytes: the chunks as they lie at the source
///         88    4 objects
///         92    4 extents
///         96    4 chunks
///        100    4 index pages
///        104   56 section: tree
///        160   56 section: page digests
///        216   56 section: index
///        272    2 name length, 1 to 255
///        274    2 release length, 0 to 255
///        276    2 pack count, 0 to 256; 0 in place
///        278    2 base path length, 0 to 4095; 0 when packed
///        280    2 note length, 0 to 1024; 0 when packed
///        282    2 entry length, 0 to 4095; 0: none
///        284   36 reserved, 0
///        320      name, release, base path, note, entry, then the packs
///
///     pack
///          0    8 size in bytes
///          8    2 name length, 1 to 255
///         10      name
public struct PackageManifest: Sendable, Equatable {
    /// Bytes before the strings.
    public static let fixedLength = 320
    /// The block size of every package.
    public static let blockSize: UInt32 = 4096

    static let timeOffset = 16, chunkSizeOffset = 28, sourceOffset = 36, filesOffset = 40, objectsOffset = 88
    static let treeOffset = 104, pageDigestsOffset = 160, indexOffset = 216, nameLengthOffset = 272, entryLengthOffset = 282, reservedOffset = 284

    /// A file of stored chunks that lies beside the envelope.
    public struct Pack: Sendable, Equatable {
        /// Its name: one component, raw bytes.
        public var name: [UInt8]
        /// Bytes.
        public var size: UInt64
        public init(name: [UInt8], size: UInt64) { self.name = name; self.size = size }
    }

    /// Where content lies.
    public enum Source: Sendable, Equatable {
        /// In packs beside the envelope; a chunk's source is the pack's number.
        case packed([Pack])
        /// In the published directory itself, at `basePath` relative to the envelope's own directory (empty: that directory).
        /// `note` is the publisher's free text.
        case inPlace(basePath: [UInt8], note: String)
    }

    public var requiredFeatures: UInt32 = 0
    /// The package's name and release, for people. UTF-8 without control characters and `/`.
    public var name: String
    public var release: String
    public var sequence: UInt64
    /// Seconds since 1970.
    public var time: Int64
    /// Bytes of content in a full chunk.
    public var chunkSize: UInt32
    public var source: Source
    /// The program that is meant when the package is run: its path below the root, raw bytes; empty: none.
    public var entry: [UInt8] = []
    public var files: UInt64 = 0
    public var directories: UInt64 = 0
    public var symbolicLinks: UInt64 = 0
    public var bytes: UInt64 = 0
    public var dataBytes: UInt64 = 0
    public var storedBytes: UInt64 = 0
    /// How many records of each kind the index holds.
    public var layout = IndexLayout(objects: 0, extents: 0, chunks: 0)
    public var tree = PackageSection()
    public var pageDigests = PackageSection()
    public var index = PackageSection()

    /// A manifest without content; the publisher fills in the rest.
    public init(name: String, release: String, sequence: UInt64, time: Int64, chunkSize: UInt32, source: Source) {
        self.name = name
        self.release = release
        self.sequence = sequence
        self.time = time
        self.chunkSize = chunkSize
        self.source = source
    }
}
