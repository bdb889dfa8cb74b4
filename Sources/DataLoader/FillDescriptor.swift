import CIncrementalFS
import Glibc
import SystemPackage

/// An open file of a contract mount that may store blocks. Closed with its last reference.
///
/// Every function blocks until the volume has answered, which is soon: storing never waits for readers.
public final class FillDescriptor: Sendable {
    /// A block and how its bytes are encoded.
    public struct Block: Sendable {
        public enum Encoding: Sendable { case raw, lz4, zstd }
        /// The number of a data block, or of a block of the hash tree.
        public var index: UInt32
        /// At most 8,192 bytes. Compressed, what decodes to the block; of a file's last block, to its rest.
        public var bytes: [UInt8]
        public var encoding: Encoding
        public var isHash: Bool

        public init(index: UInt32, bytes: [UInt8], encoding: Encoding = .raw, isHash: Bool = false) {
            self.index = index
            self.bytes = bytes
            self.encoding = encoding
            self.isHash = isHash
        }
    }

    let descriptor: CInt

    init(descriptor: CInt) { self.descriptor = descriptor }
    deinit { close(descriptor) }

    /// Stores blocks in order and returns how many of the first were taken. A block that is there stays as it is and counts as taken.
    ///
    /// - Throws: why the first was not taken: `ERANGE` no such block, `E2BIG` more than 8,192 bytes, `EINVAL` no bytes, 524 a hash
    ///   block of a file without a tree, or what the disk said.
    @discardableResult
    public func fill(_ blocks: [Block]) throws(Errno) -> Int {
        // One piece of memory for all bytes: the blocks point into it.
        var all: [UInt8] = []
        all.reserveCapacity(blocks.reduce(0) { $0 + $1.bytes.count })
        for block in blocks { all += block.bytes }
        let result = all.withUnsafeBytes { bytes -> CInt in
            var offset = 0
            let raw = blocks.map { block -> incfs_block in
                defer { offset += block.bytes.count }
                let encoding = switch block.encoding {
                case .raw: INCFS_RAW
                case .lz4: INCFS_LZ4
                case .zstd: INCFS_ZSTD
                }
                return incfs_block(
                    fd: descriptor, index: block.index, size: UInt32(block.bytes.count), data: bytes.baseAddress.map { $0 + offset }, compression: encoding,
                    kind: block.isHash ? INCFS_HASH : INCFS_DATA)
            }
            return incfs_write_blocks(raw, raw.count)
        }
        return Int(try value(result))
    }

    /// How many data blocks there are, and how many are stored.
    public func dataBlocks() throws(Errno) -> (total: UInt32, filled: UInt32) {
        var counts = incfs_block_counts()
        _ = try value(incfs_get_block_counts(descriptor, &counts))
        return (counts.data_total, counts.data_filled)
    }
}
