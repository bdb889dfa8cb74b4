import AllocationTesting
import Integrity
import LinuxSystem
import Testing
@testable import BlockStore

/// Leaves of long objects, which are read from their file as they are needed.
@Suite struct LeafFileTests {
    let scratch = Scratch()

    func open() throws -> PlainStore { try scratch.open { $0.maxWholeLeaves = 0 } }

    func complete(_ sample: Sample) throws {
        let store = try open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
    }

    /// From one leaf to more blocks of leaves than are kept.
    @Test(arguments: [20_000, 127 * 4096 + 1, 128 * 4096, 128 * 4096 + 1, (CertifiedLeaves.keptBlocks * 128 + 130) * 4096 + 7])
    func readsAreChecked(count: Int) throws {
        let sample = Sample(count: count, seed: UInt64(count))
        try complete(sample)
        let store = try open()
        let object = try store.object(sample.id, size: sample.size)
        #expect(object.read(0..<count).1 == sample.bytes)
        // A second way through: blocks of the table that were let go meanwhile are read again.
        #expect(object.read(0..<count).1 == sample.bytes)
        #expect(try object.verifyAll().isEmpty && store.events.corruptBlocks.value == 0)
        try Scratch.flip(scratch.complete(sample.id), at: UInt64(count - 1))
        #expect(object.read((count - 1)..<count).0 == .corrupt(blocks: (sample.blocks - 1)..<sample.blocks))
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<count).1 == sample.bytes)
    }

    @Test func memoryIsThatOfTheNextLevel() throws {
        let sample = Sample(count: 3000 * 4096, seed: 3)
        try complete(sample)
        let object = try open().object(sample.id, size: sample.size)
        #expect(try object.readLeaves(size: sample.size)?.memory == 24 * 32 + CertifiedLeaves.keptBlocks * 4096)
        let whole = try scratch.open().object(sample.id, size: sample.size)
        #expect(try whole.readLeaves(size: sample.size)?.memory == 3000 * 32)
    }

    /// The file of leaves is damaged while it is in use: its blocks are not believed, and it is made again from the data.
    @Test func damagedLeavesAreMadeAgain() throws {
        let sample = Sample(count: 300 * 4096, seed: 5)
        try complete(sample)
        let leaves = try Scratch.contents(scratch.leaves(sample.id))
        let store = try open()
        let object = try store.object(sample.id, size: sample.size)
        #expect(object.read(0..<4096).1 == Array(sample.bytes[..<4096]))
        for place in [200 * 32, 299 * 32 + 31] {
            try Scratch.flip(scratch.leaves(sample.id), at: UInt64(place))
            // What is kept in memory goes on being right; the rest is found out.
            #expect(object.read(0..<sample.bytes.count).1 == sample.bytes)
            #expect(try Scratch.contents(scratch.leaves(sample.id)) == leaves)
            object.releaseResources()
        }
        try Scratch.truncate(scratch.leaves(sample.id), to: 100)
        #expect(object.read(0..<sample.bytes.count).1 == sample.bytes)
        #expect(store.events.corruptBlocks.value == 0)
        #expect(try Scratch.contents(scratch.leaves(sample.id)) == leaves)
    }

    /// Leaves and data are damaged: nothing says any more what is right.
    @Test func whereNothingIsRightTheObjectIsThrownAway() throws {
        let sample = Sample(count: 300 * 4096, seed: 6)
        try complete(sample)
        try Scratch.flip(scratch.leaves(sample.id), at: 77)
        try Scratch.flip(scratch.complete(sample.id), at: 250 * 4096)
        let object = try open().object(sample.id, size: sample.size)
        #expect(object.read(0..<4096).0 == .missing(block: 0))
        #expect(object.presentBlocks == 0)
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
    }

    @Test func readingAllocatesNothing() throws {
        let sample = Sample(count: 70 * 128 * 4096, seed: 7)
        try complete(sample)
        let object = try open().object(sample.id, size: sample.size)
        let memory = AlignedBuffer(count: 4096)
        defer { withExtendedLifetime(memory) {} }
        var position: UInt64 = 0
        // Each read is of another block of the table.
        #expect(allocations {
            if object.read(into: memory.bytes, at: position) != .bytes(4096) { fatalError() }
            position = (position + 128 * 4096) % sample.size
        } == 0)
    }

    /// 32 GiB of holes with data at both ends: neither read nor hashed, and no room for their digests.
    @Test func aLongHoleCostsNothing() throws {
        let long = Scratch(onDisk: true)
        let head = Sample(count: 5 * 4096, seed: 8), tail = Sample(count: 3 * 4096 + 11, seed: 9)
        let hole = UInt64(32 << 30) + 12_288
        let size = head.size + hole + tail.size
        let builder = VerityTreeBuilder()
        func leaves(_ sample: Sample) { sample.bytes.withUnsafeBytes { SHA256Hasher.hashBlocks($0) { builder.add(leaf: $1) } } }
        leaves(head)
        builder.add(zeroBlocks: hole / 4096)
        leaves(tail)
        let id = VerityDigest.contentDigest(root: builder.finish(), size: size)
        let holes = [head.size..<head.size + hole]
        let store = try long.open()
        let object = try store.object(id, size: size, holes: holes)
        _ = try head.bytes.withUnsafeBytes { try object.fill($0, at: 0) }
        _ = try tail.bytes.withUnsafeBytes { try object.fill($0, at: head.size + hole) }
        #expect(try object.completeIfFull() == .complete)
        let status = try SystemCalls.status(of: long.leaves(id))
        #expect(status.size == (size + 4095) / 4096 * 32)
        #expect(status.blocks * 512 <= 64 << 10, "\(status.blocks * 512) bytes of digests on the disk")
        var bytes = [UInt8](repeating: 1, count: 65_536)
        #expect(bytes.withUnsafeMutableBytes { object.read(into: $0, at: 16 << 30) } == .bytes(65_536) && bytes.allSatisfy { $0 == 0 })
        #expect(object.read(0..<20_480).1 == head.bytes)
        // Loaded again, they are the same.
        object.releaseResources()
        #expect(bytes.withUnsafeMutableBytes { object.read(into: $0, at: head.size + hole - 4096) } == .bytes(tail.bytes.count + 4096))
        #expect(bytes[..<4096].allSatisfy { $0 == 0 } && Array(bytes[4096..<(4096 + tail.bytes.count)]) == tail.bytes)
    }

    /// Content with a hole in the middle, as it is when all its data has come.
    func holed(seed: UInt64) throws -> (sample: Sample, object: StoredObject) {
        var content = Sample(count: 600 * 4096, seed: seed).bytes
        for i in (10 * 4096)..<(590 * 4096) { content[i] = 0 }
        let sample = Sample(content)
        let object = try open().object(sample.id, size: sample.size, holes: [10 * 4096..<590 * 4096])
        try sample.fill(object, 0..<10)
        try sample.fill(object, 590..<600)
        return (sample, object)
    }

    /// Something was written where a hole should be: a complete file would have it.
    @Test func aHoleWithDataIsNotBelieved() throws {
        let (sample, object) = try holed(seed: 10)
        try Scratch.overwrite(scratch.data(sample.id), [1], at: 400 * 4096)
        #expect(try object.completeIfFull() == .corrupt([400..<401]))
        #expect(!object.isPresent(block: 400))
        try sample.fill(object, 400..<401)
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<sample.bytes.count).1 == sample.bytes)
    }

    /// Where a hole is skipped the sidecar's digests of it are not looked at: those of the complete object are those of zeros, whatever it has.
    @Test func aDamagedDigestOfAHoleMeansNothing() throws {
        let (sample, object) = try holed(seed: 11)
        try Scratch.overwrite(scratch.side(sample.id), [1], at: Sidecar(size: sample.size, blockCount: 600).leafOffset(400))
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<sample.bytes.count).1 == sample.bytes)
        #expect(try object.verifyAll().isEmpty)
        // Its file of leaves proves itself.
        #expect(try object.readLeaves(size: sample.size) != nil)
    }

    /// What ends in zeros hashes the same when its file was cut, and when it was extended: a complete file has its length.
    @Test(arguments: [1000, 0, -1000]) func aCompleteFileHasItsLength(more: Int) throws {
        let sample = Sample(Sample(count: 50 * 4096, seed: 12).bytes + [UInt8](repeating: 0, count: 300 * 4096))
        let object = try open().object(sample.id, size: sample.size, holes: [50 * 4096..<sample.size])
        try sample.fill(object, 0..<50)
        try Scratch.truncate(scratch.data(sample.id), to: UInt64(Int(sample.size) + more * 100))
        #expect(try object.completeIfFull() == .complete)
        #expect(try SystemCalls.status(of: scratch.complete(sample.id)).size == sample.size)
        #expect(object.read(0..<sample.bytes.count).1 == sample.bytes)
    }

    /// Another description's completion writes the same file of leaves, which is cut meanwhile: the data is good, and stays.
    @Test func leavesThatDoNotStayAreNoReasonToThrowGoodDataAway() throws {
        let sample = Sample(count: 300 * 4096, seed: 13)
        try complete(sample)
        let store = try open()
        let object = try store.object(sample.id, size: sample.size)
        let leaves = scratch.leaves(sample.id)
        let isOver = Condition(false)
        let other = Thread(name: "cuts") {
            while !isOver.withLock({ $0 }) { try? Scratch.truncate(leaves, to: 0) }
        }
        for _ in 0..<20 {
            let isRight = object.read(0..<4096).1 == Array(sample.bytes[..<4096])
            #expect(isRight)
            object.releaseResources()
        }
        isOver.update { $0 = true }
        other.join()
        #expect(object.isComplete && store.events.corruptBlocks.value == 0)
    }

    /// Whoever is faster completes it for both.
    @Test func twoDescriptionsCompleteAtOnce() throws {
        for round in 0..<20 {
            let sample = Sample(count: 700 * 4096, seed: UInt64(100 + round))
            let store = try open()
            let objects = try [Digest.zero, sample.id].map { try store.object(sample.id, describedBy: $0, size: sample.size) }
            for object in objects { try sample.fillAll(object) }
            let results = Condition<[Completion]>([])
            let threads = objects.map { object in
                Thread(name: "completes") {
                    do {
                        let result = try object.completeIfFull()
                        results.update { $0.append(result) }
                    } catch { Issue.record(error) }
                }
            }
            for thread in threads { thread.join() }
            #expect(results.withLock { $0 } == [.complete, .complete])
            let areRight = objects.allSatisfy { $0.isComplete && $0.read(0..<sample.bytes.count).1 == sample.bytes }
            #expect(areRight)
            #expect(store.events.corruptBlocks.value == 0)
        }
    }
}
