import Integrity

extension ObjectRecord {
    /// Reads and checks 64 bytes.
    init(_ bytes: UnsafeRawBufferPointer, _ number: Int, _ layout: IndexLayout) throws(InvalidRecord) {
        digest = Digest(bytes)
        size = bytes.little(32)
        firstExtent = bytes.little(40)
        extentCount = bytes.little(44)
        guard size >= 1, size <= PackageLimits.fileSize else { throw .init(table: .objects, number: number, rule: "its size is out of range") }
        guard UInt64(firstExtent) + UInt64(extentCount) <= UInt64(layout.extents) else {
            throw .init(table: .objects, number: number, rule: "its extents do not exist")
        }
        guard bytes.little(UInt64.self, 48) | bytes.little(UInt64.self, 56) == 0 else {
            throw .init(table: .objects, number: number, rule: "a reserved byte is not zero")
        }
    }

    func write(to writer: inout ByteWriter) {
        writer.digest(digest)
        writer.integer(size)
        writer.integer(firstExtent)
        writer.integer(extentCount)
        writer.zeros(16)
    }
}

extension ExtentRecord {
    /// Reads and checks 32 bytes.
    init(_ bytes: UnsafeRawBufferPointer, _ number: Int, _ layout: IndexLayout, _ chunkSize: UInt32) throws(InvalidRecord) {
        fileOffset = bytes.little(0)
        byteCount = bytes.little(8)
        firstChunk = bytes.little(16)
        offsetInChunk = bytes.little(20)
        object = bytes.little(24)
        guard fileOffset % 4096 == 0, fileOffset <= PackageLimits.fileSize, byteCount >= 1, byteCount <= PackageLimits.fileSize else {
            throw .init(table: .extents, number: number, rule: "its offset or length is out of range")
        }
        guard offsetInChunk < chunkSize else { throw .init(table: .extents, number: number, rule: "it starts past its chunk") }
        let chunks = chunkCount(chunkSize: chunkSize)
        guard chunks == 1 || offsetInChunk == 0 else { throw .init(table: .extents, number: number, rule: "it crosses from a shared chunk into the next") }
        guard UInt64(firstChunk) + chunks <= UInt64(layout.chunks) else { throw .init(table: .extents, number: number, rule: "its chunks do not exist") }
        guard object < layout.objects else { throw .init(table: .extents, number: number, rule: "its object does not exist") }
        guard bytes.little(UInt32.self, 28) == 0 else { throw .init(table: .extents, number: number, rule: "it has an unknown flag") }
    }

    func write(to writer: inout ByteWriter) {
        writer.integer(fileOffset)
        writer.integer(byteCount)
        for word in [firstChunk, offsetInChunk, object, 0] { writer.integer(word) }
    }
}

extension ChunkRecord {
    /// Reads and checks 64 bytes.
    init(_ bytes: UnsafeRawBufferPointer, _ number: Int, _ layout: IndexLayout, _ chunkSize: UInt32) throws(InvalidRecord) {
        digest = Digest(bytes)
        offset = bytes.little(32)
        storedLength = bytes.little(40)
        rawLength = bytes.little(44)
        source = bytes.little(48)
        firstExtent = bytes.little(52)
        extentCount = bytes.little(56)
        guard let codec = Codec(rawValue: bytes[60]) else { throw .init(table: .chunks, number: number, rule: "its codec is unknown") }
        self.codec = codec
        guard offset <= PackageLimits.fileSize, rawLength >= 1, rawLength <= chunkSize else {
            throw .init(table: .chunks, number: number, rule: "its offset or raw length is out of range")
        }
        guard storedLength >= 1, codec == .stored ? storedLength == rawLength : storedLength < rawLength else {
            throw .init(table: .chunks, number: number, rule: "its stored length does not fit its raw length")
        }
        guard extentCount >= 1, UInt64(firstExtent) + UInt64(extentCount) <= UInt64(layout.extents) else {
            throw .init(table: .chunks, number: number, rule: "its extents do not exist")
        }
        guard bytes[61] | bytes[62] | bytes[63] == 0 else { throw .init(table: .chunks, number: number, rule: "a reserved byte is not zero") }
    }

    func write(to writer: inout ByteWriter) {
        writer.digest(digest)
        writer.integer(offset)
        for word in [storedLength, rawLength, source, firstExtent, extentCount] { writer.integer(word) }
        writer.integer(codec.rawValue)
        writer.zeros(3)
    }
}
