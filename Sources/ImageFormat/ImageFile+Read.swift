import BlockCodec
import LinuxSystem

extension ImageFile {
    public enum Outcome: Hashable, Sendable {
        case bytes
        /// This block is not there.
        case missing(UInt32)
        /// This block cannot be read: `EBADMSG` for data that is not what was stored, and what reading says.
        case failed(UInt32, Errno)
    }

    /// The most blocks of one read: a mebibyte.
    public static let mostBlocks = 256

    /// Bytes that one read needs besides its target: block entries, and a block before and after it is decoded.
    public static let scratchSize = mostBlocks * ImageLayout.entrySize + ImageLimits.longestCompressed + ImageLayout.blockSize

    /// Fills `target` with the file's bytes from `block` on; all of them lie inside the file. Says of the first block that cannot be had.
    /// `scratch` is used if it has `scratchSize` bytes; without it memory is allocated.
    public func read(_ inode: ImageInode, from block: UInt32, into target: UnsafeMutableRawBufferPointer, scratch: UnsafeMutableRawBufferPointer? = nil) -> Outcome {
        if let scratch, scratch.count >= Self.scratchSize { return read(inode, block, target, scratch) }
        return withUnsafeTemporaryAllocation(byteCount: Self.scratchSize, alignment: 16) { read(inode, block, target, $0) }
    }

    /// Without the lock first: an entry that is just being written looks missing or damaged. Who takes it for missing looks again when he
    /// waits (`isPresent`); what is damaged is looked at again here.
    private func read(_ inode: ImageInode, _ block: UInt32, _ target: UnsafeMutableRawBufferPointer, _ scratch: UnsafeMutableRawBufferPointer) -> Outcome {
        let outcome = attempt(inode, block, target, scratch, locked: false)
        if case .failed(_, .badMessage) = outcome { return attempt(inode, block, target, scratch, locked: true) }
        return outcome
    }

    private func attempt(
        _ inode: ImageInode, _ block: UInt32, _ target: UnsafeMutableRawBufferPointer, _ scratch: UnsafeMutableRawBufferPointer, locked: Bool
    ) -> Outcome {
        guard let base = inode.map else { return .missing(block) }
        let count = (target.count + ImageLayout.blockSize - 1) / ImageLayout.blockSize
        precondition(count <= Self.mostBlocks && UInt64(block) + UInt64(count) <= inode.blocks)
        let bytes = UnsafeMutableRawBufferPointer(rebasing: scratch[..<(count * ImageLayout.entrySize)])
        let place = base + UInt64(block) * UInt64(ImageLayout.entrySize)
        if let failure = locked ? maps.withLock({ _ in readEntries(at: place, bytes) }) : readEntries(at: place, bytes) { return .failed(block, failure) }
        let entries = UnsafeRawBufferPointer(bytes), room = UnsafeMutableRawBufferPointer(rebasing: scratch[(Self.mostBlocks * ImageLayout.entrySize)...])
        for index in 0..<count where !isThere(ImageEntry(entries, index)) { return .missing(block + UInt32(index)) }
        var index = 0
        while index < count {
            let start = index * ImageLayout.blockSize
            let run = Self.run(entries, from: index, whole: target.count / ImageLayout.blockSize)
            if run > 1 {
                let part = UnsafeMutableRawBufferPointer(rebasing: target[start..<start + run * ImageLayout.blockSize])
                if let (number, failure) = readRun(entries, from: index, part) { return .failed(block + UInt32(number), failure) }
                index += run
                continue
            }
            let part = UnsafeMutableRawBufferPointer(rebasing: target[start..<min(start + ImageLayout.blockSize, target.count)])
            if let failure = read(ImageEntry(entries, index), inode.length(ofBlock: UInt64(block) + UInt64(index)), into: part, room) { return .failed(block + UInt32(index), failure) }
            index += 1
        }
        return .bytes
    }

    /// Whole raw blocks from `index` on that lie one behind the other in the image: they are read at once.
    private static func run(_ entries: UnsafeRawBufferPointer, from index: Int, whole: Int) -> Int {
        var count = 0, offset = ImageEntry(entries, index).offset
        while index + count < whole {
            let entry = ImageEntry(entries, index + count)
            guard entry.flags == 0, Int(entry.stored) == ImageLayout.blockSize, entry.offset == offset else { break }
            offset += UInt64(ImageLayout.blockSize)
            count += 1
        }
        return count
    }

    /// The first block that is not what was stored, and why.
    private func readRun(_ entries: UnsafeRawBufferPointer, from index: Int, _ target: UnsafeMutableRawBufferPointer) -> (Int, Errno)? {
        let got: Int
        do throws(Errno) { got = try SystemCalls.preadAll(descriptor, into: target, at: ImageEntry(entries, index).offset) } catch { return (index, error) }
        for number in 0..<target.count / ImageLayout.blockSize {
            let start = number * ImageLayout.blockSize, end = start + ImageLayout.blockSize
            guard end <= got, ImageChecksum.of(UnsafeRawBufferPointer(rebasing: target[start..<end])) == ImageEntry(entries, index + number).checksum else { return (index + number, .badMessage) }
        }
        return nil
    }

    /// Blocks of the file that are there, and the bytes that they take.
    public func stored(_ inode: ImageInode) throws(Errno) -> (blocks: UInt64, bytes: UInt64) {
        var found: (blocks: UInt64, bytes: UInt64) = (0, 0)
        guard let base = inode.map else { return found }
        var buffer = [UInt8](repeating: 0, count: Self.mostBlocks * ImageLayout.entrySize)
        var block: UInt64 = 0
        while block < inode.blocks {
            let count = Int(min(UInt64(Self.mostBlocks), inode.blocks - block))
            var failure: Errno?
            buffer.withUnsafeMutableBytes { raw in
                let bytes = UnsafeMutableRawBufferPointer(rebasing: raw[..<(count * ImageLayout.entrySize)])
                failure = readEntries(at: base + block * UInt64(ImageLayout.entrySize), bytes)
                for index in 0..<count where failure == nil {
                    let entry = ImageEntry(UnsafeRawBufferPointer(bytes), index)
                    if isThere(entry) { found = (found.blocks + 1, found.bytes + UInt64(entry.stored)) }
                }
            }
            if let failure { throw failure }
            block += UInt64(count)
        }
        return found
    }

    func isThere(_ entry: ImageEntry) -> Bool { entry.isPresent && entry.end <= limit }

    private func readEntries(at place: UInt64, _ bytes: UnsafeMutableRawBufferPointer) -> Errno? {
        do throws(Errno) { return try SystemCalls.preadAll(descriptor, into: bytes, at: place) == bytes.count ? nil : .badMessage } catch { return error }
    }

    /// One block; `length` are the bytes it has in the file, of which the first `target.count` are wanted.
    private func read(_ entry: ImageEntry, _ length: Int, into target: UnsafeMutableRawBufferPointer, _ room: UnsafeMutableRawBufferPointer) -> Errno? {
        guard entry.flags & ~ImageLayout.lz4Flag == 0 else { return .badMessage }
        let isCompressed = entry.flags & ImageLayout.lz4Flag != 0, stored = Int(entry.stored)
        guard stored <= (isCompressed ? ImageLimits.longestCompressed : ImageLimits.longestRaw), isCompressed || stored >= length else { return .badMessage }
        // What is wanted is what is stored: without a copy.
        if !isCompressed, stored == target.count { return readStored(entry, target) }
        let source = UnsafeMutableRawBufferPointer(rebasing: room[..<stored])
        if let failure = readStored(entry, source) { return failure }
        if !isCompressed {
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<target.count]))
            return nil
        }
        // A whole block without a copy.
        let isWhole = target.count == ImageLayout.blockSize
        let decoded = isWhole ? target : UnsafeMutableRawBufferPointer(rebasing: room[ImageLimits.longestCompressed..<ImageLimits.longestCompressed + ImageLayout.blockSize])
        guard let count = BlockDecoder.decode(UnsafeRawBufferPointer(source), .lz4, into: decoded), count >= length else { return .badMessage }
        if !isWhole { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: decoded[..<target.count])) }
        return nil
    }

    private func readStored(_ entry: ImageEntry, _ target: UnsafeMutableRawBufferPointer) -> Errno? {
        do throws(Errno) {
            guard try SystemCalls.preadAll(descriptor, into: target, at: entry.offset) == target.count else { return .badMessage }
        } catch { return error }
        return ImageChecksum.of(UnsafeRawBufferPointer(target)) == entry.checksum ? nil : .badMessage
    }
}
