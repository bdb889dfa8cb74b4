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
            let start = index * blockSize
            // Raw blocks that lie one behind the other come in one read.
            var end = index + 1
            if map[index].compression == 0, map[index].stored == blockSize, start + blockSize <= buffer.count {
                while end < count, map[end].compression == 0, map[end].stored == blockSize, (end + 1) * blockSize <= buffer.count,
                    map[end].offset == map[index].offset + UInt64((end - index) * blockSize)
                { end += 1 }
            }
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<min(end * blockSize, buffer.count)])
            do throws(Errno) {
                if end - index > 1 {
                    guard try SystemCalls.preadAll(descriptor, into: target, at: map[index].offset) == target.count else { throw .ioError }
                    if hasTree { for block in index..<end { try verify(first + UInt32(block), UnsafeRawBufferPointer(rebasing: buffer[(block * blockSize)..<(block + 1) * blockSize])) } }
                } else {
                    try fetch(map[index], block: first + UInt32(index), into: target, verifying: hasTree)
                }
            } catch { return .failed(first + UInt32(index), error) }
            index = end
        }
        return .bytes
    }

    /// One block. What is wanted of it may be less than what the file has of it: it is decoded and checked as a whole.
    private func fetch(_ entry: BlockEntry, block: UInt32, into target: UnsafeMutableRawBufferPointer, verifying: Bool) throws(Errno) {
        let whole = Int(min(Geometry.blockSize, size - UInt64(block) * Geometry.blockSize))
        if !verifying, entry.compression == 0 {
            let got = min(Int(entry.stored), target.count)
            guard try SystemCalls.preadAll(descriptor, into: UnsafeMutableRawBufferPointer(rebasing: target[..<got]), at: entry.offset) == got else { throw .ioError }
            if got < target.count { UnsafeMutableRawBufferPointer(rebasing: target[got...]).initializeMemory(as: UInt8.self, repeating: 0) }
            return
        }
        var plain = [UInt8](repeating: 0, count: Int(Geometry.blockSize))
        if entry.compression == 0 {
            let stored = try Self.read(descriptor, at: entry.offset, count: min(Int(entry.stored), whole))
            guard stored.count == min(Int(entry.stored), whole) else { throw .ioError }
            plain.replaceSubrange(0..<stored.count, with: stored)
        } else {
            let length = min(Int(entry.stored), Geometry.longestBlock)
            let stored = try Self.read(descriptor, at: entry.offset, count: length)
            guard stored.count == length else { throw .ioError }
            var failure: Errno?
            plain.withUnsafeMutableBytes { out in
                stored.withUnsafeBytes { source in
                    do throws(Errno) { _ = try BlockDecoder.decode(source, compression: entry.compression, into: UnsafeMutableRawBufferPointer(rebasing: out[..<whole])) } catch { failure = error }
                }
            }
            if let failure { throw failure }
        }
        if verifying {
            let failure = plain.withUnsafeBytes { raw -> Errno? in do throws(Errno) { try verify(block, raw); return nil } catch { return error } }
            if let failure { throw failure }
        }
        plain.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<target.count])) }
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
