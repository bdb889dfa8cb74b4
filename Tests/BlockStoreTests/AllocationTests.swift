import AllocationTesting
import Integrity
import LinuxSystem
import Testing
@testable import BlockStore

@Suite struct AllocationTests {
    let scratch = Scratch(onDisk: true)

    @Test func theCounterSeesAllocations() {
        #expect(allocations { UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 8).deallocate() } >= 200)
    }

    @Test func presentReadsAllocateNothing() throws {
        let sample = Sample(count: 100 * 4096 + 1, seed: 1)
        let small = Sample(count: 9000, seed: 2)
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fillAll(object)
        let slab = try store.object(small.id, size: small.size)
        try small.fillAll(slab)
        let memory = AlignedBuffer(count: 128 << 10)
        defer { withExtendedLifetime(memory) {} }
        let buffer = memory.bytes
        let page = UnsafeMutableRawBufferPointer(rebasing: buffer[..<4096])
        var expected = StoreRead.bytes(0)
        func reads(_ what: String) {
            expected = .bytes(4096)
            #expect(allocations { if object.read(into: page, at: 8 * 4096) != expected { fatalError() } } == 0, "\(what): one page")
            expected = .bytes(128 << 10)
            #expect(allocations { if object.read(into: buffer, at: 4096) != expected { fatalError() } } == 0, "\(what): 128 KiB")
            expected = .bytes(4096)
            // Every block is hashed again.
            #expect(allocations { if object.read(into: page, at: 4097) != expected { fatalError() } } == 0, "\(what): unaligned, hashed")
            #expect(allocations { if slab.read(into: page, at: 4096) != expected { fatalError() } } == 0, "\(what): small object")
            #expect(allocations { _ = object.isPresent(bytes: 0..<400_000); _ = object.firstMissing(in: 0..<100) } == 0)
        }
        reads("partial")
        #expect(try object.completeIfFull() == .complete)
        reads("complete")
    }
}
