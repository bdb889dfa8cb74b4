import Integrity
import Synchronization

/// Blocks of a file's tree that were found right, so that they are not read and hashed again for each data block below them.
/// A block has one place, which the next one of that place takes; nothing is allocated once the memory is there.
final class VerifiedBlocks: @unchecked Sendable {
    // Safety: everything is touched with `lock` held.
    /// 1 MiB of a file's tree: the paths to 32,000 data blocks.
    static let most = 256
    private static let blockSize = Int(Geometry.blockSize)
    private static let nothing = UInt64.max

    private let lock = Mutex(())
    /// Which block is in each place; nil until the first one comes.
    private var numbers: UnsafeMutablePointer<UInt64>?
    private var bytes: UnsafeMutableRawPointer?

    deinit {
        numbers?.deallocate()
        bytes?.deallocate()
    }

    /// The hash at `index` in a block of the tree; nil where that block is not known.
    func digest(_ index: Int, of number: UInt64) -> Digest? {
        lock.withLock { _ in
            let place = Int(number % UInt64(Self.most))
            guard let numbers, let bytes, numbers[place] == number else { return nil }
            return Digest(UnsafeRawBufferPointer(start: bytes + place * Self.blockSize + index * Digest.length, count: Digest.length))
        }
    }

    /// Keeps a whole block.
    func insert(_ number: UInt64, _ block: UnsafeRawBufferPointer) {
        precondition(block.count == Self.blockSize)
        lock.withLock { _ in
            if numbers == nil {
                let made = UnsafeMutablePointer<UInt64>.allocate(capacity: Self.most)
                made.initialize(repeating: Self.nothing, count: Self.most)
                numbers = made
                bytes = .allocate(byteCount: Self.most * Self.blockSize, alignment: 4096)
            }
            let place = Int(number % UInt64(Self.most))
            numbers![place] = number
            (bytes! + place * Self.blockSize).copyMemory(from: block.baseAddress!, byteCount: Self.blockSize)
        }
    }

    /// A block of the tree was stored: nothing below it is known any more.
    func clear() { lock.withLock { _ in numbers?.update(repeating: Self.nothing, count: Self.most) } }
}
