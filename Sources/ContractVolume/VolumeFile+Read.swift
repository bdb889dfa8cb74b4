import BlockCodec
import Integrity
import LinuxSystem

/// What became of reading blocks.
public enum BlockOutcome: Hashable, Sendable {
    /// All that was wanted.
    case bytes
    /// This block is not there, nor was anything behind it looked at.
    case missing(UInt32)
    /// This block cannot be read: `EBADMSG`, `EIO`, `EINVAL`, `ENODATA`, `EOPNOTSUPP`.
    case failed(UInt32, Errno)
}

extension VolumeFile {
    private static let blockSize = Int(Geometry.blockSize)

    /// Reads the blocks from `first` on into `buffer`: whole blocks but for the last, whose missing rest is zeros. `buffer` may end
    /// inside a block, but not past the end of the file's last one.
    ///
    /// Every block is decoded and, if the file has a tree, checked. Allocates nothing.
    public func read(from first: UInt32, into buffer: UnsafeMutableRawBufferPointer) -> BlockOutcome {
        let count = (buffer.count + Self.blockSize - 1) / Self.blockSize
        guard count > 0 else { return .bytes }
        guard UInt64(first) + UInt64(count) <= UInt64(dataBlocks) else { return .failed(first, .invalidArgument) }
        guard mapBase != 0 else { return .failed(first, .noData) }
        return ReadScratch.with { scratch in
            var done = 0
            while done < count {
                let piece = min(count - done, ReadScratch.blocks)
                let target = UnsafeMutableRawBufferPointer(rebasing: buffer[(done * Self.blockSize)..<min((done + piece) * Self.blockSize, buffer.count)])
                let outcome = readPiece(first + UInt32(done), piece, target, scratch)
                guard outcome == .bytes else { return outcome }
                done += piece
            }
            return .bytes
        }
    }

    /// At most `ReadScratch.blocks`.
    private func readPiece(_ first: UInt32, _ count: Int, _ buffer: UnsafeMutableRawBufferPointer, _ scratch: ReadScratch) -> BlockOutcome {
        // 640 bytes: of the stack.
        withUnsafeTemporaryAllocation(byteCount: ReadScratch.blocks * BlockEntry.size, alignment: 8) { room in
            let map = UnsafeMutableRawBufferPointer(rebasing: room[..<(count * BlockEntry.size)])
            if let error = Self.readWhole(descriptor, into: map, at: mapBase + UInt64(first) * UInt64(BlockEntry.size)) { return .failed(first, error) }
            let entries = MapPiece(bytes: UnsafeRawBufferPointer(map))
            for index in 0..<count where !entries[index].isPresent { return .missing(first + UInt32(index)) }
            let tree = tree.withLock { $0 }
            var index = 0
            while index < count {
                // Blocks that were stored one behind the other lie so, and come in one read, whatever their compression.
                var end = index + 1, last = entries[index]
                let offset = last.offset
                var length = stored(last, first + UInt32(index))
                while end < count, Int(last.stored) == stored(last, first + UInt32(end - 1)) {
                    let next = entries[end]
                    guard next.offset == offset + UInt64(length) else { break }
                    length += stored(next, first + UInt32(end))
                    end += 1
                    last = next
                }
                if let failure = readRun(entries, index..<end, length, first, buffer, scratch, tree) { return failure }
                index = end
            }
            return .bytes
        }
    }

    /// How many of a block's stored bytes count: raw ones up to the end of the file, compressed ones up to the limit.
    private func stored(_ entry: BlockEntry, _ block: UInt32) -> Int {
        min(Int(entry.stored), entry.compression == 0 ? wholeLength(block) : Geometry.longestBlock)
    }

    /// The bytes of a block that are in the file.
    private func wholeLength(_ block: UInt32) -> Int { Int(min(Geometry.blockSize, size - UInt64(block) * Geometry.blockSize)) }

    /// Reads neighbours, `length` stored bytes, and decodes them to their places in `buffer`. nil is success.
    private func readRun(
        _ map: MapPiece, _ run: Range<Int>, _ length: Int, _ first: UInt32, _ buffer: UnsafeMutableRawBufferPointer, _ scratch: ReadScratch, _ tree: Tree?
    ) -> BlockOutcome? {
        let start = run.lowerBound * Self.blockSize
        // An entry that leads into the header is none.
        guard map[run.lowerBound].offset >= UInt64(BackingRecord.headerSize) else { return .failed(first + UInt32(run.lowerBound), .badMessage) }
        // Whole raw blocks go where they belong at once.
        var isPlain = length == run.count * Self.blockSize && start + length <= buffer.count
        for index in run where map[index].compression != 0 { isPlain = false }
        let bytes = isPlain ? UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + length]) : UnsafeMutableRawBufferPointer(rebasing: scratch.stored[..<length])
        if let error = Self.readWhole(descriptor, into: bytes, at: map[run.lowerBound].offset) { return .failed(first + UInt32(run.lowerBound), error) }
        if isPlain {
            guard let tree else { return nil }
            return firstWrong(first + UInt32(run.lowerBound), UnsafeRawBufferPointer(bytes), tree, scratch)
        }
        var at = 0
        for index in run {
            let block = first + UInt32(index), entry = map[index], count = stored(entry, block)
            let source = UnsafeRawBufferPointer(rebasing: bytes[at..<at + count])
            at += count
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer[(index * Self.blockSize)..<min((index + 1) * Self.blockSize, buffer.count)])
            do throws(Errno) { try decode(source, entry.compression, block, into: target, scratch, tree) } catch { return .failed(block, error) }
        }
        return nil
    }

    /// One block. What is wanted of it may be less than what the file has of it: it is decoded and checked as a whole.
    private func decode(
        _ source: UnsafeRawBufferPointer, _ compression: UInt8, _ block: UInt32, into target: UnsafeMutableRawBufferPointer, _ scratch: ReadScratch, _ tree: Tree?
    ) throws(Errno) {
        let length = wholeLength(block)
        let isPart = target.count < length
        let whole = isPart ? scratch.block : target
        let count: Int
        if compression == 0 {
            whole.copyMemory(from: source)
            count = source.count
        } else {
            guard let known = BlockCompression(rawValue: compression) else { throw .notSupportedOnSocket }
            guard let decoded = BlockDecoder.decode(source, known, into: UnsafeMutableRawBufferPointer(rebasing: whole[..<length])) else { throw .badMessage }
            count = decoded
        }
        if count < whole.count { UnsafeMutableRawBufferPointer(rebasing: whole[count...]).initializeMemory(as: UInt8.self, repeating: 0) }
        if isPart { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: whole[..<target.count])) }
        // Last: a block of the tree may take the scratch block.
        if let tree { try verify(block, UnsafeRawBufferPointer(rebasing: whole[..<length]), tree, scratch) }
    }

    /// Compares whole blocks with the tree, hashed together where the processor gains by it. nil is success; else the first that is wrong.
    private func firstWrong(_ first: UInt32, _ plain: UnsafeRawBufferPointer, _ tree: Tree, _ scratch: ReadScratch) -> BlockOutcome? {
        var failure: BlockOutcome?
        SHA256Hasher.hashBlocks(plain) { index, found in
            guard failure == nil else { return }
            let block = first + UInt32(index)
            do throws(Errno) {
                if try hash(of: UInt64(block), atLevel: 0, tree, scratch) != found { failure = .failed(block, .badMessage) }
            } catch { failure = .failed(block, error) }
        }
        return failure
    }

    /// Compares a whole block with the tree. `EBADMSG`; `EIO` where the tree cannot be read.
    private func verify(_ block: UInt32, _ plain: UnsafeRawBufferPointer, _ tree: Tree, _ scratch: ReadScratch) throws(Errno) {
        // Hashed first: `plain` may be the scratch block.
        let found = SHA256Hasher.hashBlock(plain)
        guard try hash(of: UInt64(block), atLevel: 0, tree, scratch) == found else { throw .badMessage }
    }

    /// What the tree has for the item `number` below `level`: from a block that is known to be right, or up to one that is, at last to the root.
    private func hash(of number: UInt64, atLevel level: Int, _ tree: Tree, _ scratch: ReadScratch) throws(Errno) -> Digest {
        guard level < tree.shape.levels.count else { return tree.root }
        let parent = number / Self.hashesPerBlock, index = Int(number % Self.hashesPerBlock)
        let position = tree.shape.start(of: level) + parent
        if let known = verified.digest(index, of: position) { return known }
        let expected = try hash(of: parent, atLevel: level + 1, tree, scratch)
        // The blocks above have been read: the scratch block is free again.
        if let error = Self.readWhole(descriptor, into: scratch.block, at: tree.offset + position * Geometry.blockSize) { throw error }
        let bytes = UnsafeRawBufferPointer(scratch.block)
        guard SHA256Hasher.hash(bytes) == expected else { throw .badMessage }
        verified.insert(position, bytes)
        return Digest(UnsafeRawBufferPointer(rebasing: bytes[(index * Digest.length)...]))
    }

    private static let hashesPerBlock: UInt64 = 128

    /// nil is success; `EIO` where the file is shorter.
    private static func readWhole(_ descriptor: CInt, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Errno? {
        do throws(Errno) { return try SystemCalls.preadAll(descriptor, into: buffer, at: offset) == buffer.count ? nil : .ioError } catch { return error }
    }
}

/// Entries of the block map as they are in the file.
struct MapPiece {
    let bytes: UnsafeRawBufferPointer
    subscript(index: Int) -> BlockEntry { BlockEntry(bytes, at: index * BlockEntry.size) }
}
