import Integrity
import LinuxSystem

/// Reads a run of files whose data fits into one chunk each, and takes their digests.
final class BatchWork: Work, @unchecked Sendable {
    // Safety: as in `Work`.
    /// One file's outcome.
    struct Content {
        /// The fs-verity digest.
        var digest: Digest
        var segments: [DataSegment]
        /// SHA-256 of each segment's bytes, for chunks that are delivered as they lie; empty when packing.
        var segmentDigests: [Digest]
        /// The data's place in `buffer`, segment after segment.
        var range: Range<Int>
    }

    let files: [ScannedFile]
    /// Taken from `buffers`, and given back when this object goes.
    let buffer: UnsafeMutableRawBufferPointer
    private let buffers: BufferPool
    private let wantsSegmentDigests: Bool
    private(set) var contents: [Content] = []
    /// Why it stopped; the contents before are good.
    private(set) var failure: PublishError?

    /// The buffers must have room for the data of all files.
    init(_ files: [ScannedFile], buffers: BufferPool, wantsSegmentDigests: Bool) {
        self.files = files
        self.buffers = buffers
        buffer = buffers.take()
        self.wantsSegmentDigests = wantsSegmentDigests
    }

    deinit { buffers.give(buffer) }

    override func run(_ tools: WorkerTools) {
        var used = 0
        do throws(PublishError) {
            for file in files { try read(file, tools.tree, &used) }
        } catch { failure = error }
    }

    private func read(_ file: ScannedFile, _ tree: VerityTreeBuilder, _ used: inout Int) throws(PublishError) {
        let descriptor = try file.open()
        let segments = try file.segments(descriptor.rawValue, try file.check(descriptor.rawValue))
        let start = used
        var position: UInt64 = 0
        var digests: [Digest] = []
        tree.reset()
        for segment in segments {
            guard segment.length <= UInt64(buffer.count - used) else { throw .changed(file.path) }
            let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[used..<(used + Int(segment.length))])
            try file.read(descriptor.rawValue, into: bytes, at: segment.offset)
            tree.add(zeroBlocks: (segment.offset - position) / 4096)
            tree.update(UnsafeRawBufferPointer(bytes))
            if wantsSegmentDigests { digests.append(SHA256Hasher.hash(UnsafeRawBufferPointer(bytes))) }
            used += bytes.count
            position = segment.end
        }
        if position < file.size { tree.add(zeroBlocks: MerkleTree.blockCount(size: file.size) - position / 4096) }
        _ = try file.check(descriptor.rawValue)
        let digest = VerityDigest.contentDigest(root: tree.finish(), size: file.size)
        contents.append(Content(digest: digest, segments: segments, segmentDigests: digests, range: start..<used))
    }
}
