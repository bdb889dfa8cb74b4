import LinuxSystem
import PackageFormat

/// Content that the store cannot take while its disk is full (or failing): readers get it from memory.
extension PackageVolume {
    /// The fill leaves so much of the store's file system free: a twentieth, at most 10 GiB.
    public static func freeSpaceFloor(ofTotal total: UInt64) -> UInt64 { min(total / 20, 10 << 30) }

    public func roomForFill() -> UInt64? {
        guard let space = try? store.freeSpace() else { return nil }
        let floor = Self.freeSpaceFloor(ofTotal: space.total)
        return space.free > floor ? space.free - floor : 0
    }

    /// What storing a chunk takes of the disk, at most: its content, a hundredth for the hashes beside it, and for each of its extents
    /// a block that rounding adds and one of the store's and the file system's records.
    static func storeBytes(_ chunk: ChunkRecord) -> Int {
        let content = Int(chunk.rawLength)
        return content + content / 100 + chunk.extents.count * 8192
    }

    /// The store did not take a piece.
    func keepUnstored(_ bytes: UnsafeRawBufferPointer, _ piece: ChunkPiece) {
        unstored.withLock { unstored in
            unstored.keep(bytes, of: piece.object, at: piece.file.lowerBound)
            hasUnstored.store(true, ordering: .releasing)
        }
    }

    /// The store has taken a piece.
    func stored(_ piece: ChunkPiece) {
        guard hasUnstored.load(ordering: .acquiring) else { return }
        unstored.withLock { unstored in
            unstored.forget(piece.file, of: piece.object)
            hasUnstored.store(!unstored.isEmpty, ordering: .releasing)
        }
    }

    /// True if every block of `range` is in the store or in memory.
    func isReadable(_ object: VolumeObject, _ range: Range<UInt64>) -> Bool {
        if object.stored.isPresent(bytes: range) { return true }
        guard hasUnstored.load(ordering: .acquiring) else { return false }
        return unstored.withLock { unstored in
            Self.blocks(range).allSatisfy { object.stored.isPresent(bytes: $0) || unstored.has($0, of: object.number) }
        }
    }

    /// Reads `range` block by block from store and memory. Nil if it is not all there.
    func readUnstored(_ object: VolumeObject, _ range: Range<UInt64>, into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome? {
        guard hasUnstored.load(ordering: .acquiring) else { return nil }
        for block in Self.blocks(range) {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[Int(block.lowerBound - range.lowerBound)..<Int(block.upperBound - range.lowerBound)])
            if unstored.withLock({ $0.copy(block, of: object.number, into: part) }) { continue }
            guard object.stored.isPresent(bytes: block), case .bytes(part.count) = object.stored.read(into: part, at: block.lowerBound) else { return nil }
        }
        return .bytes(range.count)
    }

    /// `range` cut at the boundaries of blocks.
    private static func blocks(_ range: Range<UInt64>) -> some Sequence<Range<UInt64>> {
        sequence(state: range.lowerBound) { position -> Range<UInt64>? in
            guard position < range.upperBound else { return nil }
            let start = position
            position = min((start / 4096 + 1) * 4096, range.upperBound)
            return start..<position
        }
    }
}
