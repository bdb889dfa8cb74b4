import Glibc
import Integrity
import LinuxSystem

extension StoredObject {
    private enum Check {
        /// Every block is what its leaf says; the root of them.
        case good(Digest)
        case bad([Int])
        /// The object was thrown away, or completed under another description, meanwhile.
        case gone
    }

    private enum Move {
        case done
        /// A block was lost, or the object completed under another description, meanwhile.
        case gone
        /// The sidecar has other leaves than the blocks.
        case otherLeaves
    }

    /// When every block is present: hashes the whole object from its file, syncs it and gives it its final name. Takes as
    /// long as hashing takes (some 1 GB/s); readers go on meanwhile.
    ///
    /// - Throws: `.system`; the object stays as it is, call again.
    public func completeIfFull() throws(StoreError) -> Completion {
        if blockCount == 0 { return VerityDigest.contentDigest(root: .zero, size: 0) == id ? .complete : .wrongContent }
        if isComplete { return .complete }
        guard presentBlocks == blockCount, !isCompleting.exchange(true, ordering: .acquiringAndReleasing) else { return .notYet }
        defer { isCompleting.store(false, ordering: .releasing) }
        if isComplete { return .complete }
        // An object of holes only has no file yet.
        try content.withLock { content throws(StoreError) in try becomePartial(&content) }
        let path = paths.data
        func check(skippingHoles: Bool) throws(StoreError) -> Check {
            try StoreError.wrap(path, "cannot check a whole object") { () throws(Errno) in try checkWhole(skippingHoles: skippingHoles) }
        }
        switch try check(skippingHoles: true) {
        case .gone: return isComplete ? .complete : .notYet
        case .bad(let blocks): return .corrupt(Blocks.runs(blocks))
        case .good(let root):
            guard VerityDigest.contentDigest(root: root, size: size) == id else {
                core.events.wrongContents.add()
                // Not what another description has completed meanwhile.
                content.withLock { content in if phase.load(ordering: .acquiring) == .partial { wipe(&content, keepingHoles: false) } }
                return .wrongContent
            }
            switch try moveIntoPlace(root) {
            case .done: return .complete
            case .gone: return isComplete ? .complete : .notYet
            case .otherLeaves:
                // Damaged since they were compared. Their blocks are lost, to come again with their leaves.
                if case .bad(let blocks) = try check(skippingHoles: false) { return .corrupt(Blocks.runs(blocks)) }
                return isComplete ? .complete : .notYet
            }
        }
    }

    /// Hashes every block and compares it with its leaf. Bad ones are lost when this returns.
    private func checkWhole(skippingHoles: Bool) throws(Errno) -> Check {
        let builder = VerityTreeBuilder()
        let memory = AlignedBuffer(count: Self.leafBatch * Blocks.size)
        defer { withExtendedLifetime(memory) {} }
        let leaves = LeafTable(blockCount: Self.leafBatch)
        defer { withExtendedLifetime(leaves) {} }
        var suspects: [Range<Int>] = []
        var first = 0
        while first < blockCount {
            let hole = skippingHoles ? try unwrittenHole(from: first) : first
            if hole > first {
                builder.add(zeroBlocks: UInt64(hole - first))
                first = hole
                continue
            }
            let blocks = first..<min(first + Self.leafBatch, blockCount)
            first = blocks.upperBound
            let bytes = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<Int(min(Blocks.offset(blocks.upperBound), size) - Blocks.offset(blocks.lowerBound))])
            guard try copyLeaves(blocks, into: leaves.bytes) else { return .gone }
            do {
                let lease = try openData()
                let count = try SystemCalls.preadAll(lease.descriptor, into: bytes, at: Blocks.offset(blocks.lowerBound))
                if count < bytes.count { UnsafeMutableRawBufferPointer(rebasing: bytes[count...]).initializeMemory(as: UInt8.self, repeating: 0) }
            } catch {
                guard error == .ioError || error == .noSuchFileOrDirectory else { throw error }
                suspects.append(blocks)
                continue
            }
            SHA256Hasher.hashBlocks(UnsafeRawBufferPointer(bytes)) { number, digest in
                builder.add(leaf: digest)
                if digest != Digest(leaves.slice(number..<(number + 1))) { suspects.append((blocks.lowerBound + number)..<(blocks.lowerBound + number + 1)) }
            }
        }
        if suspects.isEmpty { return .good(builder.finish()) }
        let bad = try lose(confirming: suspects)
        return bad.isEmpty ? .gone : .bad(bad)
    }

    /// Where a run of whole batches of holes from `first` on ends, as far as the file has nothing there either; `first` if there is none.
    private func unwrittenHole(from first: Int) throws(Errno) -> Int {
        let known = structure.withLock { structure in Self.hole(with: first, of: structure.holes) }
        guard let known else { return first }
        var end = known.upperBound == blockCount ? blockCount : first + (known.upperBound - first) / Self.leafBatch * Self.leafBatch
        guard end > first else { return first }
        do {
            let lease = try openData()
            let data = try SystemCalls.seek(lease.descriptor, Blocks.offset(first), whence: 3 /* SEEK_DATA */)
            if data < Blocks.offset(end) { end = first + (Int(data / UInt64(Blocks.size)) - first) / Self.leafBatch * Self.leafBatch }
        } catch {
            // No data from here to the end. Where the file is gone or cannot tell, it is read.
            if error != .noSuchAddressOrDevice { return first }
        }
        return end
    }

    /// Looks again at suspects with writers kept out; what is bad is missing afterwards.
    func lose(confirming suspects: [Range<Int>]) throws(Errno) -> [Int] {
        try content.withLock { content throws(Errno) -> [Int] in
            var bad: [Int] = []
            for range in suspects { bad += try badBlocks(range, hashing: true, &content) }
            guard phase.load(ordering: .acquiring) != .absent else { return [] }
            lose(bad, &content)
            return bad
        }
    }

    /// Leaves, whose root is `root`, and data synced, then the name.
    private func moveIntoPlace(_ root: Digest) throws(StoreError) -> Move {
        let paths = paths
        // Not over the leaves of who was faster, and reads them.
        guard phase.load(ordering: .acquiring) == .partial else { return .gone }
        var isGone = false
        let written = try StoreError.wrap(paths.leaves, "cannot store the digests of a complete object") { () throws(Errno) in
            let written = try writeLeaves(zeros: { block throws(Errno) in try unwrittenHole(from: block) }) { blocks, target throws(Errno) in
                if isGone { return }
                isGone = try !copyLeaves(blocks, into: target)
            }
            try SystemCalls.syncDirectory(core.layout.objects)
            return written
        }
        if isGone { return .gone }
        guard written == root else { return .otherLeaves }
        try StoreError.wrap(paths.data, "cannot sync a complete object") { () throws(Errno) in
            let lease = try openData()
            // One that was cut has been read as if zeros followed, one that was extended as far as it should go.
            if try SystemCalls.status(of: lease.descriptor).size != size { try SystemCalls.truncate(lease.descriptor, to: size) }
            try SystemCalls.fsync(lease.descriptor)
        }
        let moved = try content.withLock { content throws(StoreError) -> Bool in
            guard phase.load(ordering: .acquiring) == .partial, present.allSet(allBlocks) else { return false }
            try StoreError.wrap(paths.complete, "cannot give a complete object its name") { () throws(Errno) in
                // Nothing of ours but a complete file has this name; anything else is in the way.
                if let status = try? SystemCalls.status(of: paths.complete, followSymbolicLinks: false), status.kind != .regular {
                    try SystemCalls.removeTree(paths.complete)
                }
                try structure.withLock { _ throws(Errno) in
                    try SystemCalls.rename(paths.data, to: paths.complete)
                    phase.store(.complete, ordering: .releasing)
                    data.retire()
                    side.retire()
                }
            }
            content.written = SparseWords()
            content.durable = SparseWords()
            content.dirtyWords = 0..<0
            content.isCertified = false
            return true
        }
        guard moved else { return .gone }
        core.events.completedObjects.add()
        try StoreError.wrap(paths.completeDirectory, "cannot make the name of a complete object durable") { () throws(Errno) in
            try SystemCalls.syncDirectory(paths.completeDirectory)
        }
        // A sidecar left behind by a crash here is removed or replaced when the object next becomes partial.
        try? SystemCalls.unlink(paths.side, missingIsFine: true)
        for sibling in core.siblings(of: self) { sibling.adopt() }
        return .done
    }
}
