import Integrity

/// One record of `slabs/log`, which is records one after another and nothing else. Integers are little-endian.
///
///     OFFSET SIZE MEANING
///          0    4 magic "SLR1"
///          4    4 kind: 1 an object, 2 a commit
///          8    8 object: the slab's number; commit: 0
///         16    8 object: where it begins in the slab; commit: bytes of the log that were durable, with their objects
///         24    8 object: its size, 1...16384; commit: 0
///         32   32 object: its name (content digest); commit: 0
///         64   16 boot under which the record was written
///         80   16 0
///         96   32 SHA-256 of bytes 0..<96
///
/// A record that does not check is skipped: its object is missing. Of several records of one object the last counts.
struct SlabRecord: Equatable {
    static let length = 128
    static let magic: UInt32 = 0x3152_4c53

    enum Kind: UInt32 { case object = 1, commit = 2 }

    var kind: Kind
    var slab: UInt64 = 0
    var offset: UInt64
    var size: UInt64 = 0
    var id: Digest = .zero
    var boot: BootID

    init(object id: Digest, slab: UInt64, offset: UInt64, size: UInt64, boot: BootID) {
        kind = .object
        self.slab = slab
        self.offset = offset
        self.size = size
        self.id = id
        self.boot = boot
    }

    init(commitOf durable: UInt64, boot: BootID) {
        kind = .commit
        offset = durable
        self.boot = boot
    }

    /// Reads one record; nil for anything that is not one.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.length,
              UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self)) == Self.magic,
              let kind = Kind(rawValue: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))),
              SHA256Hasher.hash(UnsafeRawBufferPointer(rebasing: bytes[..<96])) == Digest(UnsafeRawBufferPointer(rebasing: bytes[96..<128]))
        else { return nil }
        func word(_ offset: Int) -> UInt64 { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
        self.kind = kind
        slab = word(8)
        offset = word(16)
        size = word(24)
        id = Digest(UnsafeRawBufferPointer(rebasing: bytes[32..<64]))
        boot = BootID(high: word(64), low: word(72))
    }

    /// The record's 128 bytes.
    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.length)
        bytes.withUnsafeMutableBytes { out in
            out.storeBytes(of: Self.magic.littleEndian, toByteOffset: 0, as: UInt32.self)
            out.storeBytes(of: kind.rawValue.littleEndian, toByteOffset: 4, as: UInt32.self)
            out.storeBytes(of: slab.littleEndian, toByteOffset: 8, as: UInt64.self)
            out.storeBytes(of: offset.littleEndian, toByteOffset: 16, as: UInt64.self)
            out.storeBytes(of: size.littleEndian, toByteOffset: 24, as: UInt64.self)
            id.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: out[32..<64]).copyMemory(from: $0) }
            out.storeBytes(of: boot.high.littleEndian, toByteOffset: 64, as: UInt64.self)
            out.storeBytes(of: boot.low.littleEndian, toByteOffset: 72, as: UInt64.self)
            SHA256Hasher.hash(UnsafeRawBufferPointer(rebasing: out[..<96])).withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: out[96..<128]).copyMemory(from: $0)
            }
        }
        return bytes
    }
}
