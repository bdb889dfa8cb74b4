import Integrity
import LinuxSystem
import Synchronization

/// The leaf digests of a complete object, proven by its name.
///
/// Those of most objects are in memory as a whole. A file of 80 GB has 640 MB of them: of a table that is longer than
/// `StoreOptions.maxWholeLeaves` only the digests of its 4 KiB blocks are kept (a 128th), and what is read of the file of leaves is compared with them.
final class CertifiedLeaves: Sendable {
    /// Leaves in a block of the table: the tree's next level has a digest for each.
    static let blockLeaves = MerkleTree.fanOut
    /// Blocks of a long table that are kept: the leaves of 32 MiB.
    static let keptBlocks = 64

    private enum Storage {
        case whole(LeafTable)
        case file(LeafFile)
    }
    private let storage: Storage

    init(whole table: LeafTable) { storage = .whole(table) }
    init(file: LeafFile) { storage = .file(file) }

    /// Bytes of memory.
    var memory: Int {
        switch storage {
        case .whole(let table): table.bytes.count
        case .file(let file): file.memory
        }
    }

    /// Copies the digests of `blocks`. False when the file of leaves does not give what it proved to have: load it again. Allocates nothing.
    func copy(_ blocks: Range<Int>, to target: UnsafeMutableRawBufferPointer) -> Bool {
        switch storage {
        case .whole(let table):
            table.copy(blocks, to: target)
            return true
        case .file(let file): return file.copy(blocks, to: target)
        }
    }
}
