/// Where a block is.
struct ImageEntry: Hashable, Sendable {
    var offset: UInt64
    var stored: UInt16
    var flags: UInt16
    var checksum: UInt32

    var isPresent: Bool { offset != 0 && stored != 0 }
    var end: UInt64 { offset + UInt64(stored) }

    init(offset: UInt64, stored: UInt16, flags: UInt16, checksum: UInt32) {
        self.offset = offset
        self.stored = stored
        self.flags = flags
        self.checksum = checksum
    }

    /// The entry number `index` of `bytes`, which must have it.
    init(_ bytes: UnsafeRawBufferPointer, _ index: Int) {
        let position = index * ImageLayout.entrySize
        let low = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
        offset = UInt64(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 4, as: UInt16.self))) << 32 | UInt64(low)
        stored = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 6, as: UInt16.self))
        flags = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 8, as: UInt16.self))
        checksum = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 10, as: UInt32.self))
    }

    var encoded: [UInt8] {
        ImageBytes.encoded(UInt32(truncatingIfNeeded: offset)) + ImageBytes.encoded(UInt16(truncatingIfNeeded: offset >> 32)) + ImageBytes.encoded(stored)
            + ImageBytes.encoded(flags) + ImageBytes.encoded(checksum)
    }
}
