import Integrity
import LinuxSystem
import PackageFormat

/// A file that is read chunk by chunk, and its Merkle tree so far.
final class LargeFile: @unchecked Sendable {
    // Safety: workers use `scanned` and `descriptor`, which never change; all else belongs to the coordinator.
    let scanned: ScannedFile
    let segments: [DataSegment]
    private let owned: OwnedDescriptor
    var descriptor: CInt { owned.rawValue }
    private let tree = VerityTreeBuilder()
    private var position: UInt64 = 0
    /// The digest of the first block, known once the first chunk is done or the file starts with a hole.
    private(set) var firstLeaf: Digest?
    /// Chunks that are not done yet.
    var remaining = 0

    init(_ scanned: ScannedFile) throws(PublishError) {
        self.scanned = scanned
        let descriptor = try scanned.open()
        segments = try scanned.segments(descriptor.rawValue, try scanned.check(descriptor.rawValue))
        do throws(PackageError) { try PackageLimits.checkHoles(size: scanned.size, dataBytes: segments.byteCount, of: scanned.path.string) } catch { throw .format(error) }
        owned = descriptor
        if (segments.first?.offset ?? 1) > 0 { firstLeaf = MerkleTree.zeroBlockDigest }
    }

    /// Adds the blocks of the next chunk, in file order.
    func add(_ segments: [DataSegment], leaves: [Digest]) {
        if firstLeaf == nil { firstLeaf = leaves.first }
        var next = 0
        for segment in segments {
            tree.add(zeroBlocks: (segment.offset - position) / 4096)
            let count = Int(MerkleTree.blockCount(size: segment.length))
            for leaf in leaves[next..<(next + count)] { tree.add(leaf: leaf) }
            next += count
            position = segment.end
        }
    }

    /// The content digest, after the last chunk. Throws `changed` if the file is not what it was.
    func finish() throws(PublishError) -> Digest {
        _ = try scanned.check(descriptor)
        let size = scanned.size
        if position < size { tree.add(zeroBlocks: MerkleTree.blockCount(size: size) - position / 4096) }
        position = 0
        return VerityDigest.contentDigest(root: tree.finish(), size: size)
    }

    /// The digest of the first block, read now.
    func readFirstLeaf() throws(PublishError) -> Digest {
        if let firstLeaf { return firstLeaf }
        var block = [UInt8](repeating: 0, count: Int(min(4096, scanned.size)))
        let outcome: Result<Void, PublishError> = block.withUnsafeMutableBytes { raw in
            do throws(PublishError) { return .success(try scanned.read(descriptor, into: raw, at: 0)) } catch { return .failure(error) }
        }
        try outcome.get()
        return block.withUnsafeBytes { SHA256Hasher.hashBlock($0) }
    }

    /// The pieces that its chunks are made of, at most `chunkSize` bytes each. A segment longer than a chunk is cut at multiples of the chunk size
    /// and shares no chunk; shorter ones share chunks among themselves, in order, if `sharing`.
    func pieces(chunkSize: UInt64, sharing: Bool) -> LargeFilePieces { LargeFilePieces(segments: segments, chunkSize: chunkSize, sharing: sharing) }
}
