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

    /// A tree that is not in the file yet.
    public struct BuiltTree: Sendable {
        let root: Digest
        let shape: TreeShape
        let bytes: [UInt8]
    }

    public enum TreeOutcome: Sendable {
        case built(BuiltTree)
        /// The file has a tree.
        case known
        /// `ETIME` where a block is missing, with its number; `EINVAL` for an empty file, `E2BIG`; what reading throws.
        case failed(Errno, block: UInt32)
    }

    /// Hashes all data; writes nothing.
    public func buildTree() -> TreeOutcome {
        if hasTree { return .known }
        guard dataBlocks > 0, let shape = TreeShape(dataBlocks: UInt64(dataBlocks)) else { return .failed(dataBlocks == 0 ? .invalidArgument : .tooBig, block: 0) }
        let blockSize = Int(Geometry.blockSize)
        var level = [UInt8]()
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
            case .missing(let block): return .failed(.timedOutOnStream, block: block)
            case .failed(let block, let error): return .failed(error, block: block)
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
        return .built(BuiltTree(root: level.withUnsafeBytes { Digest($0) }, shape: shape, bytes: levels.reversed().flatMap { $0 }))
    }

    /// The file's fs-verity digest with a tree that it has not yet.
    public func verityDigest(with tree: BuiltTree) -> [UInt8] { VerityDigest.contentDigest(root: tree.root, size: size).bytes }

    /// Writes a tree (nil: the file has one) and a built-in signature (nothing for an empty one), and marks the file as one of
    /// fs-verity: all of it, or the file is as it was. The records come when what they lead to is there, the mark last.
    public func seal(_ built: BuiltTree?, signature: [UInt8]) throws(Errno) {
        let failure = tail.withLock { tail -> Errno? in
            let before = tail
            let start: UInt64
            do throws(Errno) { start = try SystemCalls.status(of: descriptor).size } catch { return error }
            do throws(Errno) {
                // Somebody may have been faster.
                let tree = hasTree ? nil : try built.map { built throws(Errno) in try write(built, &tail) }
                let signature = signature.isEmpty ? nil : try write(signature: signature, &tail)
                try BackingAttributes.set(BackingAttributes.verity, [], ofDescriptor: descriptor)
                if let tree { self.tree.withLock { $0 = tree } }
                if let signature { veritySignature.withLock { $0 = signature } }
                return nil
            } catch {
                try? Self.write(descriptor, BackingRecord.number(UInt64(0)), at: before.lastLink)
                try? SystemCalls.truncate(descriptor, to: start)
                tail = before
                return error
            }
        }
        if let failure { throw failure }
    }

    private func write(_ built: BuiltTree, _ tail: inout Tail) throws(Errno) -> Tree {
        let blob = SignatureBlob.minimal(root: built.root)
        let blobOffset = try SystemCalls.status(of: descriptor).size
        try Self.write(descriptor, blob, at: blobOffset)
        var end = blobOffset + UInt64(blob.count)
        if UInt64(built.bytes.count) > Self.alignedTreeSize { end = (end + Geometry.blockSize - 1) / Geometry.blockSize * Geometry.blockSize }
        if !built.bytes.isEmpty { try Self.write(descriptor, built.bytes, at: end) }
        try SystemCalls.fdatasync(descriptor)
        let offset = built.bytes.isEmpty ? 0 : end
        _ = try append(BackingRecord.signature(size: UInt32(blob.count), offset: blobOffset, treeSize: UInt32(built.bytes.count), treeOffset: offset), &tail)
        return Tree(root: built.root, shape: built.shape, offset: offset, blobOffset: blobOffset, blobSize: UInt32(blob.count))
    }

    private func write(signature: [UInt8], _ tail: inout Tail) throws(Errno) -> VeritySignature {
        let offset = try SystemCalls.status(of: descriptor).size
        try Self.write(descriptor, signature, at: offset)
        _ = try append(BackingRecord.veritySignature(size: UInt32(signature.count), offset: offset), &tail)
        return VeritySignature(offset: offset, size: UInt32(signature.count))
    }
}
