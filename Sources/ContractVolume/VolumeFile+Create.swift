import LinuxSystem

extension VolumeFile {
    /// Writes what a new, empty backing file has: header, signature and room for its tree, block map. `signature` is a blob that
    /// `SignatureBlob` has read.
    ///
    /// Throws `E2BIG` for a tree that is too large, `EINVAL` for a signature on an empty file or too many blocks.
    public static func initialize(_ descriptor: CInt, id: FileID, size: UInt64, signature: [UInt8]?) throws(Errno) {
        let blocks = Geometry.dataBlocks(size: size)
        guard blocks <= Geometry.mostDataBlocks else { throw .fileTooLarge }
        var end = UInt64(BackingRecord.headerSize), link = BackingRecord.firstField
        var links: [(UInt64, UInt64)] = []
        try write(descriptor, BackingRecord.header(flags: 0, first: 0, size: size, id: id), at: 0)
        var hashes: UInt64 = 0
        if let signature {
            guard blocks > 0 else { throw .invalidArgument }
            guard let shape = TreeShape(dataBlocks: blocks) else { throw .tooBig }
            hashes = shape.blocks
            let blobOffset = end
            try write(descriptor, signature, at: blobOffset)
            end += UInt64(signature.count)
            let treeSize = hashes * Geometry.blockSize
            if treeSize > alignedTreeSize { end = (end + Geometry.blockSize - 1) / Geometry.blockSize * Geometry.blockSize }
            let treeOffset = treeSize > 0 ? end : 0
            end += treeSize
            try SystemCalls.truncate(descriptor, to: end)
            let record = BackingRecord.signature(size: UInt32(signature.count), offset: blobOffset, treeSize: UInt32(treeSize), treeOffset: treeOffset)
            try write(descriptor, record, at: end)
            links.append((link, end))
            link = end + BackingRecord.nextField
            end += UInt64(record.count)
        }
        if blocks + hashes > 0 {
            let base = end
            end += (blocks + hashes) * UInt64(BlockEntry.size)
            try SystemCalls.truncate(descriptor, to: end)
            try write(descriptor, BackingRecord.blockMap(base: base, entries: UInt32(blocks + hashes)), at: end)
            links.append((link, end))
        }
        for (place, target) in links { try write(descriptor, BackingRecord.number(target), at: place) }
    }

    /// A tree of more than five blocks starts at a multiple of a block.
    static let alignedTreeSize: UInt64 = 5 * 4096

    /// Writes a mapped file: `size` bytes from `offset` of the file `source`.
    public static func initializeMapped(_ descriptor: CInt, source: FileID, offset: UInt64, size: UInt64) throws(Errno) {
        try write(descriptor, BackingRecord.header(flags: BackingRecord.mappedFlag, first: offset, size: size, id: source), at: 0)
    }
}
