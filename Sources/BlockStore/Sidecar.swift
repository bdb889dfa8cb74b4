import Integrity
import LinuxSystem

/// The state file of an incomplete object, `partial/ab/<hex>.side`. Integers are little-endian.
///
///     OFFSET      SIZE     MEANING
///     0           8        magic "INCFSSID"
///     8           4        version, 1
///     12          4        1: the leaves are those of the name, of blocks that are missing as well; 0: they are not known to be
///     16          8        size of the object in bytes
///     24          8        number of blocks, n
///     32          32       the object's name (content digest)
///     64          16       boot under which the written bits were set
///     80          32       SHA-256 of bytes 0..<80
///     112         …        0 up to 4096
///     4096        W        written bitmap: bit i of byte i / 8 is block i; W is n / 8 rounded up to 4096
///     4096 + W    W        durable bitmap
///     4096 + 2W   32 n     digests of the blocks (leaves)
///
/// Invariants: a written bit is set after the block's data and leaf were written. A durable bit is set after both were
/// synced; on a disk it counts only together with its written bit. A bit is never believed without its leaf: the block is
/// hashed when it first comes from the disk.
struct Sidecar {
    static let headerLength = 112
    static let magic: UInt64 = 0x4449_5353_4643_4e49
    static let version: UInt32 = 1

    let size: UInt64
    let blockCount: Int

    var bitmapLength: UInt64 { (UInt64(blockCount) + 32767) / 32768 * 4096 }
    var writtenOffset: UInt64 { 4096 }
    var durableOffset: UInt64 { 4096 + bitmapLength }
    var leavesOffset: UInt64 { 4096 + 2 * bitmapLength }
    var length: UInt64 { leavesOffset + UInt64(blockCount) * UInt64(Digest.length) }

    func leafOffset(_ block: Int) -> UInt64 { leavesOffset + UInt64(block) * UInt64(Digest.length) }

    /// The header's bytes.
    func header(id: Digest, boot: BootID, isCertified: Bool = false) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.headerLength)
        bytes.withUnsafeMutableBytes { out in
            out.storeBytes(of: Self.magic.littleEndian, toByteOffset: 0, as: UInt64.self)
            out.storeBytes(of: Self.version.littleEndian, toByteOffset: 8, as: UInt32.self)
            out.storeBytes(of: UInt32(isCertified ? 1 : 0).littleEndian, toByteOffset: 12, as: UInt32.self)
            out.storeBytes(of: size.littleEndian, toByteOffset: 16, as: UInt64.self)
            out.storeBytes(of: UInt64(blockCount).littleEndian, toByteOffset: 24, as: UInt64.self)
            id.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: out[32..<64]).copyMemory(from: $0) }
            out.storeBytes(of: boot.high.littleEndian, toByteOffset: 64, as: UInt64.self)
            out.storeBytes(of: boot.low.littleEndian, toByteOffset: 72, as: UInt64.self)
            SHA256Hasher.hash(UnsafeRawBufferPointer(rebasing: out[..<80])).withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: out[80..<112]).copyMemory(from: $0)
            }
        }
        return bytes
    }

    /// Boot and certification in a header of this very object; nil when the header is anything else.
    func state(inHeader bytes: UnsafeRawBufferPointer, id: Digest) -> (boot: BootID, isCertified: Bool)? {
        guard bytes.count >= Self.headerLength else { return nil }
        let boot = BootID(
            high: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 64, as: UInt64.self)),
            low: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 72, as: UInt64.self)))
        let isCertified = bytes[12] == 1
        return header(id: id, boot: boot, isCertified: isCertified).withUnsafeBytes { expected in
            expected.elementsEqual(bytes[..<Self.headerLength]) ? (boot, isCertified) : nil
        }
    }
}
