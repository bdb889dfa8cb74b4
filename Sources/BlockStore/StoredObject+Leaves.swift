import Glibc
import Integrity
import LinuxSystem

/// Where the digest of a block comes from: of a complete object from its certified table, of a partial one from the sidecar.
extension StoredObject {
    /// Leaves handled at once: 4 KiB of them, the digests of 512 KiB.
    static var leafBatch: Int { 128 }

    /// Copies the leaves of `blocks` (at most `leafBatch`) to `target`. False when there are none: the object has changed
    /// its place or was thrown away; look again.
    func copyLeaves(_ blocks: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws(Errno) -> Bool {
        switch phase.load(ordering: .acquiring) {
        case .complete:
            guard let table = leaves.current ?? content.withLock({ leafTable(&$0) }) else { return false }
            table.copy(blocks, to: target)
            return true
        case .partial:
            return try copySidecarLeaves(blocks, into: target)
        case .absent, .slab:
            return false
        }
    }

    /// As `copyLeaves`, with `content` held.
    func copyLeaves(_ blocks: Range<Int>, into target: UnsafeMutableRawBufferPointer, _ content: inout Content) throws(Errno) -> Bool {
        guard phase.load(ordering: .acquiring) == .complete else { return try copyLeaves(blocks, into: target) }
        guard let table = leafTable(&content) else { return false }
        table.copy(blocks, to: target)
        return true
    }

    private func copySidecarLeaves(_ blocks: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws(Errno) -> Bool {
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
    /// data, if that still has the right content; else the object is thrown away and the answer is nil.
    func leafTable(_ content: inout Content) -> LeafTable? {
        guard phase.load(ordering: .acquiring) == .complete else { return nil }
        if let table = leaves.current { return table }
        var table = readLeaves(size: size)
        if table == nil, let computed = computeLeaves(), contentDigest(computed) == id {
            try? writeLeaves(computed)
            table = computed
        }
        guard let table else {
            core.events.corruptBlocks.add(presentBlocks)
            for block in allBlocks where present.isSet(block) { content.lost.insert(block) }
            wipe(&content, keepingHoles: true)
            return nil
        }
        leaves.install(table)
        core.leafTables.admit(leaves, cost: table.bytes.count)
        return table
    }

    func contentDigest(_ table: LeafTable) -> Digest {
        VerityDigest.contentDigest(leaves: UnsafeRawBufferPointer(table.bytes), size: size)
    }

    /// The file of leaves, if it proves to be that of a file of `size` bytes with this object's name.
    func readLeaves(size: UInt64) -> LeafTable? {
        guard size > 0, size <= StoreOptions.maximumObjectSize else { return nil }
        let path = paths.leaves
        guard let file = try? SystemCalls.open(path, flags: Self.readOnly), let status = try? SystemCalls.status(of: file.rawValue),
              status.kind == .regular, status.size == UInt64(Blocks.count(size) * Digest.length) else { return nil }
        let table = LeafTable(blockCount: Blocks.count(size))
        defer { withExtendedLifetime(table) {} }
        guard (try? SystemCalls.preadAll(file.rawValue, into: table.bytes, at: 0)) == table.bytes.count,
              VerityDigest.contentDigest(leaves: UnsafeRawBufferPointer(table.bytes), size: size) == id else { return nil }
        return table
    }

    /// The leaves of the data as it is; nil when it cannot be read whole.
    private func computeLeaves() -> LeafTable? {
        guard let lease = try? openData() else { return nil }
        let table = LeafTable(blockCount: blockCount)
        let memory = AlignedBuffer(count: 64 * Blocks.size)
        defer { withExtendedLifetime(memory) {} }
        let buffer = memory.bytes
        var block = 0
        while block < blockCount {
            let end = min(block + 64, blockCount)
            let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(Blocks.offset(end), size) - Blocks.offset(block))])
            guard (try? SystemCalls.preadAll(lease.descriptor, into: bytes, at: Blocks.offset(block))) == bytes.count else { return nil }
            SHA256Hasher.hashBlocks(UnsafeRawBufferPointer(bytes)) { table.set(block + $0, $1) }
            block = end
        }
        return table
    }

    /// The digest of `block` in a buffer that begins with block `first`.
    func leaf(of block: Int, in bytes: UnsafeRawBufferPointer, from first: Int) -> Digest {
        let start = (block - first) * Blocks.size
        return SHA256Hasher.hashBlock(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length(of: block))]))
    }

    /// Writes and syncs the file of leaves. It needs no care against tearing: it proves itself when it is read.
    func writeLeaves(_ table: LeafTable) throws(Errno) {
        let paths = paths
        let file = try Self.createFile(paths.leaves, in: paths.completeDirectory)
        try SystemCalls.pwriteAll(file.rawValue, UnsafeRawBufferPointer(table.bytes), at: 0)
        try SystemCalls.fsync(file.rawValue)
    }
}
