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
    /// Reads the blocks from `first` on into `buffer`: whole blocks but for the last, whose missing rest is zeros. `buffer` may end
    /// inside a block, but not past the end of the file's last one.
    ///
    /// Every block is decoded and, if the file has a tree, checked.
    public func read(from first: UInt32, into buffer: UnsafeMutableRawBufferPointer) -> BlockOutcome {
        let blockSize = Int(Geometry.blockSize)
        let count = (buffer.count + blockSize - 1) / blockSize
        guard count > 0 else { return .bytes }
        guard UInt64(first) + UInt64(count) <= UInt64(dataBlocks) else { return .failed(first, .invalidArgument) }
        let map: [BlockEntry]
        do throws(Errno) { map = try entries(first..<first + UInt32(count)) } catch { return .failed(first, error) }
        if let hole = map.firstIndex(where: { !$0.isPresent }) { return .missing(first + UInt32(hole)) }
        let hasTree = hasTree
        var index = 0
        while index < count {
            // Blocks that were stored one behind the other lie so, and come in one read, whatever their compression.
            var end = index + 1
            var length = stored(map[index], first + UInt32(index))
            while end < count, map[end - 1].stored == stored(map[end - 1], first + UInt32(end - 1)), map[end].offset == map[index].offset + UInt64(length) {
                length += stored(map[end], first + UInt32(end))
                end += 1
            }
            if let failure = readRun(map[index..<end], length, first, buffer, verifying: hasTree) { return failure }
            index = end
        }
        return .bytes
    }

    /// How many of a block's stored bytes count: raw ones up to the end of the file, compressed ones up to the limit.
    private func stored(_ entry: BlockEntry, _ block: UInt32) -> Int {
        min(Int(entry.stored), entry.compression == 0 ? wholeLength(block) : Geometry.longestBlock)
    }

    /// The bytes of a block that are in the file.
    private func wholeLength(_ block: UInt32) -> Int { Int(min(Geometry.blockSize, size - UInt64(block) * Geometry.blockSize)) }

    /// Reads neighbours, `length` stored bytes, and decodes them to their places in `buffer`. nil is success.
    private func readRun(
        _ run: ArraySlice<BlockEntry>, _ length: Int, _ first: UInt32, _ buffer: UnsafeMutableRawBufferPointer, verifying: Bool
    ) -> BlockOutcome? {
        let blockSize = Int(Geometry.blockSize), start = run.startIndex * blockSize
        // An entry that leads into the header is none.
        guard run.first!.offset >= UInt64(BackingRecord.headerSize) else { return .failed(first + UInt32(run.startIndex), .badMessage) }
        // Whole raw blocks go where they belong at once.
        let isPlain = length == run.count * blockSize && start + length <= buffer.count && run.allSatisfy { $0.compression == 0 }
        let scratch = isPlain ? UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + length]) : .allocate(byteCount: length, alignment: 16)
        defer { if !isPlain { scratch.deallocate() } }
        do throws(Errno) {
            guard try SystemCalls.preadAll(descriptor, into: scratch, at: run.first!.offset) == length else { throw .ioError }
        } catch { return .failed(first + UInt32(run.startIndex), error) }
        var at = 0
        for index in run.indices {
            let block = first + UInt32(index), count = stored(run[index], block)
            let source = UnsafeRawBufferPointer(rebasing: scratch[at..<at + count])
            at += count
            do throws(Errno) {
                if isPlain {
                    if verifying { try verify(block, source) }
                } else {
                    let target = UnsafeMutableRawBufferPointer(rebasing: buffer[(index * blockSize)..<min((index + 1) * blockSize, buffer.count)])
                    try decode(source, run[index].compression, block, into: target, verifying: verifying)
                }
            } catch { return .failed(block, error) }
        }
        return nil
    }

    /// One block. What is wanted of it may be less than what the file has of it: it is decoded and checked as a whole.
    private func decode(
        _ source: UnsafeRawBufferPointer, _ compression: UInt8, _ block: UInt32, into target: UnsafeMutableRawBufferPointer, verifying: Bool
    ) throws(Errno) {
        let whole = wholeLength(block)
        if target.count < whole {
            let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: whole, alignment: 16)
            defer { plain.deallocate() }
            try decode(source, compression, block, into: plain, verifying: verifying)
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: plain[..<target.count]))
            return
        }
        let count: Int
        if compression == 0 {
            target.copyMemory(from: source)
            count = source.count
        } else {
            count = try BlockDecoder.decode(source, compression: compression, into: UnsafeMutableRawBufferPointer(rebasing: target[..<whole]))
        }
        if count < target.count { UnsafeMutableRawBufferPointer(rebasing: target[count...]).initializeMemory(as: UInt8.self, repeating: 0) }
        if verifying { try verify(block, UnsafeRawBufferPointer(rebasing: target[..<whole])) }
    }

    /// Compares a whole, zero-padded block with the tree, from the root down. `EBADMSG`; `EIO` where the tree cannot be read.
    func verify(_ block: UInt32, _ plain: UnsafeRawBufferPointer) throws(Errno) {
        guard let tree = tree.withLock({ $0 }) else { return }
        var expected = tree.root
        for level in stride(from: tree.shape.levels.count - 1, through: 0, by: -1) {
            // The data blocks below one entry of this level: 128 to its power.
            let below = (0..<level).reduce(UInt64(1)) { span, _ in span * 128 }
            let number = tree.shape.start(of: level) + UInt64(block) / below / 128
            let bytes: [UInt8]
            if let known = verified.block(number) { bytes = known } else {
                bytes = try Self.read(descriptor, at: tree.offset + number * Geometry.blockSize, count: Int(Geometry.blockSize))
                guard bytes.count == Int(Geometry.blockSize) else { throw .ioError }
                guard bytes.withUnsafeBytes({ SHA256Hasher.hash($0) }) == expected else { throw .badMessage }
                verified.insert(number, bytes)
            }
            let at = Int(UInt64(block) / below % 128) * Digest.length
            expected = bytes[at..<at + Digest.length].withUnsafeBytes { Digest($0) }
        }
        guard SHA256Hasher.hashBlock(plain) == expected else { throw .badMessage }
    }
}
