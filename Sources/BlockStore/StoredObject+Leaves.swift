import Glibc
import Integrity
import LinuxSystem

/// Where the digest of a block comes from: of a complete object from its certified table, of a partial one from the sidecar.
extension StoredObject {
    /// Leaves handled at once: a block of the table, 4 KiB of them, the digests of 512 KiB.
    static var leafBatch: Int { CertifiedLeaves.blockLeaves }

    /// Calls `body` for each batch of blocks, with room for their leaves.
    func eachBatch(_ body: (_ blocks: Range<Int>, _ leaves: UnsafeMutableRawBufferPointer) throws(Errno) -> Void) throws(Errno) {
        var batch = InlineArray<4096, UInt8>(repeating: 0)
        var first = 0
        while first < blockCount {
            let blocks = first..<min(first + Self.leafBatch, blockCount)
            try withUnsafeMutableBytes(of: &batch) { batch throws(Errno) in
                try body(blocks, UnsafeMutableRawBufferPointer(rebasing: batch[..<(blocks.count * Digest.length)]))
            }
            first = blocks.upperBound
        }
    }

    /// Copies the leaves of `blocks` (at most `leafBatch`) to `target`. False when there are none: the object has changed
    /// its place or was thrown away; look again.
    func copyLeaves(_ blocks: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws(Errno) -> Bool {
        switch phase.load(ordering: .acquiring) {
        case .complete:
            let certified: CertifiedLeaves
            if let current = leaves.current { certified = current } else {
                guard let found = try content.withLock({ content throws(Errno) in try certifiedLeaves(&content) }) else { return false }
                certified = found
            }
            if certified.copy(blocks, to: target) { return true }
            leaves.drop(certified)
            return false
        case .partial:
            return try copySidecarLeaves(blocks, into: target)
        case .absent, .slab:
            return false
        }
    }

    /// As `copyLeaves`, with `content` held.
    func copyLeaves(_ blocks: Range<Int>, into target: UnsafeMutableRawBufferPointer, _ content: inout Content) throws(Errno) -> Bool {
        guard phase.load(ordering: .acquiring) == .complete else { return try copyLeaves(blocks, into: target) }
        // Twice: their file may have been damaged since it was loaded.
        for _ in 0..<2 {
            guard let certified = try certifiedLeaves(&content) else { return false }
            if certified.copy(blocks, to: target) { return true }
            leaves.drop(certified)
        }
        return false
    }

    func copySidecarLeaves(_ blocks: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws(Errno) -> Bool {
        let wanted = UnsafeMutableRawBufferPointer(rebasing: target[..<(blocks.count * Digest.length)])
        do {
            let lease = try openSide()
            let count = try SystemCalls.preadAll(lease.descriptor, into: wanted, at: sidecar.leafOffset(blocks.lowerBound))
            for i in count..<wanted.count { wanted[i] = 0 }
        } catch {
            if error == .noSuchFileOrDirectory && phase.load(ordering: .acquiring) != .partial { return false }
            // A sidecar that is gone or unreadable knows no leaf: the blocks are bad, not the call.
            guard error == .noSuchFileOrDirectory || error == .ioError else { throw error }
            for i in 0..<wanted.count { wanted[i] = 0 }
        }
        for block in blocks {
            let place = (block - blocks.lowerBound) * Digest.length
            let leaf = Digest(UnsafeRawBufferPointer(rebasing: wanted[place..<(place + Digest.length)]))
            // A hole is present without ever having been written.
            if leaf == .zero && areHoles(block..<(block + 1)) {
                MerkleTree.zeroBlockDigest.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: wanted[place...]).copyMemory(from: $0) }
            }
        }
        return true
    }

    // MARK: With `content` held

    /// The certified leaves of a complete object. Where the file of leaves is missing or damaged they are computed from the
    /// data, if that still has the right content; else the object is thrown away and the answer is nil. Throws what may pass (`isLoss`).
    func certifiedLeaves(_ content: inout Content) throws(Errno) -> CertifiedLeaves? {
        guard phase.load(ordering: .acquiring) == .complete else { return nil }
        if let certified = leaves.current { return certified }
        guard let certified = if let read = try readLeaves(size: size) { read } else { try computeLeaves() } else {
            core.events.corruptBlocks.add(presentBlocks)
            for block in allBlocks where present.isSet(block) { content.lost.insert(block) }
            wipe(&content, keepingHoles: true)
            return nil
        }
        keep(certified)
        return certified
    }

    func keep(_ certified: CertifiedLeaves) {
        leaves.install(certified)
        core.leafTables.admit(leaves, cost: certified.memory)
    }

    func contentDigest(_ table: LeafTable) -> Digest {
        VerityDigest.contentDigest(leaves: UnsafeRawBufferPointer(table.bytes), size: size)
    }

    /// Whether an error says that what a file held is not to be had any more. Others say nothing of it and may pass: no descriptor is left, or no memory; a
    /// permission was taken away.
    static func isLoss(_ error: Errno) -> Bool {
        [.noSuchFileOrDirectory, .notDirectory, .isDirectory, .tooManySymbolicLinkLevels, .noSuchAddressOrDevice, .ioError].contains(error)
    }

    /// The file of leaves, if it proves to be that of a file of `size` bytes with this object's name. Throws what may pass (`isLoss`).
    func readLeaves(size: UInt64) throws(Errno) -> CertifiedLeaves? {
        guard size > 0, size <= StoreOptions.maximumObjectSize else { return nil }
        let file: OwnedDescriptor
        do throws(Errno) { file = try SystemCalls.open(paths.leaves, flags: Self.readOnly) } catch {
            guard Self.isLoss(error) else { throw error }
            return nil
        }
        return LeafFile.load(file, size: size, id: id, maxWhole: core.options.maxWholeLeaves)
    }

    /// The leaves of the data as it is, written to their file; nil when it cannot be read whole or is not the content. Throws what may pass (`isLoss`).
    private func computeLeaves() throws(Errno) -> CertifiedLeaves? {
        if blockCount * Digest.length > core.options.maxWholeLeaves {
            // Written as they are computed. Where the disk does not take them they are computed once more, for memory.
            do throws(Errno) {
                let file = try Self.createFile(paths.leaves, in: paths.completeDirectory)
                let root = try LeafFile.write(file.rawValue, leafCount: blockCount) { blocks, target throws(Errno) in try hashData(blocks, into: target) }
                guard VerityDigest.contentDigest(root: root, size: size) == id else { return nil }
                // nil: the disk does not give back what it took, or another description's completion is writing the same file. The data is right all the same.
                if let certified = try readLeaves(size: size) { return certified }
            } catch {}
        }
        let table = LeafTable(blockCount: blockCount)
        do throws(Errno) {
            try eachBatch { blocks, leaves throws(Errno) in
                try hashData(blocks, into: leaves)
                UnsafeMutableRawBufferPointer(rebasing: table.bytes[(blocks.lowerBound * Digest.length)...]).copyMemory(from: UnsafeRawBufferPointer(leaves))
            }
        } catch {
            guard Self.isLoss(error) else { throw error }
            return nil
        }
        guard contentDigest(table) == id else { return nil }
        _ = try? writeLeaves { blocks, target throws(Errno) in table.copy(blocks, to: target) }
        return CertifiedLeaves(whole: table)
    }

    /// The digests of `blocks` (at most `leafBatch`) as the data file has them now. `EIO` where it ends early.
    private func hashData(_ blocks: Range<Int>, into leaves: UnsafeMutableRawBufferPointer) throws(Errno) {
        let memory = AlignedBuffer(count: blocks.count * Blocks.size)
        defer { withExtendedLifetime(memory) {} }
        let bytes = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<Int(min(Blocks.offset(blocks.upperBound), size) - Blocks.offset(blocks.lowerBound))])
        let lease = try openData()
        guard try SystemCalls.preadAll(lease.descriptor, into: bytes, at: Blocks.offset(blocks.lowerBound)) == bytes.count else { throw .ioError }
        SHA256Hasher.hashBlocks(UnsafeRawBufferPointer(bytes)) { block, digest in
            digest.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: leaves[(block * Digest.length)...]).copyMemory(from: $0) }
        }
    }

    /// The digest of `block` in a buffer that begins with block `first`.
    func leaf(of block: Int, in bytes: UnsafeRawBufferPointer, from first: Int) -> Digest {
        let start = (block - first) * Blocks.size
        return SHA256Hasher.hashBlock(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length(of: block))]))
    }

    /// Writes and syncs the file of leaves; returns their root.
    func writeLeaves(zeros: (Int) throws(Errno) -> Int = { $0 }, _ source: (Range<Int>, UnsafeMutableRawBufferPointer) throws(Errno) -> Void) throws(Errno) -> Digest {
        let paths = paths
        let file = try Self.createFile(paths.leaves, in: paths.completeDirectory)
        return try LeafFile.write(file.rawValue, leafCount: blockCount, zeros: zeros, source)
    }
}
