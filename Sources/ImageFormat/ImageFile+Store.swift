import LinuxSystem

extension ImageFile {
    /// Stores blocks, one after the other, up to the first that cannot be. A block that is there already is passed over.
    ///
    /// Returns how many were dealt with, which of them are new, and why it went no further: `ENOENT`: no such inode; `EISDIR`;
    /// `ERANGE`: the file has no such block; `EINVAL`: no bytes, or raw ones that are fewer than the block has; `E2BIG`: more than it can have;
    /// `ENOSPC` and what writing says.
    public func store(_ blocks: [ImageBlock], from data: UnsafeRawBufferPointer) -> (processed: Int, stored: [ImageBlock], error: Errno?) {
        appending.withLock { appending in
            var processed = 0, stored: [ImageBlock] = []
            for block in blocks {
                do throws(Errno) {
                    if try store(block, UnsafeRawBufferPointer(rebasing: data[block.data]), &appending) { stored.append(block) }
                } catch { return (processed, stored, error) }
                processed += 1
            }
            return (processed, stored, nil)
        }
    }

    /// False when it is there already.
    private func store(_ block: ImageBlock, _ data: UnsafeRawBufferPointer, _ appending: inout Appending) throws(Errno) -> Bool {
        guard let named = tree.withLock({ $0.inodes[block.inode] }) else { throw .noSuchFileOrDirectory }
        guard !named.isDirectory else { throw .isDirectory }
        guard UInt64(block.block) < named.blocks else { throw .outOfRange }
        guard data.count <= (block.isCompressed ? ImageLimits.longestCompressed : ImageLimits.longestRaw) else { throw .argListTooLong }
        guard data.count > 0, block.isCompressed || data.count >= named.length(ofBlock: UInt64(block.block)) else { throw .invalidArgument }
        let inode = try withMap(named, &appending)
        let place = inode.map! + UInt64(block.block) * UInt64(ImageLayout.entrySize)
        if try entry(at: place).isPresent { return false }
        guard appending.end <= ImageLimits.lastOffset - UInt64(data.count) else { throw .noSpace }
        do throws(Errno) {
            try SystemCalls.pwriteAll(descriptor, data, at: appending.end)
            let entry = ImageEntry(
                offset: appending.end, stored: UInt16(data.count), flags: block.isCompressed ? ImageLayout.lz4Flag : 0, checksum: ImageChecksum.of(data))
            try write(entry, at: place)
        } catch {
            try? SystemCalls.pwriteAll(descriptor, bytes: [UInt8](repeating: 0, count: ImageLayout.entrySize), at: place)
            try? SystemCalls.truncate(descriptor, to: appending.end)
            throw error
        }
        appending.end += UInt64(data.count)
        return true
    }

    private func entry(at place: UInt64) throws(Errno) -> ImageEntry {
        var bytes = [UInt8](repeating: 0, count: ImageLayout.entrySize)
        let count = try maps.withLock { _ throws(Errno) in try SystemCalls.preadAll(descriptor, bytes: &bytes, at: place) }
        guard count == bytes.count else { throw .ioError }
        return bytes.withUnsafeBytes { ImageEntry($0, 0) }
    }

    private static let pageSize: UInt64 = 4096

    /// A process can be killed between two pages of one write: an entry that lies on two of them gets its size last, which makes it count.
    private func write(_ entry: ImageEntry, at place: UInt64) throws(Errno) {
        let bytes = entry.encoded
        try maps.withLock { _ throws(Errno) in
            guard place / Self.pageSize != (place + UInt64(ImageLayout.entrySize) - 1) / Self.pageSize else { return try SystemCalls.pwriteAll(descriptor, bytes: bytes, at: place) }
            var first = bytes
            first.replaceSubrange(6..<8, with: [0, 0])
            try SystemCalls.pwriteAll(descriptor, bytes: first, at: place)
            try SystemCalls.pwriteAll(descriptor, bytes: Array(bytes[6..<8]), at: place + 6)
        }
    }
}

extension ImageFile {
    /// Whether a block is stored. False for what is no block.
    public func isPresent(_ inode: UInt64, _ block: UInt32) -> Bool {
        guard let inode = self.inode(inode), let base = inode.map, UInt64(block) < inode.blocks else { return false }
        guard let entry = try? entry(at: base + UInt64(block) * UInt64(ImageLayout.entrySize)) else { return false }
        return isThere(entry)
    }
}
