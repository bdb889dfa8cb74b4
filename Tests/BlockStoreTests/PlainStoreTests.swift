import Glibc
import Integrity
import LinuxSystem
import Testing
@testable import BlockStore

@Suite struct PlainStoreTests {
    let scratch = Scratch()

    private func hasFile(_ object: StoredObject) throws -> Bool {
        if let file = try object.openCompleteFile() { return file.rawValue >= 0 } else { return false }
    }

    @Test func layoutIsPrivateAndPackagesHaveAPlace() throws {
        let store = try scratch.open()
        let package = try store.packageDirectory(root: Sample([1]).id)
        #expect(package == scratch.path("packages/\(Sample([1]).id)"))
        for path in [scratch.directory, package, scratch.path("objects"), scratch.path("partial"), scratch.path("slabs")] {
            #expect(try SystemCalls.status(of: path).mode & 0o777 == 0o700, "\(path)")
        }
        let space = try store.freeSpace()
        #expect(space.free > 0 && space.free <= space.total)
    }

    @Test func nothingIsCreatedBeforeTheFirstFill() throws {
        let store = try scratch.open()
        let sample = Sample(count: 50_000, seed: 1)
        let object = try store.object(sample.id, size: sample.size)
        #expect(object.read(0..<4096).0 == .missing(block: 0))
        #expect(try scratch.files().map(\.lastComponent!.string) == ["log"])
        #expect(object.blockCount == 13 && object.presentBlocks == 0 && !object.isComplete)
    }

    @Test func blocksAreReadableAsTheyCome() throws {
        let store = try scratch.open()
        let sample = Sample(count: 100_000, seed: 2)
        let object = try store.object(sample.id, size: sample.size)
        #expect(try sample.fill(object, 3..<6) == 3)
        #expect(try sample.fill(object, 2..<7) == 2)
        #expect(try sample.fill(object, 2..<7) == 0)
        #expect(try sample.fill(object, 24..<25) == 1)
        #expect(object.presentBlocks == 6)
        #expect(object.firstMissing(in: 2..<25) == 7)
        #expect(object.firstMissing(in: -5..<100) == 0)
        #expect(object.firstPresent(in: 7..<25) == 24)
        #expect(object.isPresent(bytes: 8192..<28672) && !object.isPresent(bytes: 8191..<28672) && !object.isPresent(bytes: 8192..<28673))
        #expect(object.isPresent(bytes: 98_304..<1_000_000) && object.isPresent(bytes: 100_000..<200_000))
        #expect(!object.isPresent(block: -1) && !object.isPresent(block: 25) && object.isPresent(block: 24))
        #expect(object.read(8192..<28672) == (.bytes(20480), Array(sample.bytes[8192..<28672])))
        #expect(object.read(8200..<28001) == (.bytes(19801), Array(sample.bytes[8200..<28001])))
        #expect(object.read(9000..<9010) == (.bytes(10), Array(sample.bytes[9000..<9010])))
        #expect(object.read(98_304..<120_000) == (.bytes(1696), Array(sample.bytes[98_304...])))
        #expect(object.read(99_999..<120_000) == (.bytes(1), [sample.bytes[99_999]]))
        #expect(object.read(100_000..<100_010).0 == .bytes(0))
        #expect(object.read(28_000..<28_673).0 == .missing(block: 7))
        #expect(store.events.filledBlocks.value == 6)
        #expect(store.events.filledBytes.value == 5 * 4096 + 1696)
    }

    @Test func theDataFileIsTheFile() throws {
        let store = try scratch.open()
        let sample = Sample(count: 60_000, seed: 3)
        let object = try store.object(sample.id, size: sample.size)
        try sample.fillAll(object)
        #expect(try Scratch.contents(scratch.data(sample.id)) == sample.bytes)
        #expect(try !hasFile(object))
        #expect(try object.completeIfFull() == .complete)
        #expect(try Scratch.contents(scratch.complete(sample.id)) == sample.bytes)
        #expect(try Scratch.contents(scratch.leaves(sample.id)).count == 15 * 32)
        #expect(!Scratch.exists(scratch.data(sample.id)) && !Scratch.exists(scratch.side(sample.id)))
        #expect(object.isComplete)
        #expect(try object.completeIfFull() == .complete)
        if let file = try object.openCompleteFile() {
            #expect(fcntl(file.rawValue, F_GETFL) & O_ACCMODE == O_RDONLY)
        } else {
            Issue.record("a complete object has a file")
        }
        #expect(object.read(0..<60_000).1 == sample.bytes)
        #expect(store.events.completedObjects.value == 1)
    }

    @Test func noDescriptorStaysOpenForWritingOnACompleteFile() throws {
        let store = try scratch.open()
        let sample = Sample(count: 30_000, seed: 4)
        let object = try store.object(sample.id, size: sample.size)
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<30_000).1 == sample.bytes)
        let inode = try SystemCalls.status(of: scratch.complete(sample.id)).inode
        for name in try SystemCalls.list("/proc/self/fd") {
            let number = CInt(String(decoding: name, as: UTF8.self))!
            guard let status = try? SystemCalls.status(of: number), status.inode == inode else { continue }
            #expect(fcntl(number, F_GETFL) & O_ACCMODE == O_RDONLY)
        }
    }

    @Test func completionWaitsForTheLastBlock() throws {
        let store = try scratch.open()
        let sample = Sample(count: 30_000, seed: 5)
        let object = try store.object(sample.id, size: sample.size)
        #expect(try object.completeIfFull() == .notYet)
        try sample.fill(object, 0..<7)
        #expect(try object.completeIfFull() == .notYet)
        try sample.fill(object, 7..<8)
        #expect(try object.completeIfFull() == .complete)
    }

    @Test func wrongContentIsThrownAway() throws {
        let store = try scratch.open()
        let sample = Sample(count: 30_000, seed: 6)
        let other = Sample(count: 30_000, seed: 7)
        let object = try store.object(sample.id, size: sample.size)
        try other.fillAll(object)
        #expect(try object.completeIfFull() == .wrongContent)
        #expect(object.presentBlocks == 0 && object.read(0..<10).0 == .missing(block: 0))
        #expect(!Scratch.exists(scratch.data(sample.id)) && !Scratch.exists(scratch.complete(sample.id)))
        #expect(store.events.wrongContents.value == 1)
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<30_000).1 == sample.bytes)
    }

    @Test func badRangesAreRefused() throws {
        let store = try scratch.open()
        let sample = Sample(count: 20_000, seed: 8)
        let object = try store.object(sample.id, size: sample.size)
        for (count, offset) in [(4096, 1), (4095, 0), (100, 4096), (4096, 16384), (4096, 20480), (20_001, 0), (3616, 12288)] {
            let error = #expect(throws: StoreError.self) {
                _ = try [UInt8](repeating: 0, count: count).withUnsafeBytes { try object.fill($0, at: UInt64(offset)) }
            }
            #expect(error?.cause == .invalidRange && error?.errno == .invalidArgument)
        }
        #expect(object.presentBlocks == 0)
        #expect(try [UInt8]().withUnsafeBytes { try object.fill($0, at: 4096) } == 0)
    }

    @Test func oneInstanceWhileAnybodyHoldsIt() throws {
        let store = try scratch.open()
        let sample = Sample(count: 20_000, seed: 9)
        weak var gone: StoredObject?
        do {
            let first = try store.object(sample.id, size: sample.size)
            #expect(try store.object(sample.id, size: sample.size) === first)
            #expect(throws: StoreError.self) { try store.object(sample.id, size: 5) }
            gone = first
        }
        #expect(gone == nil)
        let error = #expect(throws: StoreError.self) { try store.object(sample.id, size: 1 << 60) }
        #expect(error?.cause == .wrongSize)
    }

    @Test func anEmptyObjectIsComplete() throws {
        let store = try scratch.open()
        let empty = Sample([])
        let object = try store.object(empty.id, size: 0)
        #expect(object.isComplete && object.blockCount == 0)
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<10).0 == .bytes(0))
        #expect(try [UInt8]().withUnsafeBytes { try object.fill($0, at: 0) } == 0)
        #expect(try !hasFile(object))
        #expect(try store.object(Sample([1]).id, size: 0).completeIfFull() == .wrongContent)
    }

    @Test func aFullDirectoryTreeInTheWayIsATypedError() throws {
        let store = try scratch.open()
        let sample = Sample(count: 20_000, seed: 10)
        let object = try store.object(sample.id, size: sample.size)
        try SystemCalls.removeDirectory(scratch.path("partial"))
        try Scratch.write([1], to: scratch.path("partial"))
        let error = #expect(throws: StoreError.self) { try sample.fillAll(object) }
        #expect(error?.cause == .system && error?.errno == .notDirectory || error?.errno == .fileExists)
        #expect(object.presentBlocks == 0)
        try SystemCalls.unlink(scratch.path("partial"))
        #expect(try sample.fillAll(object) == 5)
        #expect(object.read(0..<20_000).1 == sample.bytes)
    }

    @Test func descriptorsStayBelowTheCap() throws {
        let store = try scratch.open { $0.maxOpenFiles = 16 }
        let samples = (0..<60).map { Sample(count: 20_000, seed: 100 + UInt64($0)) }
        let objects = try samples.map { try store.object($0.id, size: $0.size) }
        for (sample, object) in zip(samples, objects) { try sample.fill(object, 0..<3) }
        for (sample, object) in zip(samples, objects) { #expect(object.read(0..<12288).1 == Array(sample.bytes[..<12288])) }
        var open = 0
        for name in try SystemCalls.list("/proc/self/fd") {
            let link = try? SystemCalls.readLink(FilePath("/proc/self/fd").appending(bytes: name))
            if let link, String(decoding: link, as: UTF8.self).hasPrefix(scratch.directory.string + "/partial") { open += 1 }
        }
        #expect(open > 0 && open <= 17)
        try store.commit()
        for (sample, object) in zip(samples, objects) {
            try sample.fillAll(object)
            #expect(try object.completeIfFull() == .complete)
            object.releaseResources()
            #expect(object.read(100..<20_000).1 == Array(sample.bytes[100...]))
        }
    }

    @Test func leavesAreDroppedAndLoadedAgain() throws {
        let samples = (0..<8).map { Sample(count: 200_000, seed: 200 + UInt64($0)) }
        do {
            let store = try scratch.open()
            for sample in samples {
                let object = try store.object(sample.id, size: sample.size)
                try sample.fillAll(object)
                #expect(try object.completeIfFull() == .complete)
            }
        }
        // Room for two tables of 49 leaves.
        let store = try scratch.open { $0.maxLeafMemory = 2 * 49 * 32 }
        let objects = try samples.map { try store.object($0.id, size: $0.size) }
        for round in 0..<3 {
            for (sample, object) in zip(samples, objects) {
                #expect(object.read(0..<200_000).1 == sample.bytes, "round \(round)")
                object.releaseResources()
            }
        }
        #expect(store.events.corruptBlocks.value == 0)
    }
}
