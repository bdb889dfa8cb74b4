import Integrity
import LinuxSystem

/// The digests of an object's blocks, 32 bytes each, in anonymous memory.
final class LeafTable: @unchecked Sendable {
    // Safety: written by the thread that makes it, only read after it is shared.
    let bytes: UnsafeMutableRawBufferPointer
    /// Big tables are mapped, so that dropping one gives its pages back to the system.
    private let mapping: AlignedBuffer?

    init(blockCount: Int) {
        let count = blockCount * Digest.length
        if count >= 64 << 10 {
            let mapping = AlignedBuffer(count: count)
            self.mapping = mapping
            bytes = UnsafeMutableRawBufferPointer(rebasing: mapping.bytes[..<count])
        } else {
            mapping = nil
            bytes = .allocate(byteCount: count, alignment: 16)
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
        }
    }

    deinit { if mapping == nil { bytes.deallocate() } }

    func set(_ block: Int, _ digest: Digest) {
        digest.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: bytes[(block * Digest.length)...]).copyMemory(from: $0) }
    }

    /// True where no digest was set.
    func isZero(_ block: Int) -> Bool { Digest(slice(block..<(block + 1))) == .zero }

    /// Copies the digests of `blocks`.
    func copy(_ blocks: Range<Int>, to target: UnsafeMutableRawBufferPointer) { target.copyMemory(from: slice(blocks)) }

    /// The digests of `blocks`, valid while the table is held.
    func slice(_ blocks: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[(blocks.lowerBound * Digest.length)..<(blocks.upperBound * Digest.length)])
    }
}
