/// The image of 2019: one file that is a whole volume. All numbers little-endian, nothing padded.
///
///     SUPERBLOCK, 32 bytes                      RECORD, 23 bytes and its body
///     OFFSET SIZE MEANING                       OFFSET SIZE MEANING
///          0    8 magic "INCFS\0\0\0"                0    1 type
///          8    8 version, 1                         1    2 size of the whole record
///         16    2 superblock size, 32                3    4 CRC of the record, taken with CRC and next as 0
///         18    4 flags, 0                           7    8 offset of the next record, 0 is none
///         22    8 first record, 0 is none           15    8 offset of the record before, 0 is none
///         30    2 block size, 4096
///
///     INODE, type 1, 45 bytes                   BLOCK MAP, type 2, 43 bytes
///         23    8 number, from 3                    23    8 inode
///         31    8 size in bytes                     31    8 offset of the entries
///         39    2 mode                              39    4 number of entries
///         41    4 flags, 0
///
///     DIRECTORY ACTION, type 3, 296 bytes       BLOCK ENTRY, 14 bytes
///         23    8 inode of the directory             0    4 offset of the data, low
///         31    8 inode that is named                4    2 offset of the data, high
///         39    1 action: 1 adds, 2 removes          6    2 bytes stored, 0 is missing
///         40    1 bytes of the name                  8    2 flags, 1 is LZ4
///         41  255 name, then zeros                  10    4 CRC of what is stored
///
/// The records are a list in the order in which they were appended, each behind the one before; a record counts when the one before it leads to it.
/// The CRC is CRC-32 with the reflected polynomial 0xEDB88320, the initial value 0 and no final inversion.
public enum ImageLayout {
    static let magic: UInt64 = 0x53_4643_4E49
    static let version: UInt64 = 1
    public static let superblockSize = 32
    static let firstRecordField: UInt64 = 22

    static let recordHeaderSize = 23
    static let checksumField = 3
    static let nextField = 7
    static let inodeSize = 45
    static let blockMapSize = 43
    /// Bytes in front of a directory action's name.
    static let actionHeaderSize = 41
    /// What is written; a reader takes also one that ends with its name.
    static let actionSize = actionHeaderSize + ImageLimits.longestName
    static let longestRecord = actionSize

    public static let entrySize = 14
    /// The flag of an entry whose data is LZ4.
    static let lz4Flag: UInt16 = 1
    public static let blockSize = 4096

    /// `.cmd`, which is in no image, and the root.
    public static let commandInode: UInt64 = 1
    public static let rootInode: UInt64 = 2
    /// The mode of the root.
    public static let rootMode: UInt32 = 0o040555
    public static let commandName = Array(".cmd".utf8)
}

/// What an image can hold.
public enum ImageLimits {
    /// Inodes, the root among them, `.cmd` not.
    public static let mostInodes = 1000
    public static let lastInode = UInt64(Int32.max)
    /// Names in all directories together: they are held in memory.
    public static let mostNames = 65_536
    public static let longestName = 255
    /// Records, those of what was removed again among them.
    public static let mostRecords = 1 << 17
    /// Blocks of one file: 8 TiB.
    public static let mostBlocks = UInt64(Int32.max)
    public static let largestFile = mostBlocks * UInt64(ImageLayout.blockSize)
    /// Bytes of a stored block: raw, and LZ4 of what cannot be compressed.
    public static let longestRaw = ImageLayout.blockSize
    public static let longestCompressed = 2 * ImageLayout.blockSize
    /// Where data can lie: 48 bits.
    public static let lastOffset: UInt64 = (1 << 48) - 1
}
