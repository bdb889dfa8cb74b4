import Glibc
import Integrity
import LinuxSystem

extension StoredObject {
    static var readOnly: CInt { O_RDONLY | O_NOFOLLOW }
    static var readWrite: CInt { O_RDWR | O_NOFOLLOW }
    static var create: CInt { O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW }

    /// The file with the content. `ENOENT` when there is none.
    func openData() throws(Errno) -> FileLease {
        let borrowed = data.borrow()
        if borrowed >= 0 { return FileLease(borrowed, borrowedFrom: data) }
        // Under `structure`, so that the name does not change under the call and the slot never keeps a descriptor of the wrong kind.
        let lease = try structure.withLock { _ throws(Errno) -> FileLease in
            let opened: OwnedDescriptor
            switch phase.load(ordering: .acquiring) {
            case .partial: opened = try SystemCalls.open(paths.data, flags: Self.readWrite)
            // Read-only: a descriptor open for writing would forbid executing and sealing the file.
            case .complete: opened = try SystemCalls.open(paths.complete, flags: Self.readOnly)
            case .absent, .slab: throw .noSuchFileOrDirectory
            }
            // `DiskReadahead` instead.
            if core.options.verify { SystemCalls.advise(opened.rawValue, POSIX_FADV_RANDOM) }
            return FileLease(opened: opened, into: data)
        }
        core.files.admit(data, cost: 1)
        return lease
    }

    /// The sidecar. `ENOENT` unless the object is partial.
    func openSide() throws(Errno) -> FileLease {
        let borrowed = side.borrow()
        if borrowed >= 0 { return FileLease(borrowed, borrowedFrom: side) }
        let lease = try structure.withLock { _ throws(Errno) -> FileLease in
            guard phase.load(ordering: .acquiring) == .partial else { throw .noSuchFileOrDirectory }
            return FileLease(opened: try SystemCalls.open(paths.side, flags: Self.readWrite), into: side)
        }
        core.files.admit(side, cost: 1)
        return lease
    }

    /// Opens a new, empty file, in place of whatever foreign thing has that name.
    static func createFile(_ path: FilePath, in directory: FilePath) throws(Errno) -> OwnedDescriptor {
        try SystemCalls.makeDirectories(directory)
        do throws(Errno) {
            return try SystemCalls.open(path, flags: create)
        } catch {
            guard error == .isDirectory || error == .tooManySymbolicLinkLevels else { throw error }
            try SystemCalls.removeTree(path)
            return try SystemCalls.open(path, flags: create)
        }
    }

    // MARK: With `content` held

    /// Makes the object partial, so that blocks can be written.
    func becomePartial(_ content: inout Content) throws(StoreError) {
        switch phase.load(ordering: .acquiring) {
        case .partial: return
        case .absent: try createPartial(&content)
        case .complete: try demote(&content)
        case .slab: return
        }
    }

    private func createPartial(_ content: inout Content) throws(StoreError) {
        let paths = paths
        try StoreError.wrap(paths.data, "cannot create an object's file") { () throws(Errno) in
            let file = try Self.createFile(paths.data, in: paths.partialDirectory)
            try SystemCalls.truncate(file.rawValue, to: size)
        }
        try StoreError.wrap(paths.side, "cannot create an object's sidecar") { () throws(Errno) in
            let file = try Self.createFile(paths.side, in: paths.partialDirectory)
            try SystemCalls.truncate(file.rawValue, to: sidecar.length)
            try writeHeader(file.rawValue, isCertified: false)
        }
        let words = AtomicBitmap.wordCount(blockCount)
        content.written = SparseWords(count: words)
        content.durable = content.written
        content.dirtyWords = 0..<0
        content.isCertified = false
        content.isNew = true
        changePhase(to: .partial)
    }

    /// Takes a complete object of which blocks are missing back to `partial/`: first its state, then its file.
    func demote(_ content: inout Content) throws(StoreError) {
        let paths = paths
        let known = try StoreError.wrap(paths.leaves, "cannot take a damaged object back") { () throws(Errno) in try certifiedLeaves(&content) }
        guard let certified = known else { return try becomePartial(&content) }
        let words = AtomicBitmap.wordCount(blockCount)
        // Everything that is present was synced when the object became complete.
        var bits = SparseWords(count: words)
        for word in 0..<words { bits[word] = present.word(word) }
        let written = bits
        try StoreError.wrap(paths.side, "cannot take a damaged object back") { () throws(Errno) in
            let file = try Self.createFile(paths.side, in: paths.partialDirectory)
            try SystemCalls.truncate(file.rawValue, to: sidecar.length)
            try writeLeaves(certified, toSidecar: file.rawValue)
            try writeWords(0..<words, of: written, to: file.rawValue, at: sidecar.writtenOffset)
            try writeWords(0..<words, of: written, to: file.rawValue, at: sidecar.durableOffset)
            try writeHeader(file.rawValue, isCertified: true)
            try SystemCalls.fdatasync(file.rawValue)
            try structure.withLock { _ throws(Errno) in
                try SystemCalls.rename(paths.complete, to: paths.data)
                phase.store(.partial, ordering: .releasing)
                data.retire()
            }
        }
        content.written = written
        content.durable = written
        content.dirtyWords = 0..<0
        content.isCertified = true
        content.isNew = true
        _ = leaves.evict()
        try? SystemCalls.unlink(paths.leaves, missingIsFine: true)
        try? SystemCalls.syncDirectory(paths.completeDirectory)
        try? SystemCalls.syncDirectory(paths.partialDirectory)
    }

    private func writeLeaves(_ certified: CertifiedLeaves, toSidecar file: CInt) throws(Errno) {
        try eachBatch { blocks, bytes throws(Errno) in
            guard certified.copy(blocks, to: bytes) else {
                // Damaged since it was loaded: who tries again loads it again.
                leaves.drop(certified)
                throw .ioError
            }
            try SystemCalls.pwriteAll(file, UnsafeRawBufferPointer(bytes), at: sidecar.leafOffset(blocks.lowerBound))
        }
    }

    /// Throws everything away that is of this object's own making (a complete file only if it is this object's place: it may
    /// serve others). The object is as if it had never been seen. Holes are believed on only if `keepingHoles`.
    func wipe(_ content: inout Content, keepingHoles: Bool) {
        withdraw(allBlocks)
        let paths = paths
        let wasComplete = phase.load(ordering: .acquiring) == .complete
        let holes = structure.withLock { structure in
            phase.store(.absent, ordering: .releasing)
            data.retire()
            side.retire()
            structure.place = nil
            if !keepingHoles { structure.holes = [] }
            return structure.holes
        }
        content.written = SparseWords()
        content.durable = SparseWords()
        content.dirtyWords = 0..<0
        content.isCertified = false
        _ = leaves.evict()
        for path in [paths.side, paths.data] + (wasComplete ? [paths.complete, paths.leaves] : []) { try? SystemCalls.unlink(path, missingIsFine: true) }
        for hole in holes { _ = publish(hole) }
    }

    /// Changes where the object lies; files of the former place are not used by anybody new.
    func changePhase(to new: Phase) {
        structure.withLock { _ in
            phase.store(new, ordering: .releasing)
            data.retire()
            side.retire()
        }
    }

    func writeHeader(_ file: CInt, isCertified: Bool) throws(Errno) {
        try sidecar.header(id: id, boot: core.boot, isCertified: isCertified).withUnsafeBufferPointer { raw throws(Errno) in
            try SystemCalls.pwriteAll(file, UnsafeRawBufferPointer(raw), at: 0)
        }
    }

    /// Writes words of a bitmap to its place in the sidecar. Bit order: little-endian words are bytes in block order.
    /// Words that were zero always are zero there as well.
    func writeWords(_ words: Range<Int>, of bitmap: SparseWords, to file: CInt, at base: UInt64) throws(Errno) {
        try bitmap.forEachTouched(in: words) { first, part throws(Errno) in
            try part.withUnsafeBufferPointer { part throws(Errno) in
                try SystemCalls.pwriteAll(file, UnsafeRawBufferPointer(part), at: base + UInt64(first * 8))
            }
        }
    }
}
