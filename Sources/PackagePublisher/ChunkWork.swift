import Integrity
import LinuxSystem
import PackageFormat

/// Makes one chunk: from memory that the coordinator filled with small files, or from a large file's segments, which it reads and
/// whose blocks it hashes. Leaves the stored bytes and their digest.
final class ChunkWork: Work, @unchecked Sendable {
    // Safety: as in `Work`.
    /// The file to read from; nil when `buffer` is filled already.
    let file: LargeFile?
    /// What to read, in order.
    let segments: [DataSegment]
    /// The content; afterwards the stored bytes. Given back to `buffers` when this object goes.
    let buffer: UnsafeMutableRawBufferPointer
    private let buffers: BufferPool
    let rawLength: Int
    /// The chunk's number; -1 when the file is only hashed.
    let number: Int
    private let compresses: Bool

    /// The digests of the segments' blocks, 32 bytes each.
    private(set) var leaves: [Digest] = []
    private(set) var storedLength = 0
    private(set) var codec = ChunkRecord.Codec.stored
    private(set) var digest = Digest.zero
    private(set) var failure: PublishError?

    /// - Parameter buffer: the content, taken from `buffers`; nil to take one.
    init(file: LargeFile?, segments: [DataSegment], buffers: BufferPool, buffer: UnsafeMutableRawBufferPointer? = nil, rawLength: Int, number: Int, compresses: Bool) {
        self.file = file
        self.segments = segments
        self.buffers = buffers
        self.buffer = buffer ?? buffers.take()
        self.rawLength = rawLength
        self.number = number
        self.compresses = compresses
    }

    deinit { buffers.give(buffer) }

    override func run(_ tools: WorkerTools) {
        do throws(PublishError) {
            if let file { try read(file) }
        } catch { failure = error; return }
        guard number >= 0 else { return }
        storedLength = rawLength
        if compresses && rawLength > 1 {
            // One byte less than the content: a frame that does not fit is not worth having.
            let room = UnsafeMutableRawBufferPointer(rebasing: tools.scratch[..<(rawLength - 1)])
            if let length = tools.compressor.compress(UnsafeRawBufferPointer(rebasing: buffer[..<rawLength]), into: room) {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[..<length]))
                storedLength = length
                codec = .zstd
            }
        }
        digest = SHA256Hasher.hash(UnsafeRawBufferPointer(rebasing: buffer[..<storedLength]))
    }

    private func read(_ file: LargeFile) throws(PublishError) {
        var used = 0
        leaves.reserveCapacity(rawLength / 4096 + segments.count)
        for segment in segments {
            let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[used..<(used + Int(segment.length))])
            try file.scanned.read(file.descriptor, into: bytes, at: segment.offset)
            SHA256Hasher.hashBlocks(UnsafeRawBufferPointer(bytes)) { leaves.append($1) }
            used += bytes.count
        }
    }
}
