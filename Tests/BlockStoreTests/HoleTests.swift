import Integrity
import LinuxSystem
import Testing
@testable import BlockStore

@Suite struct HoleTests {
    let scratch = Scratch()
    /// 30 blocks and a bit; blocks 5..<20 and the tail are zero.
    let sample: Sample = {
        var bytes = Sample(count: 30 * 4096 + 100, seed: 1).bytes
        for i in (4 * 4096 + 10)..<(20 * 4096 + 77) { bytes[i] = 0 }
        for i in (29 * 4096)..<bytes.count { bytes[i] = 0 }
        return Sample(bytes)
    }()
    var holes: [Range<UInt64>] { [(4 * 4096 + 10)..<(20 * 4096 + 77), (29 * 4096)..<UInt64(sample.bytes.count)] }

    @Test func holesArePresentFromTheStartAndCostNothing() throws {
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size, holes: holes)
        #expect(object.presentBlocks == 17)
        #expect(object.firstMissing(in: 5..<31) == 20)
        #expect(!object.isPresent(block: 4) && object.isPresent(block: 5) && object.isPresent(block: 30))
        #expect(object.read((5 * 4096)..<(20 * 4096)).1 == [UInt8](repeating: 0, count: 15 * 4096))
        #expect(try scratch.files().count == 1)
        // A file appears, and the holes are read through it.
        try sample.fill(object, 0..<4)
        #expect(object.read((5 * 4096 + 3)..<(20 * 4096)).1 == [UInt8](repeating: 0, count: 15 * 4096 - 3))
        #expect(object.read((29 * 4096)..<(31 * 4096)).1 == [UInt8](repeating: 0, count: 4196))
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<(31 * 4096)).1 == sample.bytes)
        #expect(store.events.corruptBlocks.value == 0)
    }

    @Test func holesAreNotInTheStateOfAnObject() throws {
        do {
            let store = try scratch.open()
            let object = try store.object(sample.id, size: sample.size, holes: holes)
            try sample.fill(object, 0..<4)
            try store.commit()
        }
        do {
            let object = try scratch.open().object(sample.id, size: sample.size)
            #expect(object.presentBlocks == 4)
        }
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        #expect(try store.object(sample.id, size: sample.size, holes: holes) === object)
        #expect(object.presentBlocks == 21)
        #expect(object.read(0..<16384).1 == Array(sample.bytes[..<16384]))
        #expect(object.read((5 * 4096)..<(20 * 4096)).1 == [UInt8](repeating: 0, count: 15 * 4096))
    }

    @Test func anObjectOfNothingElseCompletes() throws {
        let zeros = Sample([UInt8](repeating: 0, count: 200_001))
        let store = try scratch.open()
        let object = try store.object(zeros.id, size: zeros.size, holes: [0..<200_001])
        #expect(object.presentBlocks == 49 && !object.isComplete)
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<200_001).1 == zeros.bytes)
        #expect(try SystemCalls.status(of: scratch.complete(zeros.id)).size == 200_001)
    }

    @Test func aLieAboutHolesEndsWithTheWholeObject() throws {
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size, holes: [0..<8192])
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .wrongContent)
        #expect(object.presentBlocks == 0)
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
    }

    @Test func absurdHolesAreClipped() throws {
        let object = try scratch.open().object(sample.id, size: sample.size, holes: [0..<10, 4097..<8191, 123_000..<UInt64.max, UInt64.max - 1..<UInt64.max])
        #expect(object.presentBlocks == 0)
        let other = try scratch.open().object(sample.id, size: sample.size, holes: [118_784..<UInt64.max])
        #expect(other.presentBlocks == 2)
    }

    @Test func aHugeHoleTakesNoMemory() throws {
        let scratch = Scratch()
        let hole: UInt64 = 64 << 30
        let last = [UInt8](repeating: 7, count: 4096)
        let id = Sample(count: 10, seed: 5).id
        for isFirst in [true, false] {
            let object = try scratch.open().object(id, size: hole + 4096, holes: [0..<hole])
            #expect(object.presentBlocks == Int(hole / 4096) + (isFirst ? 0 : 1))
            if isFirst { #expect(try last.withUnsafeBytes { try object.fill($0, at: hole) } == 1) }
            #expect(object.present.memory <= 4096)
            #expect(object.content.withLock { $0.written.touched.count } == 1)
            #expect(object.read(Int(hole)..<Int(hole) + 4096).1 == last)
            #expect(object.read(Int(hole) / 2..<Int(hole) / 2 + 4096).1 == [UInt8](repeating: 0, count: 4096))
        }
    }
}
