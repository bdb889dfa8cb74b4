import Synchronization

/// Blocks of a file's tree that were found right, so that they are not hashed again for each data block below them.
final class VerifiedBlocks: Sendable {
    /// 1 MiB of a file's tree: the path to 32,000 data blocks.
    static let most = 256
    private let blocks = Mutex<[UInt64: [UInt8]]>([:])

    func block(_ number: UInt64) -> [UInt8]? { blocks.withLock { $0[number] } }

    func insert(_ number: UInt64, _ bytes: [UInt8]) {
        blocks.withLock { blocks in
            if blocks.count >= Self.most, let some = blocks.keys.first { blocks[some] = nil }
            blocks[number] = bytes
        }
    }

    /// A block of the tree was stored: nothing below it is known any more.
    func clear() { blocks.withLock { $0 = [:] } }
}
