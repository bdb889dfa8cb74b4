/// What a backing file consists of, as it was found: nothing here has been believed yet.
public struct BackingStructure: Sendable {
    public struct Record: Hashable, Sendable {
        public var offset: UInt64
        public var type: UInt8
        public var size: UInt16
        public var checksum: UInt32
        public var next: UInt64
        public var previous: UInt64
        /// The whole record, header included.
        public var bytes: [UInt8]
    }

    public struct Signature: Hashable, Sendable {
        public var record: UInt64
        public var blobSize: UInt32
        public var blobOffset: UInt64
        public var treeSize: UInt32
        public var treeOffset: UInt64
        /// nil where the blob is ill-formed.
        public var root: [UInt8]?
    }

    public struct Status: Hashable, Sendable {
        public var record: UInt64
        public var data: UInt32
        public var hash: UInt32
    }

    /// A run of present entries that are alike: neighbours in the file, of one compression.
    public struct Run: Hashable, Sendable {
        public var first: UInt64
        public var count: UInt64
        public var compression: UInt16
        public var offset: UInt64
        /// Bytes from `offset` to the end of the last block.
        public var length: UInt64
    }

    public var length: UInt64 = 0
    public var version: UInt64 = 0
    public var flags: UInt32 = 0
    public var firstRecord: UInt64 = 0
    public var size: UInt64 = 0
    public var identity: [UInt8] = []
    public var records: [Record] = []
    public var mapBase: UInt64?
    public var mapEntries: UInt64 = 0
    public var signature: Signature?
    public var status: Status?
    public var veritySignature: (offset: UInt64, size: UInt32)?
    public var runs: [Run] = []
    /// Present entries of the map.
    public var dataPresent: UInt64 = 0
    public var hashPresent: UInt64 = 0
    /// Where the last link is: the header's field or that of the last record.
    var lastLink: UInt64 = 24
    /// The end of the last stored block, in a run that is kept or not.
    var storedEnd: UInt64 = 0
    /// What is occupied, by what, and what lies between and behind, which is not.
    var regions: [(range: Range<UInt64>, what: String)] = []
    var gaps: [Range<UInt64>] = []

    /// How many of the two records there are that say what the data must be.
    var certificates: Int { (signature == nil ? 0 : 1) + (veritySignature == nil ? 0 : 1) }
    public var isMapped: Bool { flags & 2 != 0 }
    public var dataBlocks: UInt64 { Self.blocks(of: size) }
    /// A file of the old kernels, whose records have checksums.
    var isOld: Bool { records.contains { $0.checksum != 0 } }

    /// Blocks of so many bytes.
    static func blocks(of size: UInt64) -> UInt64 { size / 4096 + (size % 4096 == 0 ? 0 : 1) }

    /// Blocks of the hash tree that a signed file of this size has, top first: the sum over its levels.
    public var treeBlocks: UInt64 { Self.levels(dataBlocks).reduce(0, +) }

    /// Blocks of each level, leaves first.
    static func levels(_ dataBlocks: UInt64) -> [UInt64] {
        var levels: [UInt64] = [], count = dataBlocks
        while count > 1 {
            count = count / 128 + (count % 128 == 0 ? 0 : 1)
            levels.append(count)
        }
        return levels
    }
}
