import Integrity
import LinuxSystem

/// What fs-verity and the signature calls ask of a file.
extension VolumeFile {
    /// The longest built-in signature of fs-verity.
    public static let longestVeritySignature = 16128

    /// The blob given at creation or made by enabling verity; nil without one. `EIO` when it cannot be read whole.
    public func signature() throws(Errno) -> [UInt8]? {
        guard let tree = tree.withLock({ $0 }) else { return nil }
        let bytes = try Self.read(descriptor, at: tree.blobOffset, count: Int(tree.blobSize))
        guard bytes.count == Int(tree.blobSize) else { throw .ioError }
        return bytes
    }

    /// Bytes of the tree; 0 for a file of one block, nil without a root.
    public var treeSize: UInt64? { tree.withLock { $0.map { $0.shape.blocks * Geometry.blockSize } } }

    /// Bytes of the tree from `offset`, at most `count`: fewer at its end.
    public func treeBytes(at offset: UInt64, count: Int) throws(Errno) -> [UInt8] {
        guard let tree = tree.withLock({ $0 }) else { throw .noData }
        let size = tree.shape.blocks * Geometry.blockSize
        guard offset <= size else { throw .outOfRange }
        return try Self.read(descriptor, at: tree.offset + offset, count: Int(min(UInt64(count), size - offset)))
    }

    /// The fs-verity descriptor; nil without a root.
    public func verityDescriptor() -> [UInt8]? {
        guard let tree = tree.withLock({ $0 }) else { return nil }
        var bytes: [UInt8] = [1, 1, 12, 0, 0, 0, 0, 0] + BackingRecord.number(size) + tree.root.bytes
        bytes += [UInt8](repeating: 0, count: VerityDigest.descriptorLength - bytes.count)
        return bytes
    }

    /// The file's fs-verity digest; nil without a root.
    public func verityDigest() -> [UInt8]? { tree.withLock { $0 }.map { VerityDigest.contentDigest(root: $0.root, size: size).bytes } }

    /// The built-in signature that was given when verity was enabled.
    public func builtInSignature() throws(Errno) -> [UInt8]? {
        guard let signature = veritySignature.withLock({ $0 }) else { return nil }
        let bytes = try Self.read(descriptor, at: signature.offset, count: Int(signature.size))
        guard bytes.count == Int(signature.size) else { throw .ioError }
        return bytes
    }

    /// Hashes all data and writes the tree and its root: first everything, then the record that makes it count. Nothing happens
    /// for a file that has a root. `ETIME` where a block is missing, with its number.
    public func buildTree() -> (error: Errno, block: UInt32)? {
        if hasTree { return nil }
        guard dataBlocks > 0, let shape = TreeShape(dataBlocks: UInt64(dataBlocks)) else { return (dataBlocks == 0 ? .invalidArgument : .tooBig, 0) }
        let blockSize = Int(Geometry.blockSize)
        var level = [UInt8]()
        level.reserveCapacity(Int(dataBlocks) * Digest.length)
        let piece = 64
        var plain = [UInt8](repeating: 0, count: piece * blockSize)
        var first: UInt32 = 0
        while first < dataBlocks {
            let count = Int(min(UInt32(piece), dataBlocks - first))
            let wanted = Int(min(UInt64(count * blockSize), size - UInt64(first) * Geometry.blockSize))
            let outcome = plain.withUnsafeMutableBytes { buffer -> BlockOutcome in
                let outcome = read(from: first, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
                for index in 0..<count where outcome == .bytes {
                    let bytes = UnsafeRawBufferPointer(rebasing: buffer[(index * blockSize)..<min((index + 1) * blockSize, wanted)])
                    level += SHA256Hasher.hashBlock(bytes).bytes
                }
                return outcome
            }
            switch outcome {
            case .bytes: first += UInt32(count)
            case .missing(let block): return (.timedOutOnStream, block)
            case .failed(let block, let error): return (error, block)
            }
        }
        var levels: [[UInt8]] = []
        while level.count > Digest.length {
            level += [UInt8](repeating: 0, count: (blockSize - level.count % blockSize) % blockSize)
            levels.append(level)
            var above = [UInt8]()
            level.withUnsafeBytes { raw in
                for start in stride(from: 0, to: raw.count, by: blockSize) { above += SHA256Hasher.hash(UnsafeRawBufferPointer(rebasing: raw[start..<start + blockSize])).bytes }
            }
            level = above
        }
        let root = level.withUnsafeBytes { Digest($0) }
        let failure = tail.withLock { tail -> Errno? in
            do throws(Errno) {
                let blob = SignatureBlob.minimal(root: root)
                let blobOffset = try SystemCalls.status(of: descriptor).size
                try Self.write(descriptor, blob, at: blobOffset)
                var end = blobOffset + UInt64(blob.count)
                let bytes = levels.reversed().flatMap { $0 }
                if UInt64(bytes.count) > Self.alignedTreeSize { end = (end + Geometry.blockSize - 1) / Geometry.blockSize * Geometry.blockSize }
                if !bytes.isEmpty { try Self.write(descriptor, bytes, at: end) }
                try SystemCalls.fdatasync(descriptor)
                let offset = bytes.isEmpty ? 0 : end
                _ = try append(BackingRecord.signature(size: UInt32(blob.count), offset: blobOffset, treeSize: UInt32(bytes.count), treeOffset: offset), &tail)
                tree.withLock { $0 = Tree(root: root, shape: shape, offset: offset, blobOffset: blobOffset, blobSize: UInt32(blob.count)) }
                return nil
            } catch { return error }
        }
        return failure.map { ($0, 0) }
    }

    /// Keeps a built-in signature; nothing for an empty one.
    public func storeBuiltInSignature(_ bytes: [UInt8]) throws(Errno) {
        if bytes.isEmpty { return }
        let failure = tail.withLock { tail -> Errno? in
            do throws(Errno) {
                let offset = try SystemCalls.status(of: descriptor).size
                try Self.write(descriptor, bytes, at: offset)
                _ = try append(BackingRecord.veritySignature(size: UInt32(bytes.count), offset: offset), &tail)
                veritySignature.withLock { $0 = VeritySignature(offset: offset, size: UInt32(bytes.count)) }
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }

    /// `user.incfs.verity`.
    public func markVerity() throws(Errno) { try BackingAttributes.set(BackingAttributes.verity, [], ofDescriptor: descriptor) }
}
