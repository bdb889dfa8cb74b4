import LinuxSystem

/// The header and the metadata records of a backing file; all numbers little-endian, nothing padded.
///
///     HEADER, 56 bytes                          RECORD, 23 bytes and its body
///     OFFSET SIZE MEANING                       OFFSET SIZE MEANING
///          0    8 magic "INCFS\0\0\0"                0    1 type
///          8    8 version, 1                         1    2 size of the whole record
///         16    2 header size, 56                    3    4 unused
///         18    2 block size, 4096                   7    8 offset of the next record, 0 is none
///         20    4 flags, 2 is a mapped file         15    8 unused
///         24    8 first record, or source offset
///         32    8 file size
///         40   16 file id, or that of the source
enum BackingRecord {
    static let headerSize = 56
    static let magic: UInt64 = 0x53_4643_4E49
    static let mappedFlag: UInt32 = 2
    static let recordHeaderSize = 23
    /// The longest record, a status.
    static let longestRecord = 55

    enum Kind: UInt8 { case none = 0, blockMap = 1, attribute = 2, signature = 3, status = 4, veritySignature = 5 }

    /// The offset, in the header and in a record, of what leads to the next record.
    static let firstField: UInt64 = 24
    static let nextField: UInt64 = 7

    static func header(flags: UInt32, first: UInt64, size: UInt64, id: FileID) -> [UInt8] {
        number(magic) + number(UInt64(1)) + number(UInt16(headerSize)) + number(UInt16(4096)) + number(flags) + number(first) + number(size) + id.bytes
    }

    static func record(_ kind: Kind, _ body: [UInt8]) -> [UInt8] {
        [kind.rawValue] + number(UInt16(recordHeaderSize + body.count)) + [UInt8](repeating: 0, count: 20) + body
    }

    static func blockMap(base: UInt64, entries: UInt32) -> [UInt8] { record(.blockMap, number(base) + number(entries)) }
    static func signature(size: UInt32, offset: UInt64, treeSize: UInt32, treeOffset: UInt64) -> [UInt8] {
        record(.signature, number(size) + number(offset) + number(treeSize) + number(treeOffset))
    }
    static func status(data: UInt32, hash: UInt32) -> [UInt8] { record(.status, number(data) + number(hash) + [UInt8](repeating: 0, count: 24)) }
    static func veritySignature(size: UInt32, offset: UInt64) -> [UInt8] { record(.veritySignature, number(size) + number(offset)) }

    static func number<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

    static func get<Number: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int, _: Number.Type) -> Number {
        bytes.withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self)) }
    }
}

/// An entry of the block map, 10 bytes: 48 bits of offset, 16 of stored size, 16 of flags whose low three are the compression.
struct BlockEntry: Hashable, Sendable {
    static let size = 10
    var offset: UInt64
    var stored: UInt16
    var compression: UInt8

    var isPresent: Bool { offset != 0 && stored != 0 }

    init(offset: UInt64, stored: UInt16, compression: UInt8) {
        self.offset = offset
        self.stored = stored
        self.compression = compression
    }

    init(_ bytes: UnsafeRawBufferPointer, at position: Int) {
        let low = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
        let high = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 4, as: UInt16.self))
        offset = UInt64(high) << 32 | UInt64(low)
        stored = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 6, as: UInt16.self))
        compression = UInt8(truncatingIfNeeded: UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 8, as: UInt16.self)) & 7)
    }

    var encoded: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.size)
        bytes.withUnsafeMutableBytes { encode(into: $0, at: 0) }
        return bytes
    }

    /// Writes its 10 bytes at `position`.
    func encode(into bytes: UnsafeMutableRawBufferPointer, at position: Int) {
        bytes.storeBytes(of: UInt32(truncatingIfNeeded: offset).littleEndian, toByteOffset: position, as: UInt32.self)
        bytes.storeBytes(of: UInt16(truncatingIfNeeded: offset >> 32).littleEndian, toByteOffset: position + 4, as: UInt16.self)
        bytes.storeBytes(of: stored.littleEndian, toByteOffset: position + 6, as: UInt16.self)
        bytes.storeBytes(of: UInt16(compression).littleEndian, toByteOffset: position + 8, as: UInt16.self)
    }
}
