import Integrity
import LinuxSystem

/// What an object is, found out from its files. Damage never throws; what it makes doubtful is missing.
extension StoredObject {
    /// Looks at the files, once, and adds holes. Waits for a filler of the same object only when there is something to add.
    func open(holes: [Range<UInt64>]) throws(StoreError) {
        let added = holes.compactMap { hole -> Range<Int>? in
            let end = min(hole.upperBound, size)
            let first = hole.lowerBound / UInt64(Blocks.size) + (hole.lowerBound % UInt64(Blocks.size) == 0 ? 0 : 1)
            // The last, short block is wholly inside a hole that reaches the object's end.
            let last = end == size ? UInt64(blockCount) : end / UInt64(Blocks.size)
            return first < last ? Int(first)..<Int(last) : nil
        }
        let known = structure.withLock { structure in structure.opened && added.allSatisfy { Self.covers(structure.holes, $0) } }
        if known { return }
        try content.withLock { content throws(StoreError) in
            if !structure.withLock({ $0.opened }) {
                try load(&content)
                structure.withLock { $0.opened = true }
            }
            structure.withLock { $0.holes = Self.union($0.holes + added) }
            for hole in added { _ = publish(hole) }
        }
    }

    private static func union(_ ranges: [Range<Int>]) -> [Range<Int>] {
        var result: [Range<Int>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, last.upperBound >= range.lowerBound {
                result[result.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }

    private func load(_ content: inout Content) throws(StoreError) {
        if blockCount == 0 { return }
        if try loadWhole(&content, mending: true) { return }
        try loadPartial(paths, &content)
    }

    /// Takes over the content that somebody has completed. What there was of it here, with `content` held, is dropped.
    private func loadWhole(_ content: inout Content, mending: Bool) throws(StoreError) -> Bool {
        let paths = paths
        if let place = core.slabs.place(of: id) {
            guard place.size == size else { throw wrongSize(place.file.path, place.size) }
            become(.slab, at: place, &content)
            return true
        }
        if let status = try regularFile(paths.complete) {
            if status.size == size {
                become(.complete, at: nil, &content)
                return true
            }
            return mending ? try loadMisSized(paths, status.size, &content) : false
        }
        return false
    }

    /// The whole object lies in `phase`'s place from now on.
    private func become(_ new: Phase, at place: SlabPlace?, _ content: inout Content) {
        epoch.wrappingAdd(1, ordering: .acquiringAndReleasing)
        structure.withLock { structure in
            structure.place = place
            phase.store(new, ordering: .releasing)
            data.retire()
            side.retire()
        }
        epoch.wrappingAdd(1, ordering: .acquiringAndReleasing)
        content = Content()
        _ = publish(allBlocks)
        let paths = paths
        for path in [paths.side, paths.data] { try? SystemCalls.unlink(path, missingIsFine: true) }
    }

    /// Somebody has completed the same content under another description.
    func adopt() {
        content.withLock { content in
            let now = phase.load(ordering: .acquiring)
            guard now == .absent || now == .partial, structure.withLock({ $0.opened }) else { return }
            // What cannot be looked at now is found at the next opening.
            _ = try? loadWhole(&content, mending: false)
        }
    }

    /// The status of a regular file; nil when there is none under this name.
    private func regularFile(_ path: FilePath) throws(StoreError) -> FileStatus? {
        do {
            let status = try SystemCalls.status(of: path, followSymbolicLinks: false)
            return status.kind == .regular ? status : nil
        } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return nil }
            throw StoreError(.system, error, path, "cannot look at an object")
        }
    }

    private func wrongSize(_ path: FilePath, _ known: UInt64) -> StoreError {
        StoreError(.wrongSize, .invalidArgument, path, "the object has \(known) bytes, not \(size)")
    }

    /// A complete file of another length: either the caller's size is wrong, or the file was cut or extended by accident. The
    /// leaves decide, because the name covers the size. True when the object could be loaded.
    private func loadMisSized(_ paths: ObjectPaths, _ length: UInt64, _ content: inout Content) throws(StoreError) -> Bool {
        func leaves(ofLength length: UInt64) throws(StoreError) -> CertifiedLeaves? {
            try StoreError.wrap(paths.leaves, "cannot look at an object's digests") { () throws(Errno) in try readLeaves(size: length) }
        }
        if let certified = try leaves(ofLength: size) {
            keep(certified)
            phase.store(.complete, ordering: .releasing)
            _ = publish(0..<(length >= size ? blockCount : Int(length / UInt64(Blocks.size))))
            // Back to `partial/`, where files may be mended: cut what is too long, fill what is missing.
            try demote(&content)
            try StoreError.wrap(paths.data, "cannot mend an object's length") { () throws(Errno) in
                let lease = try openData()
                try SystemCalls.truncate(lease.descriptor, to: size)
            }
            let lostBlocks = allBlocks.filter { !present.isSet($0) }
            core.events.corruptBlocks.add(lostBlocks.count)
            content.lost.formUnion(lostBlocks)
            return true
        }
        if try leaves(ofLength: length) != nil { throw wrongSize(paths.complete, length) }
        try? SystemCalls.unlink(paths.complete, missingIsFine: true)
        try? SystemCalls.unlink(paths.leaves, missingIsFine: true)
        return false
    }

    private func loadPartial(_ paths: ObjectPaths, _ content: inout Content) throws(StoreError) {
        guard let status = try regularFile(paths.data), try regularFile(paths.side) != nil else { return }
        do {
            try loadSidecar(paths, dataLength: status.size, &content)
        } catch {
            phase.store(.absent, ordering: .releasing)
            // A disk that cannot give the state back has lost it; other errors (descriptors, permissions) may pass.
            guard error == .ioError else { throw StoreError(.system, error, paths.side, "cannot read the state of an incomplete object") }
            core.events.readErrors.add()
        }
        // What is not believed must not be met again.
        if phase.load(ordering: .acquiring) == .absent { wipe(&content, keepingHoles: true) }
    }

    private func loadSidecar(_ paths: ObjectPaths, dataLength: UInt64, _ content: inout Content) throws(Errno) {
        let file = try SystemCalls.open(paths.side, flags: Self.readWrite)
        var header = InlineArray<112, UInt8>(repeating: 0)
        let state = try withUnsafeMutableBytes(of: &header) { header throws(Errno) -> (boot: BootID, isCertified: Bool)? in
            guard try SystemCalls.preadAll(file.rawValue, into: header, at: 0) == header.count else { return nil }
            return sidecar.state(inHeader: UnsafeRawBufferPointer(header), id: id)
        }
        guard let (boot, isCertified) = state else { return }
        content.isCertified = isCertified
        let length = try SystemCalls.status(of: file.rawValue).size
        if length != sidecar.length { try SystemCalls.truncate(file.rawValue, to: sidecar.length) }

        // Blocks that the data file does not have whole are not there, whatever the bitmap says.
        let usable = dataLength >= size ? blockCount : Int(dataLength / UInt64(Blocks.size))
        let stored = try readWords(file.rawValue, at: sidecar.writtenOffset)
        var durable = try readWords(file.rawValue, at: sidecar.durableOffset)
        content.written = stored
        for page in stored.touched { for word in page { content.written[word] &= Self.mask(word, usable) } }
        for page in durable.touched { for word in page { durable[word] &= content.written[word] } }
        content.durable = durable
        phase.store(.partial, ordering: .releasing)
        if dataLength != size {
            let lease = try openData()
            try SystemCalls.truncate(lease.descriptor, to: size)
        }
        if boot != core.boot { try dropUnsynced(&content) }
        if content.written != stored || boot != core.boot {
            try writeWords(0..<stored.count, of: content.written, to: file.rawValue, at: sidecar.writtenOffset)
            try writeWords(0..<stored.count, of: content.durable, to: file.rawValue, at: sidecar.durableOffset)
            // Last: under the new boot the written bits count as they are.
            if boot != core.boot { try writeHeader(file.rawValue, isCertified: isCertified) }
        }
        var count = 0
        for page in content.written.touched { for word in page { count += present.set(word: word, mask: content.written[word]) } }
        presentCount.wrappingAdd(count, ordering: .relaxed)
        if content.written != content.durable {
            content.dirtyWords = content.written.span
            content.isNew = true
            core.markDirty(self)
        }
    }

    /// After another boot: blocks that were written and not synced stay only if the disk has them right.
    private func dropUnsynced(_ content: inout Content) throws(Errno) {
        var good = 0
        var dropped = 0
        for word in content.written.touched.joined() {
            var doubtful = content.written[word] & ~content.durable[word]
            while doubtful != 0 {
                let bit = doubtful.trailingZeroBitCount
                doubtful &= doubtful - 1
                if try matchesLeaf(word << 6 + bit) { good += 1 } else {
                    content.written[word] &= ~(1 << UInt64(bit))
                    dropped += 1
                }
            }
        }
        core.events.recoveredBlocks.add(good)
        core.events.droppedBlocks.add(dropped)
    }

    private func matchesLeaf(_ block: Int) throws(Errno) -> Bool {
        var whole = InlineArray<4096, UInt8>(repeating: 0)
        var leaf = Digest.zero
        return try withUnsafeMutableBytes(of: &whole) { whole throws(Errno) -> Bool in
            let bytes = UnsafeMutableRawBufferPointer(rebasing: whole[..<length(of: block)])
            do throws(Errno) {
                let lease = try openData()
                guard try SystemCalls.preadAll(lease.descriptor, into: bytes, at: Blocks.offset(block)) == bytes.count else { return false }
            } catch {
                guard error == .ioError else { throw error }
                return false
            }
            _ = try withUnsafeMutableBytes(of: &leaf) { target throws(Errno) in try copyLeaves(block..<(block + 1), into: target) }
            return SHA256Hasher.hashBlock(UnsafeRawBufferPointer(bytes)) == leaf
        }
    }

    private func readWords(_ file: CInt, at offset: UInt64) throws(Errno) -> SparseWords {
        var words = SparseWords(count: AtomicBitmap.wordCount(blockCount))
        var page = InlineArray<512, UInt64>(repeating: 0)
        var first = 0
        while first < words.count {
            let count = min(512, words.count - first)
            // A file that ends early has no bits there.
            let read = try withUnsafeMutableBytes(of: &page) { page throws(Errno) -> Int in
                try SystemCalls.preadAll(file, into: UnsafeMutableRawBufferPointer(rebasing: page[..<(count * 8)]), at: offset + UInt64(first * 8))
            }
            for i in 0..<(read / 8) where page[i] != 0 { words[first + i] = page[i] }
            first += count
        }
        return words
    }

    /// The bits of word `index` for blocks below `count`.
    private static func mask(_ index: Int, _ count: Int) -> UInt64 {
        count >= (index + 1) << 6 ? ~0 : count <= index << 6 ? 0 : (1 << UInt64(count - index << 6)) - 1
    }
}
