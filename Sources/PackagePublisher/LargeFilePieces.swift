/// Cuts a file's segments into the content of chunks.
struct LargeFilePieces: Sequence, IteratorProtocol {
    private let segments: [DataSegment]
    private let chunkSize: UInt64
    private let sharing: Bool
    private var cursor = 0
    private var done: UInt64 = 0

    init(segments: [DataSegment], chunkSize: UInt64, sharing: Bool) {
        self.segments = segments
        self.chunkSize = chunkSize
        self.sharing = sharing
    }

    /// The next chunk's segments, in order of file offset.
    mutating func next() -> [DataSegment]? {
        guard cursor < segments.count else { return nil }
        let segment = segments[cursor]
        if segment.length > chunkSize {
            let length = Swift.min(chunkSize, segment.length - done)
            let piece = DataSegment(offset: segment.offset + done, length: length)
            done += length
            if done == segment.length { cursor += 1; done = 0 }
            return [piece]
        }
        var piece: [DataSegment] = []
        var room = chunkSize
        while cursor < segments.count, segments[cursor].length <= room {
            piece.append(segments[cursor])
            room -= segments[cursor].length
            cursor += 1
            if !sharing { break }
        }
        return piece
    }
}
