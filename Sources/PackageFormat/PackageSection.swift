import Integrity

/// Where a section lies and what its bytes must be.
///
///     OFFSET SIZE MEANING
///          0    8 offset in bytes from the end of the signature room
///          8    8 stored length in bytes
///         16    8 length in bytes after decoding
///         24   32 SHA-256 of the stored bytes
public struct PackageSection: Sendable, Equatable {
    /// Bytes in the record.
    public static let recordLength = 56

    public var offset: UInt64 = 0
    public var storedLength: UInt64 = 0
    public var length: UInt64 = 0
    public var digest: Digest = .zero

    init(offset: UInt64 = 0, storedLength: UInt64 = 0, length: UInt64 = 0, digest: Digest = .zero) {
        self.offset = offset
        self.storedLength = storedLength
        self.length = length
        self.digest = digest
    }

    init(_ reader: inout ByteReader) throws(PackageError) {
        offset = try reader.integer()
        storedLength = try reader.integer()
        length = try reader.integer()
        digest = try reader.digest()
    }

    func write(to writer: inout ByteWriter) {
        writer.integer(offset)
        writer.integer(storedLength)
        writer.integer(length)
        writer.digest(digest)
    }
}
