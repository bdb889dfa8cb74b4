import Glibc
import Integrity
import LinuxSystem

extension StoredObject {
    private enum Attempt {
        case done
        /// Something changed meanwhile: look again.
        case again
        /// Blocks of this range do not hold what they should, or could not be read.
        case suspect(Range<Int>)
        case failed(Errno)
    }

    /// Reads up to `buffer.count` bytes from `offset`, clipped at the object's end; 0 bytes from there on.
    ///
    /// What a read returns is hashed (unless the store was opened with `verify` off). Takes no lock and allocates nothing when all blocks
    /// are present and the object's files and leaves are open. `buffer` should
    /// begin and end on blocks: others are read through a copy.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> StoreRead {
        guard offset < size, buffer.count > 0 else { return .bytes(0) }
        let count = Int(min(UInt64(buffer.count), size - offset))
        let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        let blocks = Int(offset / UInt64(Blocks.size))..<Blocks.count(offset + UInt64(count))
        // Every further attempt needs somebody to have moved or refilled the very blocks in between.
        for _ in 0..<8 {
            let before = epoch.load(ordering: .acquiring)
            if let missing = present.firstClear(in: blocks) { return .missing(block: missing) }
            let attempt: Attempt
            switch phase.load(ordering: .acquiring) {
            case .partial, .complete: attempt = readFile(target, offset, blocks, before)
            case .slab: attempt = readSlab(target, offset)
            case .absent:
                if areHoles(blocks) {
                    target.initializeMemory(as: UInt8.self, repeating: 0)
                    return .bytes(count)
                }
                attempt = .again
            }
            switch attempt {
            case .done: return .bytes(count)
            case .again: continue
            case .failed(let errno): return .failed(errno)
            case .suspect(let suspects):
                do {
                    if let bad = try confirm(suspects) { return .corrupt(blocks: bad) }
                } catch { return .failed(error) }
            }
        }
        return .failed(.ioError)
    }

    private func readFile(_ target: UnsafeMutableRawBufferPointer, _ offset: UInt64, _ blocks: Range<Int>, _ before: UInt64) -> Attempt {
        do {
            let lease = try openData()
            if !core.options.verify {
                let count = try SystemCalls.preadAll(lease.descriptor, into: target, at: offset)
                return count == target.count ? (epoch.load(ordering: .acquiring) == before ? .done : .again) : .suspect(blocks)
            }
            return try readChecked(target, offset, blocks, lease.descriptor)
        } catch {
            switch error {
            case .ioError:
                core.events.readErrors.add()
                return .suspect(blocks)
            case .noSuchFileOrDirectory: return .suspect(blocks)
            default: return .failed(error)
            }
        }
    }

    /// Reads and hashes every block, whether it comes from the disk or from the page cache: no system call tells which, and says it of the very
    /// bytes it gives (preadv2(2) with `RWF_NOWAIT` starts to read, and gives what a fast disk has brought meanwhile).
    private func readChecked(
        _ target: UnsafeMutableRawBufferPointer, _ offset: UInt64, _ blocks: Range<Int>, _ descriptor: CInt
    ) throws(Errno) -> Attempt {
        if blocks.count > 1 { readAhead(of: blocks, target, offset, descriptor) }
        let end = offset + UInt64(target.count)
        var block = blocks.lowerBound
        while block < blocks.upperBound {
            let start = Blocks.offset(block)
            if start < offset || start + UInt64(length(of: block)) > end {
                switch try readEdge(block, target, offset, descriptor) {
                case .done: block += 1
                case let other: return other
                }
                continue
            }
            var next = min(block + Self.leafBatch, blocks.upperBound)
            if min(Blocks.offset(next), size) > end { next -= 1 }
            let place = Int(start - offset)
            let bytes = UnsafeMutableRawBufferPointer(rebasing: target[place..<(place + Int(min(Blocks.offset(next), size) - start))])
            switch try readBlocks(block..<next, bytes, descriptor) {
            case .done: block = next
            case let other: return other
            }
        }
        return .done
    }

    /// For a reader in order whose pages come from the disk: has the disk fetch what comes next while these blocks are hashed.
    private func readAhead(of blocks: Range<Int>, _ target: UnsafeMutableRawBufferPointer, _ offset: UInt64, _ descriptor: CInt) {
        let last = UnsafeMutableRawBufferPointer(rebasing: target[max(0, target.count - Blocks.size)...])
        let wasCached = SystemCalls.preadCached(descriptor, into: last, at: offset + UInt64(target.count - last.count)) == last.count
        guard let next = ahead.next(after: blocks, wasCached: wasCached, blockCount: blockCount, limit: core.readAheadLimit) else { return }
        SystemCalls.advise(descriptor, offset: Blocks.offset(next.lowerBound), length: UInt64(next.count * Blocks.size), POSIX_FADV_WILLNEED)
    }

    /// Reads whole blocks to where they belong.
    private func readBlocks(_ blocks: Range<Int>, _ bytes: UnsafeMutableRawBufferPointer, _ descriptor: CInt) throws(Errno) -> Attempt {
        var leaves = InlineArray<4096, UInt8>(repeating: 0)
        return try withUnsafeMutableBytes(of: &leaves) { leaves throws(Errno) -> Attempt in
            guard try copyLeaves(blocks, into: leaves) else { return .again }
            let count = try SystemCalls.preadAll(descriptor, into: bytes, at: Blocks.offset(blocks.lowerBound))
            if count < bytes.count { UnsafeMutableRawBufferPointer(rebasing: bytes[count...]).initializeMemory(as: UInt8.self, repeating: 0) }
            var wrong: Int?
            SHA256Hasher.hashBlocks(UnsafeRawBufferPointer(bytes)) { number, digest in
                let place = number * Digest.length
                if wrong == nil, digest != Digest(UnsafeRawBufferPointer(rebasing: leaves[place..<(place + Digest.length)])) { wrong = number }
            }
            if let wrong { return .suspect((blocks.lowerBound + wrong)..<blocks.upperBound) }
            return .done
        }
    }

    /// Reads a block of which only a part is wanted.
    private func readEdge(_ block: Int, _ target: UnsafeMutableRawBufferPointer, _ offset: UInt64, _ descriptor: CInt) throws(Errno) -> Attempt {
        var whole = InlineArray<4096, UInt8>(repeating: 0)
        return try withUnsafeMutableBytes(of: &whole) { whole throws(Errno) -> Attempt in
            let bytes = UnsafeMutableRawBufferPointer(rebasing: whole[..<length(of: block)])
            let attempt = try readBlocks(block..<(block + 1), bytes, descriptor)
            let start = Blocks.offset(block)
            let from = max(start, offset)
            let to = min(start + UInt64(bytes.count), offset + UInt64(target.count))
            UnsafeMutableRawBufferPointer(rebasing: target[Int(from - offset)...]).copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[Int(from - start)..<Int(to - start)]))
            return attempt
        }
    }

    /// Small objects are hashed whole at every read: 4 blocks at most, and their pages are shared with strangers.
    private func readSlab(_ target: UnsafeMutableRawBufferPointer, _ offset: UInt64) -> Attempt {
        guard let place = structure.withLock({ $0.place }) else { return .again }
        do {
            let lease = try place.file.open()
            if !core.options.verify {
                let count = try SystemCalls.preadAll(lease.descriptor, into: target, at: place.offset + offset)
                return count == target.count ? .done : .suspect(allBlocks)
            }
            if target.count == Int(size) {
                let count = try SystemCalls.preadAll(lease.descriptor, into: target, at: place.offset)
                return count == target.count && Blocks.smallContentDigest(UnsafeRawBufferPointer(target)) == id ? .done : .suspect(allBlocks)
            }
            var scratch = InlineArray<16384, UInt8>(repeating: 0)
            return try withUnsafeMutableBytes(of: &scratch) { scratch throws(Errno) -> Attempt in
                let whole = UnsafeMutableRawBufferPointer(rebasing: scratch[..<Int(size)])
                guard try SystemCalls.preadAll(lease.descriptor, into: whole, at: place.offset) == whole.count,
                      Blocks.smallContentDigest(UnsafeRawBufferPointer(whole)) == id else { return .suspect(allBlocks) }
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: whole[Int(offset)..<(Int(offset) + target.count)]))
                return .done
            }
        } catch {
            guard error == .ioError || error == .noSuchFileOrDirectory else { return .failed(error) }
            core.events.readErrors.add()
            return .suspect(allBlocks)
        }
    }
}
