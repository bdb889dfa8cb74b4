import Glibc
import Integrity
import LinuxSystem
import Synchronization

/// A file of leaves that is read block by block: open, proven once as a whole, and each block again when it is read.
///
/// A digest of zeros stands for that of a block of zeros, so that holes of the content are holes of the file.
final class LeafFile: Sendable {
    private struct Kept: ~Copyable {
        let memory = AlignedBuffer(count: CertifiedLeaves.keptBlocks * MerkleTree.blockSize)
        /// Which block of the table lies in each place; -1: none.
        var numbers: [Int] = Array(repeating: -1, count: CertifiedLeaves.keptBlocks)

        func place(_ number: Int) -> UnsafeMutableRawBufferPointer {
            let start = number % CertifiedLeaves.keptBlocks * MerkleTree.blockSize
            return UnsafeMutableRawBufferPointer(rebasing: memory.bytes[start..<start + MerkleTree.blockSize])
        }
    }

    private let file: OwnedDescriptor
    private let leafCount: Int
    /// The digests of the table's blocks.
    private let blocks: LeafTable
    private let kept = Mutex(Kept())

    /// `file` has `leafCount` leaves whose blocks have the digests `blocks`.
    init(_ file: consuming OwnedDescriptor, leafCount: Int, blocks: LeafTable) {
        self.file = file
        self.leafCount = leafCount
        self.blocks = blocks
    }

    var memory: Int { blocks.bytes.count + CertifiedLeaves.keptBlocks * MerkleTree.blockSize }

    func copy(_ leaves: Range<Int>, to target: UnsafeMutableRawBufferPointer) -> Bool {
        var leaf = leaves.lowerBound
        while leaf < leaves.upperBound {
            let number = leaf / CertifiedLeaves.blockLeaves
            let end = min(leaves.upperBound, (number + 1) * CertifiedLeaves.blockLeaves)
            let from = leaf % CertifiedLeaves.blockLeaves * Digest.length
            let count = (end - leaf) * Digest.length
            let out = UnsafeMutableRawBufferPointer(rebasing: target[((leaf - leaves.lowerBound) * Digest.length)...])
            let found = kept.withLock { kept -> Bool in
                guard kept.numbers[number % CertifiedLeaves.keptBlocks] == number else { return false }
                out.copyMemory(from: UnsafeRawBufferPointer(rebasing: kept.place(number)[from..<from + count]))
                return true
            }
            if !found, !read(number, from, count, out) { return false }
            leaf = end
        }
        return true
    }

    /// Reads block `number`, and keeps it if it is the one that was proven.
    private func read(_ number: Int, _ from: Int, _ count: Int, _ target: UnsafeMutableRawBufferPointer) -> Bool {
        var block = InlineArray<4096, UInt8>(repeating: 0)
        return withUnsafeMutableBytes(of: &block) { block in
            let length = min(leafCount - number * CertifiedLeaves.blockLeaves, CertifiedLeaves.blockLeaves) * Digest.length
            let bytes = UnsafeMutableRawBufferPointer(rebasing: block[..<length])
            guard (try? SystemCalls.preadAll(file.rawValue, into: bytes, at: UInt64(number) * UInt64(MerkleTree.blockSize))) == length else { return false }
            Self.expand(bytes)
            guard SHA256Hasher.hashBlock(UnsafeRawBufferPointer(bytes)) == Digest(blocks.slice(number..<(number + 1))) else { return false }
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[from..<from + count]))
            kept.withLock { kept in
                kept.numbers[number % CertifiedLeaves.keptBlocks] = number
                kept.place(number).copyMemory(from: UnsafeRawBufferPointer(bytes))
            }
            return true
        }
    }

    // MARK: The file as a whole

    /// Digests of zeros become what they stand for.
    static func expand(_ leaves: UnsafeMutableRawBufferPointer) {
        var place = 0
        while place < leaves.count {
            let leaf = UnsafeMutableRawBufferPointer(rebasing: leaves[place..<place + Digest.length])
            if Digest(UnsafeRawBufferPointer(leaf)) == .zero { MerkleTree.zeroBlockDigest.withUnsafeBytes { leaf.copyMemory(from: $0) } }
            place += Digest.length
        }
    }

    /// True if every leaf is that of a block of zeros.
    private static func areZeroBlocks(_ leaves: UnsafeRawBufferPointer) -> Bool {
        stride(from: 0, to: leaves.count, by: Digest.length).allSatisfy { Digest(UnsafeRawBufferPointer(rebasing: leaves[$0..<$0 + Digest.length])) == MerkleTree.zeroBlockDigest }
    }

    /// Writes `leafCount` leaves that `source` copies, a block at a time, to an empty file, and syncs it. Returns their root. It needs no care against
    /// tearing: the file proves itself when it is read. `zeros` says where a run of blocks of zeros ends that begins with the given one, and
    /// gives that block back if there is none: only whole blocks of leaves, but for the end.
    static func write(
        _ file: CInt, leafCount: Int, zeros: (Int) throws(Errno) -> Int = { $0 }, _ source: (Range<Int>, UnsafeMutableRawBufferPointer) throws(Errno) -> Void
    ) throws(Errno) -> Digest {
        let builder = VerityTreeBuilder()
        try SystemCalls.truncate(file, to: UInt64(leafCount) * UInt64(Digest.length))
        var block = InlineArray<4096, UInt8>(repeating: 0)
        var first = 0
        while first < leafCount {
            let next = try zeros(first)
            if next > first {
                builder.add(zeroBlocks: UInt64(next - first))
                first = next
                continue
            }
            let leaves = first..<min(first + CertifiedLeaves.blockLeaves, leafCount)
            try withUnsafeMutableBytes(of: &block) { block throws(Errno) in
                let bytes = UnsafeMutableRawBufferPointer(rebasing: block[..<(leaves.count * Digest.length)])
                try source(leaves, bytes)
                builder.add(leaves: UnsafeRawBufferPointer(bytes))
                if areZeroBlocks(UnsafeRawBufferPointer(bytes)) { return }
                try SystemCalls.pwriteAll(file, UnsafeRawBufferPointer(bytes), at: UInt64(first) * UInt64(Digest.length))
            }
            first = leaves.upperBound
        }
        try SystemCalls.fsync(file)
        return builder.finish()
    }

    /// The first leaf from `first` on, at the beginning of a block, that the file has written.
    private static func unwritten(_ file: CInt, from first: Int, _ leafCount: Int) -> Int {
        do throws(Errno) {
            let data = Int(try SystemCalls.seek(file, UInt64(first * Digest.length), whence: 3 /* SEEK_DATA */))
            return max(first, data / MerkleTree.blockSize * CertifiedLeaves.blockLeaves)
        } catch {
            // None up to the end; the last block may be a short one.
            return error == .noSuchAddressOrDevice ? max(first, leafCount / CertifiedLeaves.blockLeaves * CertifiedLeaves.blockLeaves) : first
        }
    }

    /// Reads all leaves of an object of `size` bytes; nil unless they prove to be those of the content `id`. At most `maxWhole` bytes of them
    /// stay in memory.
    static func load(_ file: consuming OwnedDescriptor, size: UInt64, id: Digest, maxWhole: Int) -> CertifiedLeaves? {
        let leafCount = Blocks.count(size)
        guard let status = try? SystemCalls.status(of: file.rawValue), status.kind == .regular, status.size == UInt64(leafCount) * UInt64(Digest.length) else { return nil }
        if leafCount * Digest.length <= maxWhole {
            let table = LeafTable(blockCount: leafCount)
            defer { withExtendedLifetime(table) {} }
            guard (try? SystemCalls.preadAll(file.rawValue, into: table.bytes, at: 0)) == table.bytes.count else { return nil }
            expand(table.bytes)
            return VerityDigest.contentDigest(leaves: UnsafeRawBufferPointer(table.bytes), size: size) == id ? CertifiedLeaves(whole: table) : nil
        }
        let builder = VerityTreeBuilder()
        guard let blocks = readBlocks(file.rawValue, leafCount, builder), VerityDigest.contentDigest(root: builder.finish(), size: size) == id else { return nil }
        return CertifiedLeaves(file: LeafFile(file, leafCount: leafCount, blocks: blocks))
    }

    /// Gives all leaves to `builder`, and returns the digests of the table's blocks.
    private static func readBlocks(_ file: CInt, _ leafCount: Int, _ builder: VerityTreeBuilder) -> LeafTable? {
        let table = LeafTable(blockCount: (leafCount + CertifiedLeaves.blockLeaves - 1) / CertifiedLeaves.blockLeaves)
        var block = InlineArray<4096, UInt8>(repeating: 0)
        var first = 0
        while first < leafCount {
            let count = min(leafCount - first, CertifiedLeaves.blockLeaves)
            let areZeros = withUnsafeMutableBytes(of: &block) { block -> Bool? in
                let bytes = UnsafeMutableRawBufferPointer(rebasing: block[..<(count * Digest.length)])
                guard (try? SystemCalls.preadAll(file, into: bytes, at: UInt64(first) * UInt64(Digest.length))) == bytes.count else { return nil }
                expand(bytes)
                builder.add(leaves: UnsafeRawBufferPointer(bytes))
                table.set(first / CertifiedLeaves.blockLeaves, SHA256Hasher.hashBlock(UnsafeRawBufferPointer(bytes)))
                return areZeroBlocks(UnsafeRawBufferPointer(bytes))
            }
            guard let areZeros else { return nil }
            first += count
            // Where a hole has begun it may be a long one.
            guard areZeros, first < leafCount else { continue }
            let data = unwritten(file, from: first, leafCount)
            for number in first / CertifiedLeaves.blockLeaves..<data / CertifiedLeaves.blockLeaves { table.set(number, MerkleTree.zeroTreeBlockDigest) }
            builder.add(zeroBlocks: UInt64(data - first))
            first = data
        }
        return table
    }
}
