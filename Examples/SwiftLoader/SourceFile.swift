import DataLoader
import Glibc
import LinuxSystem
import SystemPackage

/// A file of the source, and where its blocks go.
final class SourceFile: Sendable {
    static let blockSize = 4096

    let id: FileID
    private let source: FilePath
    private let size: Int64
    private let target: FillDescriptor

    init(_ source: FilePath, size: Int64, id: FileID, target: FillDescriptor) {
        (self.source, self.size, self.id, self.target) = (source, size, id, target)
    }

    /// Stores every block that is missing, in order. Blocks.
    func storeAll() {
        let blocks = UInt32((size + Int64(Self.blockSize) - 1) / Int64(Self.blockSize))
        if let counts = try? target.dataBlocks(), counts.filled >= counts.total { return }
        for block in stride(from: 0, to: blocks, by: SampleLoader.batch) { store(from: block, count: SampleLoader.batch) }
    }

    /// Stores `count` blocks from `first` on, or says on standard error why not. Blocks.
    func store(from first: UInt32, count: Int) {
        do throws(Errno) {
            let file = try SystemCalls.open(source, flags: O_RDONLY)
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count * Self.blockSize, alignment: Self.blockSize)
            defer { bytes.deallocate() }
            let got = try SystemCalls.pread(file.rawValue, into: bytes, at: UInt64(first) * UInt64(Self.blockSize))
            let blocks = stride(from: 0, to: got, by: Self.blockSize).map { offset in
                FillDescriptor.Block(index: first + UInt32(offset / Self.blockSize), bytes: Array(bytes[offset..<min(got, offset + Self.blockSize)]))
            }
            try target.fill(blocks)
        } catch {
            SampleLoader.complain("\(source), block \(first): \(error)")
        }
    }
}
