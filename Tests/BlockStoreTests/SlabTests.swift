import Integrity
import LinuxSystem
import Testing
@testable import BlockStore

@Suite struct SlabTests {
    let scratch = Scratch()

    @Test func smallObjectsShareAFileAndSurvive() throws {
        let samples = [1, 100, 4096, 4097, 16384].map { Sample(count: $0, seed: UInt64($0)) }
        do {
            let store = try scratch.open()
            for sample in samples {
                let object = try store.object(sample.id, size: sample.size)
                #expect(try sample.fillAll(object) == sample.blocks)
                #expect(object.isComplete)
                #expect(try object.completeIfFull() == .complete)
                if let file = try object.openCompleteFile() { Issue.record("a small object has no file of its own: \(file.rawValue)") }
                #expect(object.read(0..<20_000).1 == sample.bytes)
            }
            #expect(try scratch.files().map(\.lastComponent!.string) == ["00000000", "log"])
        }
        let store = try scratch.open()
        for sample in samples {
            let object = try store.object(sample.id, size: sample.size)
            #expect(object.isComplete && object.presentBlocks == sample.blocks)
            #expect(object.read(0..<20_000).1 == sample.bytes)
            if sample.bytes.count > 50 { #expect(object.read(7..<50).1 == Array(sample.bytes[7..<50])) }
            if sample.bytes.count > 5000 { #expect(object.read(4096..<8192).1 == Array(sample.bytes[4096..<8192])) }
            #expect(try sample.fillAll(object) == 0)
        }
        #expect(throws: StoreError.self) { try store.object(samples[1].id, size: 99) }
    }

    @Test func wrongBytesAreRefusedAtOnce() throws {
        let store = try scratch.open()
        let sample = Sample(count: 5000, seed: 1)
        let object = try store.object(sample.id, size: sample.size)
        let error = #expect(throws: StoreError.self) { try Sample(count: 5000, seed: 2).fillAll(object) }
        #expect(error?.cause == .wrongContent)
        #expect(object.presentBlocks == 0)
        #expect(try sample.fillAll(object) == 2)
    }

    @Test func aSmallObjectThatComesInPiecesGetsItsOwnFile() throws {
        let store = try scratch.open()
        let sample = Sample(count: 10_000, seed: 3)
        let object = try store.object(sample.id, size: sample.size)
        try sample.fill(object, 2..<3)
        #expect(object.read(8192..<10_000).1 == Array(sample.bytes[8192...]))
        #expect(try sample.fillAll(object) == 2)
        #expect(try object.completeIfFull() == .complete)
        #expect(try Scratch.contents(scratch.complete(sample.id)) == sample.bytes)
    }

    @Test func slabsRollOver() throws {
        let samples = (0..<10).map { Sample(count: 16_000, seed: 40 + UInt64($0)) }
        do {
            let store = try scratch.open { $0.slabSize = 64 << 10 }
            for sample in samples { try sample.fillAll(store.object(sample.id, size: sample.size)) }
            try store.commit()
        }
        #expect(try SystemCalls.list(scratch.path("slabs")).count == 4)
        let store = try scratch.open { $0.slabSize = 64 << 10 }
        for sample in samples { #expect(try store.object(sample.id, size: sample.size).read(0..<16_000).1 == sample.bytes) }
    }

    @Test func aTornLogTailCostsOnlyWhatItNamed() throws {
        let samples = (0..<4).map { Sample(count: 3000, seed: 60 + UInt64($0)) }
        do {
            let store = try scratch.open()
            for sample in samples { try sample.fillAll(store.object(sample.id, size: sample.size)) }
        }
        let log = try Scratch.contents(scratch.path("slabs/log"))
        #expect(log.count == 4 * 128)
        for length in 0...log.count {
            try Scratch.write(Array(log[..<length]), to: scratch.path("slabs/log"))
            let store = try scratch.open()
            for (i, sample) in samples.enumerated() {
                let object = try store.object(sample.id, size: sample.size)
                #expect(object.isComplete == (length >= (i + 1) * 128))
            }
            // The next object overwrites the torn record and lies behind everything.
            if length % 61 == 0 {
                let extra = Sample(count: 2000, seed: 1000 + UInt64(length))
                try extra.fillAll(store.object(extra.id, size: extra.size))
                let again = try scratch.open()
                #expect(try again.object(extra.id, size: extra.size).read(0..<2000).1 == extra.bytes)
                if length >= 128 { #expect(try again.object(samples[0].id, size: 3000).read(0..<3000).1 == samples[0].bytes) }
            }
        }
    }

    @Test func aCutSlabIsMissingOrCorruptButNeverWrong() throws {
        let samples = (0..<3).map { Sample(count: 1000, seed: 70 + UInt64($0)) }
        do {
            let store = try scratch.open()
            for sample in samples { try sample.fillAll(store.object(sample.id, size: sample.size)) }
            try store.commit()
        }
        let slab = try Scratch.contents(scratch.path("slabs/00000000"))
        for length in stride(from: 0, through: slab.count, by: 37) {
            try Scratch.write(Array(slab[..<length]), to: scratch.path("slabs/00000000"))
            let store = try scratch.open()
            for (i, sample) in samples.enumerated() {
                let object = try store.object(sample.id, size: sample.size)
                let fits = i * 1024 + 1000 <= length
                #expect(object.isComplete == fits)
                if fits { #expect(object.read(0..<1000).1 == sample.bytes) }
            }
        }
    }

    @Test func unsyncedSmallObjectsAreHashedAfterAnotherBoot() throws {
        let samples = (0..<3).map { Sample(count: 1000, seed: 80 + UInt64($0)) }
        do {
            let store = try scratch.open()
            try samples[0].fillAll(store.object(samples[0].id, size: 1000))
            try store.commit()
            try samples[1].fillAll(store.object(samples[1].id, size: 1000))
            try samples[2].fillAll(store.object(samples[2].id, size: 1000))
        }
        // The power cut took the last object's data.
        try Scratch.overwrite(scratch.path("slabs/00000000"), [UInt8](repeating: 0, count: 1000), at: 2048)
        let store = try scratch.open(boot: Scratch.bootB)
        #expect(try store.object(samples[0].id, size: 1000).isComplete)
        #expect(try store.object(samples[1].id, size: 1000).isComplete)
        #expect(try !store.object(samples[2].id, size: 1000).isComplete)
        #expect(store.events.recoveredBlocks.value == 1 && store.events.droppedBlocks.value == 1)
        try store.commit()
        let third = try scratch.open(boot: BootID(high: 9, low: 9))
        #expect(third.events.recoveredBlocks.value == 0 && third.events.droppedBlocks.value == 0)
    }

    @Test func aBadSmallObjectIsFetchedAgain() throws {
        let store = try scratch.open()
        let sample = Sample(count: 9000, seed: 90)
        let object = try store.object(sample.id, size: sample.size)
        try sample.fillAll(object)
        try Scratch.flip(scratch.path("slabs/00000000"), at: 5000)
        #expect(object.read(0..<100).0 == .corrupt(blocks: 0..<3))
        #expect(object.read(0..<100).0 == .missing(block: 0))
        #expect(!object.isComplete && store.events.corruptBlocks.value == 3)
        #expect(try sample.fillAll(object) == 3)
        #expect(object.read(0..<9000).1 == sample.bytes)
        #expect(store.events.refetchedBlocks.value == 3)
        let again = try scratch.open().object(sample.id, size: sample.size)
        #expect(again.read(0..<9000).1 == sample.bytes)
    }
}
