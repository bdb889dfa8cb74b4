import LinuxSystem

/// Changes of the tree. On the disk when they return, if the image is durable.
extension ImageFile {
    /// A new file or directory, without a name. `size` is of a file.
    ///
    /// Throws `ENFILE` when there are as many as there can be, `EINVAL` for any other kind, `EFBIG`, `ENOSPC` and what writing says.
    public func makeInode(size: UInt64, mode: UInt32) throws(Errno) -> ImageInode {
        try appending.withLock { appending throws(Errno) -> ImageInode in
            let number = try tree.withLock { tree throws(Errno) in
                try tree.checkInode(size: size, mode: mode)
                // Numbers are not given again.
                guard tree.canHave(inode: tree.nextInode) else { throw .tooManyOpenFilesInSystem }
                return tree.nextInode
            }
            let isDirectory = mode & 0o170000 == 0o040000
            let size = isDirectory ? 0 : size
            let record = ImageRecord.inode(number: number, size: size, mode: UInt16(truncatingIfNeeded: mode))
            let map = try append([record], mapOf: size == 0 ? nil : (number, ImageInode.blocks(size)), &appending)
            let inode = ImageInode(number: number, size: size, mode: mode & 0xFFFF, map: map)
            tree.withLock { $0.add(inode) }
            return inode
        }
    }

    /// Gives an inode a name. Throws `ENOENT`, `ENOTDIR`, `EEXIST`, `EMLINK` for a second name of a directory, `EINVAL` for the root, for a
    /// directory below itself, and for what is no name, `ENAMETOOLONG`, `ENOSPC`.
    public func addName(_ name: [UInt8], in directory: UInt64, to child: UInt64) throws(Errno) {
        try appending.withLock { appending throws(Errno) in
            try tree.withLock { tree throws(Errno) in try tree.checkAdd(name, in: directory, to: child) }
            _ = try append([.add(directory: directory, child: child, name: name)], mapOf: nil, &appending)
            tree.withLock { $0.add(name, in: directory, to: child) }
        }
    }

    /// Takes a name away. Throws `ENOENT`, `ENOTDIR`, and `ENOTEMPTY` for a directory with names in it.
    public func removeName(_ name: [UInt8], in directory: UInt64) throws(Errno) {
        try appending.withLock { appending throws(Errno) in
            let child = try tree.withLock { tree throws(Errno) in try tree.checkRemove(name, in: directory) }
            _ = try append([.remove(directory: directory, child: child, name: name)], mapOf: nil, &appending)
            tree.withLock { $0.remove(name, in: directory) }
        }
    }

    /// The file with a place for its block entries: a writing that was interrupted may have left it without.
    func withMap(_ inode: ImageInode, _ appending: inout Appending) throws(Errno) -> ImageInode {
        let known = tree.withLock { $0.inodes[inode.number] } ?? inode
        guard known.map == nil, known.blocks > 0 else { return known }
        let map = try append([], mapOf: (known.number, known.blocks), &appending)
        let new = ImageInode(number: known.number, size: known.size, mode: known.mode, map: map)
        tree.withLock { $0.replace(new) }
        return new
    }

    /// Appends room for a block map, then records, then the map's own, all of which count at once: the link to the first is written last.
    private func append(_ records: [ImageRecord], mapOf owner: (inode: UInt64, blocks: UInt64)?, _ appending: inout Appending) throws(Errno) -> UInt64? {
        var records = records
        var start = appending.end, base: UInt64?
        if let owner {
            // Even, so that no entry has its size on two pages: see `writeEntry`.
            base = start + start % 2
            start = base! + owner.blocks * UInt64(ImageLayout.entrySize)
            records.append(.blockMap(inode: owner.inode, base: base!, count: UInt32(owner.blocks)))
        }
        guard appending.records + records.count <= ImageLimits.mostRecords, start <= ImageLimits.lastOffset else { throw .noSpace }
        var bytes: [UInt8] = [], previous = appending.last, place = start
        for (index, record) in records.enumerated() {
            let size = record.encoded(previous: previous).count
            place = start + UInt64(bytes.count)
            bytes += record.encoded(previous: previous, next: index + 1 < records.count ? place + UInt64(size) : 0)
            previous = place
        }
        do throws(Errno) {
            try SystemCalls.pwriteAll(descriptor, bytes: bytes, at: start)
            if isDurable { try SystemCalls.fdatasync(descriptor) }
            try SystemCalls.pwriteAll(descriptor, bytes: ImageBytes.encoded(start), at: Self.linkField(after: appending.last))
            if isDurable { try SystemCalls.fdatasync(descriptor) }
        } catch {
            // It did not happen: nothing leads to it, and nothing is left.
            try? SystemCalls.pwriteAll(descriptor, bytes: ImageBytes.encoded(UInt64(0)), at: Self.linkField(after: appending.last))
            try? SystemCalls.truncate(descriptor, to: appending.end)
            throw error
        }
        appending.end = start + UInt64(bytes.count)
        appending.last = previous
        appending.records += records.count
        return base
    }
}
