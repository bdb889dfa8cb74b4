import Integrity
import LinuxSystem

/// Reads the header and the records of a backing file, as strictly as the format wants it.
struct BackingParser {
    var identity = FileID()
    var size: UInt64 = 0
    /// A mapped file: what follows is that of its source.
    var mappedOffset: UInt64?
    var dataBlocks: UInt32 = 0
    var mapBase: UInt64 = 0
    var mapEntries: UInt32 = 0
    var tail = VolumeFile.Tail()
    var tree: VolumeFile.Tree?
    var veritySignature: VolumeFile.VeritySignature?
    /// The end of everything but stored blocks.
    private(set) var end = UInt64(BackingRecord.headerSize)

    /// True for a file of this length in which nothing has been stored since it was created.
    func isAsCreated(length: UInt64) -> Bool { mappedOffset == nil && tail.statusAt == 0 && length == end }

    /// Throws `EBADMSG`, `EILSEQ`, `EINVAL`, `E2BIG`, `EFAULT`, 524, or what reading throws.
    init(_ descriptor: CInt) throws(Errno) {
        let header = try VolumeFile.read(descriptor, at: 0, count: BackingRecord.headerSize)
        guard header.count == BackingRecord.headerSize else { throw .badMessage }
        guard BackingRecord.get(header, 0, UInt64.self) == BackingRecord.magic, BackingRecord.get(header, 8, UInt64.self) <= 1,
            BackingRecord.get(header, 18, UInt16.self) == 4096, BackingRecord.get(header, 16, UInt16.self) == UInt16(BackingRecord.headerSize)
        else { throw .illegalByteSequence }
        size = BackingRecord.get(header, 32, UInt64.self)
        identity = header[40...].withUnsafeBytes { FileID($0) }
        let first = BackingRecord.get(header, 24, UInt64.self)
        if BackingRecord.get(header, 20, UInt32.self) & BackingRecord.mappedFlag != 0 {
            mappedOffset = first
            return
        }
        let blocks = Geometry.dataBlocks(size: size)
        guard blocks <= Geometry.mostDataBlocks else { throw .invalidArgument }
        dataBlocks = UInt32(blocks)
        var offset = first
        while offset != 0 {
            let bytes = try VolumeFile.read(descriptor, at: offset, count: BackingRecord.longestRecord)
            guard bytes.count >= BackingRecord.recordHeaderSize else { throw .badMessage }
            let length = Int(BackingRecord.get(bytes, 1, UInt16.self)), next = BackingRecord.get(bytes, 7, UInt64.self)
            guard length <= BackingRecord.longestRecord, length <= bytes.count, length >= BackingRecord.recordHeaderSize else { throw .badMessage }
            guard next == 0 || next > offset else { throw .badMessage }
            try consider(bytes, length, at: offset, descriptor)
            tail.lastLink = offset + BackingRecord.nextField
            end = max(end, offset + UInt64(length))
            offset = next
        }
        if mapBase != 0 { end = max(end, mapBase + UInt64(mapEntries) * UInt64(BlockEntry.size)) }
        if let tree, tree.offset != 0 { end = max(end, tree.offset + tree.shape.blocks * Geometry.blockSize) }
        let extra = UInt64(mapEntries) &- UInt64(dataBlocks)
        guard mapBase == 0 || mapEntries >= dataBlocks else { throw .badMessage }
        if let tree {
            guard mapBase == 0 || extra == 0 || extra == tree.shape.blocks else { throw .invalidArgument }
        } else if mapBase != 0 {
            guard extra == 0 else { throw .invalidArgument }
        }
    }

    private mutating func consider(_ bytes: [UInt8], _ length: Int, at offset: UInt64, _ descriptor: CInt) throws(Errno) {
        func get<Number: FixedWidthInteger>(_ at: Int, _ type: Number.Type) throws(Errno) -> Number {
            guard at + MemoryLayout<Number>.size <= length else { throw .badMessage }
            return BackingRecord.get(bytes, at, type)
        }
        guard let kind = BackingRecord.Kind(rawValue: bytes[0]) else { throw .kernelNotSupported }
        switch kind {
        case .none, .attribute: break
        case .blockMap:
            mapBase = try get(23, UInt64.self)
            mapEntries = try get(31, UInt32.self)
            // Where no entry is, it does not matter.
            guard mapEntries >= dataBlocks, mapEntries == 0 || mapBase <= UInt64(Int64.max) - UInt64(mapEntries) * UInt64(BlockEntry.size) else { throw .badMessage }
        case .signature: tree = try signature(try get(23, UInt32.self), try get(27, UInt64.self), try get(35, UInt32.self), try get(39, UInt64.self), at: offset, descriptor)
        case .status:
            tail.dataFilled = try get(23, UInt32.self)
            tail.hashFilled = try get(27, UInt32.self)
            (tail.storedData, tail.storedHash, tail.statusAt) = (tail.dataFilled, tail.hashFilled, offset)
        case .veritySignature:
            let size = try get(23, UInt32.self)
            guard size <= UInt32(VolumeFile.longestVeritySignature) else { throw .badAddress }
            veritySignature = VolumeFile.VeritySignature(offset: try get(27, UInt64.self), size: size)
        }
    }

    private func signature(_ blobSize: UInt32, _ blobOffset: UInt64, _ treeSize: UInt32, _ treeOffset: UInt64, at offset: UInt64, _ descriptor: CInt) throws(Errno) -> VolumeFile.Tree {
        guard blobSize <= UInt32(Geometry.longestSignature) else { throw .invalidArgument }
        guard offset > blobOffset, treeSize == 0 || offset > treeOffset else { throw .invalidArgument }
        let bytes = try VolumeFile.read(descriptor, at: blobOffset, count: Int(blobSize))
        guard bytes.count == Int(blobSize), let blob = SignatureBlob(bytes), dataBlocks > 0 else { throw .invalidArgument }
        guard let shape = TreeShape(dataBlocks: UInt64(dataBlocks)) else { throw .tooBig }
        guard UInt64(treeSize) == shape.blocks * Geometry.blockSize else { throw .invalidArgument }
        return VolumeFile.Tree(root: blob.root, shape: shape, offset: treeOffset, blobOffset: blobOffset, blobSize: blobSize)
    }
}
