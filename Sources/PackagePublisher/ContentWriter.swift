import Integrity
import LinuxSystem
import PackageFormat

/// The coordinator: goes through the files in directory order, has workers read, hash and compress, and writes chunks in order.
///
/// Invariants: decisions (what is equal to what, which chunk holds what) depend on content and order only, never on timing; at most
/// `window` chunks and `lookahead` batches are in memory. One thread.
final class ContentWriter {
    /// Bytes of small files read ahead in one piece, if the chunk size is not larger.
    static let batchLength = 512 * 1024
    /// Small files in one piece.
    static let batchCount = 128

    private enum Item { case batch(BatchWork), large(ScannedFile) }

    private let options: PublishOptions
    private let chunkSize: Int
    private let pool: WorkPool
    private let chunkBuffers: BufferPool
    private let batchBuffers: BufferPool
    private let output: PackOutput?
    private let report: (UInt64, UInt64) throws(PublishError) -> Void
    private let window: Int

    private(set) var tables = ContentTables()
    private(set) var storedBytes: UInt64 = 0
    /// For each file that was dealt with: its node and its object.
    private(set) var assignments: [(node: UInt32, object: UInt32)] = []
    private var bytesDone: UInt64 = 0

    /// Chunks in flight, in the order in which they are written, with the object of the large file that they belong to.
    private var inFlight: [(work: ChunkWork, object: Int)] = []
    /// The chunk that small files are gathered in, and the extents that lie in it.
    private var shared: UnsafeMutableRawBufferPointer?
    private var sharedLength = 0
    private var sharedExtents: [Int] = []
    /// Objects of large files by size: a file of a size never seen cannot be a copy.
    private var largeBySize: [UInt64: [(object: Int, file: FirstLeaf)]] = [:]
    private final class FirstLeaf { var digest: Digest? }
    private var leafCells: [Int: FirstLeaf] = [:]

    /// - Parameters:
    ///   - output: where chunks go; nil when content stays in place.
    ///   - report: called with bytes done and stored after each step; throws to stop.
    init(options: PublishOptions, pool: WorkPool, output: PackOutput?, report: @escaping (UInt64, UInt64) throws(PublishError) -> Void) {
        self.options = options
        chunkSize = Int(options.chunkSize)
        self.pool = pool
        self.output = output
        self.report = report
        // Deep enough that workers stay busy while this thread waits for a core on a loaded machine (tens of milliseconds), within 48 MiB.
        window = max(pool.threadCount * 3 + 2, min(pool.threadCount * 24, (48 << 20) / Int(options.chunkSize)))
        chunkBuffers = BufferPool(size: chunkSize)
        batchBuffers = BufferPool(size: max(chunkSize, Self.batchLength))
    }

    deinit { if let shared { chunkBuffers.give(shared) } }

    /// Deals with `count` files, in order, and writes what is new among their content. `file` is asked once for each.
    func write(count: Int, file: (Int) -> ScannedFile) throws(PublishError) {
        var next = 0
        var peeked: ScannedFile?
        var ahead: [Item] = []
        while true {
            while next < count || peeked != nil, ahead.count < pool.threadCount + 2 { ahead.append(item(count, file, &next, &peeked)) }
            if ahead.isEmpty { break }
            switch ahead.removeFirst() {
            case .batch(let work): try finish(batch: work)
            case .large(let file): try write(large: file)
            }
            try report(bytesDone, storedBytes)
        }
        emitShared()
        try drain(to: 0)
        tables.finish()
        tables.linkChunks(chunkSize: options.chunkSize)
    }

    /// The next piece of work: a large file, or a run of small ones, which starts to be read. `peeked` is a file that was asked for and not used.
    private func item(_ count: Int, _ file: (Int) -> ScannedFile, _ next: inout Int, _ peeked: inout ScannedFile?) -> Item {
        func take() -> ScannedFile? {
            if let file = peeked { peeked = nil; return file }
            guard next < count else { return nil }
            next += 1
            return file(next - 1)
        }
        let first = take()!
        if first.size > UInt64(chunkSize) { return .large(first) }
        var batch = [first]
        var length = first.size
        while batch.count < Self.batchCount, let file = take() {
            guard file.size <= UInt64(chunkSize), length + file.size <= UInt64(batchBuffers.size) else { peeked = file; break }
            batch.append(file)
            length += file.size
        }
        return .batch(submit(batch: batch))
    }

    private func submit(batch files: [ScannedFile]) -> BatchWork {
        let work = BatchWork(files, buffers: batchBuffers, wantsSegmentDigests: options.inPlace)
        pool.submit(work)
        return work
    }

    private func assign(_ node: Int, _ object: Int) { assignments.append((UInt32(node), UInt32(object))) }

    // MARK: Small files

    private func finish(batch work: BatchWork) throws(PublishError) {
        pool.wait(work)
        if let failure = work.failure { throw failure }
        for (file, content) in zip(work.files, work.contents) {
            bytesDone += file.size
            if let object = tables.object(content.digest) {
                assign(file.node, object)
                continue
            }
            let object = tables.addObject(size: file.size, segments: content.segments)
            tables.setDigest(content.digest, ofObject: object)
            assign(file.node, object)
            if options.inPlace {
                keepInPlace(content, node: file.node, object: object)
            } else {
                try gather(content, UnsafeRawBufferPointer(rebasing: work.buffer[content.range]), object: object)
            }
        }
    }

    private func keepInPlace(_ content: BatchWork.Content, node: Int, object: Int) {
        for (segment, digest) in zip(content.segments, content.segmentDigests) {
            let chunk = tables.addChunk(rawLength: Int(segment.length), source: ChunkRecord.inPlaceFlag | UInt32(node))
            tables.chunks[chunk].digest = digest
            tables.chunks[chunk].offset = segment.offset
            tables.extents.append(ExtentRecord(fileOffset: segment.offset, byteCount: segment.length, firstChunk: UInt32(chunk), offsetInChunk: 0, object: UInt32(object)))
            storedBytes += segment.length
        }
    }

    private func gather(_ content: BatchWork.Content, _ bytes: UnsafeRawBufferPointer, object: Int) throws(PublishError) {
        if bytes.isEmpty { return }
        if sharedLength + bytes.count > chunkSize {
            emitShared()
            try drain(to: window)
        }
        if shared == nil { shared = chunkBuffers.take() }
        UnsafeMutableRawBufferPointer(rebasing: shared![sharedLength...]).copyMemory(from: bytes)
        for segment in content.segments {
            sharedExtents.append(tables.extents.count)
            tables.extents.append(ExtentRecord(fileOffset: segment.offset, byteCount: segment.length, firstChunk: 0, offsetInChunk: UInt32(sharedLength), object: UInt32(object)))
            sharedLength += Int(segment.length)
        }
    }

    /// Sends the gathered chunk on its way.
    private func emitShared() {
        guard let buffer = shared else { return }
        let number = tables.addChunk(rawLength: sharedLength)
        for extent in sharedExtents { tables.extents[extent].firstChunk = UInt32(number) }
        submit(ChunkWork(file: nil, segments: [], buffers: chunkBuffers, buffer: buffer, rawLength: sharedLength, number: number, compresses: true), object: -1)
        shared = nil
        sharedLength = 0
        sharedExtents.removeAll(keepingCapacity: true)
    }

    // MARK: Large files

    private func write(large scanned: ScannedFile) throws(PublishError) {
        let file = try LargeFile(scanned)
        if let object = try copy(of: file) {
            bytesDone += scanned.size
            assign(scanned.node, object)
            return
        }
        if file.segments.byteCount <= UInt64(chunkSize) {
            let batch = submit(batch: [scanned])
            let before = tables.objects.count
            try finish(batch: batch)
            if tables.objects.count > before {
                let cell = FirstLeaf()
                cell.digest = try file.readFirstLeaf()
                largeBySize[scanned.size, default: []].append((before, cell))
            }
            return
        }
        let object = tables.addObject(size: scanned.size, segments: file.segments)
        assign(scanned.node, object)
        let cell = FirstLeaf()
        leafCells[object] = cell
        largeBySize[scanned.size, default: []].append((object, cell))
        var extent = tables.extents.count
        for segment in file.segments {
            tables.extents.append(ExtentRecord(fileOffset: segment.offset, byteCount: segment.length, firstChunk: 0, offsetInChunk: 0, object: UInt32(object)))
        }
        // Counted before the first can be done.
        file.remaining = file.pieces(chunkSize: UInt64(chunkSize), sharing: !options.inPlace).reduce(0) { count, _ in count + 1 }
        for piece in file.pieces(chunkSize: UInt64(chunkSize), sharing: !options.inPlace) {
            let length = Int(piece.byteCount)
            let number = tables.addChunk(rawLength: length, source: options.inPlace ? ChunkRecord.inPlaceFlag | UInt32(scanned.node) : 0)
            if options.inPlace { tables.chunks[number].offset = piece[0].offset }
            var place: UInt32 = 0
            for segment in piece {
                if tables.extents[extent].fileOffset == segment.offset {
                    tables.extents[extent].firstChunk = UInt32(number)
                    tables.extents[extent].offsetInChunk = place
                }
                if tables.extents[extent].fileEnd == segment.end { extent += 1 }
                place += UInt32(segment.length)
            }
            submit(ChunkWork(file: file, segments: piece, buffers: chunkBuffers, rawLength: length, number: number, compresses: !options.inPlace), object: object)
            try drain(to: window)
        }
    }

    /// The object that holds the same content, if there is one. Only a file of the same size and first block is read for it.
    private func copy(of file: LargeFile) throws(PublishError) -> Int? {
        guard let candidates = largeBySize[file.scanned.size] else { return nil }
        try drain(to: 0)
        let leaf = try file.readFirstLeaf()
        guard candidates.contains(where: { $0.file.digest == leaf }) else { return nil }
        let reader = try LargeFile(file.scanned)
        var works: [ChunkWork] = []
        func take(_ work: ChunkWork) throws(PublishError) {
            pool.wait(work)
            if let failure = work.failure { throw failure }
            reader.add(work.segments, leaves: work.leaves)
        }
        for piece in reader.pieces(chunkSize: UInt64(chunkSize), sharing: true) {
            let work = ChunkWork(file: reader, segments: piece, buffers: chunkBuffers, rawLength: Int(piece.byteCount), number: -1, compresses: false)
            pool.submit(work)
            works.append(work)
            if works.count > window { try take(works.removeFirst()) }
            try report(bytesDone, storedBytes)
        }
        for work in works { try take(work) }
        return tables.object(try reader.finish())
    }

    // MARK: Output

    private func submit(_ work: ChunkWork, object: Int) {
        inFlight.append((work, object))
        pool.submit(work)
    }

    /// Writes finished chunks, in order, until at most `limit` are in flight.
    private func drain(to limit: Int) throws(PublishError) {
        while inFlight.count > limit {
            let (work, object) = inFlight.removeFirst()
            pool.wait(work)
            if let failure = work.failure { throw failure }
            tables.chunks[work.number].digest = work.digest
            tables.chunks[work.number].storedLength = UInt32(work.storedLength)
            tables.chunks[work.number].codec = work.codec
            if let output {
                tables.chunks[work.number].offset = try output.append(UnsafeRawBufferPointer(rebasing: work.buffer[..<work.storedLength]))
            }
            storedBytes += UInt64(work.storedLength)
            if let file = work.file { try complete(file, work, object) }
            try report(bytesDone, storedBytes)
        }
    }

    private func complete(_ file: LargeFile, _ work: ChunkWork, _ object: Int) throws(PublishError) {
        file.add(work.segments, leaves: work.leaves)
        bytesDone += UInt64(work.rawLength)
        file.remaining -= 1
        guard file.remaining == 0 else { return }
        bytesDone += file.scanned.size - file.segments.byteCount
        tables.setDigest(try file.finish(), ofObject: object)
        leafCells.removeValue(forKey: object)?.digest = file.firstLeaf
    }
}
