import AllocationTesting
import CLZ4
import ContractVolume
import Glibc
import Integrity
import LinuxSystem
import Testing

/// Reads of present blocks allocate nothing, whatever they are stored as.
@Suite struct AllocationTests {
    static let blocks = 300

    @Test func theCounterSeesAllocations() {
        #expect(allocations { UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 8).deallocate() } >= 200)
    }

    private func content(_ block: Int) -> [UInt8] { [UInt8](repeating: UInt8(truncatingIfNeeded: block), count: 4096) }

    private func file(compression: UInt8, hasTree: Bool) throws -> VolumeFile {
        let descriptor = try SystemCalls.open("/tmp", flags: BackingDirectory.unnamedFlag | O_RDWR)
        try VolumeFile.initialize(descriptor.rawValue, id: VolumeFileTests.id, size: UInt64(Self.blocks) * 4096 - 5, signature: nil)
        let file = try FileTable(index: descriptor.rawValue).open(descriptor.rawValue).file
        for block in 0..<Self.blocks {
            var data = content(block)
            if block == Self.blocks - 1 { data.removeLast(5) }
            if compression == 1 {
                var packed = [CChar](repeating: 0, count: 8192)
                let length = data.withUnsafeBytes { LZ4_compress_default($0.baseAddress!.assumingMemoryBound(to: CChar.self), &packed, CInt($0.count), CInt(8192)) }
                data = packed.prefix(Int(length)).map { UInt8(bitPattern: $0) }
            }
            let result = data.withUnsafeBytes { file.fill([FillBlock(index: UInt32(block), data: 0..<data.count, compression: compression, isHash: false)], from: $0) }
            guard result.stored == [UInt32(block)] else { throw result.error ?? .ioError }
        }
        // Three levels would take 16,384 blocks: two, the lower one of three blocks.
        if hasTree {
            guard case .built(let tree) = file.buildTree() else { throw Errno.ioError }
            try file.seal(tree, signature: [])
        }
        return file
    }

    @Test(arguments: [UInt8(0), 1], [false, true]) func presentReadsAllocateNothing(compression: UInt8, hasTree: Bool) throws {
        let file = try file(compression: compression, hasTree: hasTree)
        let memory = AlignedBuffer(count: Self.blocks * 4096)
        defer { withExtendedLifetime(memory) {} }
        let page = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<4096])
        let all = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<(Self.blocks * 4096 - 5)])
        let part = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<4099])
        #expect(allocations { if file.read(from: 7, into: page) != .bytes { fatalError() } } == 0, "one block")
        #expect(allocations { if file.read(from: 7, into: part) != .bytes { fatalError() } } == 0, "a block and a part of one")
        #expect(allocations { if file.read(from: 0, into: all) != .bytes { fatalError() } } == 0, "more than one piece")
        #expect(allocations { if file.look(for: 9) != .bytes { fatalError() } } == 0, "a look")
        for block in 0..<Self.blocks { #expect(memory.bytes[block * 4096] == UInt8(truncatingIfNeeded: block) && memory.bytes[block * 4096 + 4090] == UInt8(truncatingIfNeeded: block)) }
    }
}
