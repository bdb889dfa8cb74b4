import Integrity
import LinuxSystem
import Testing
@testable import BlockStore

@Suite struct RecoveryTests {
    let scratch = Scratch()
    let sample = Sample(count: 80 * 4096 + 5, seed: 11)

    /// Fills 0..<20 and commits, fills 40..<70 and is killed.
    private func killed() throws {
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fill(object, 0..<20)
        try store.commit()
        try sample.fill(object, 40..<70)
    }

    private func expectOnly(_ object: StoredObject, _ present: [Range<Int>]) {
        for block in 0..<object.blockCount {
            #expect(object.isPresent(block: block) == present.contains { $0.contains(block) }, "block \(block)")
        }
        for run in present { #expect(object.read((run.lowerBound * 4096)..<(run.upperBound * 4096)).1 == Array(sample.slice(run))) }
    }

    @Test func writtenBitsSurviveAKill() throws {
        try killed()
        let store = try scratch.open()
        expectOnly(try store.object(sample.id, size: sample.size), [0..<20, 40..<70])
        #expect(store.events.recoveredBlocks.value == 0)
    }

    @Test func afterAnotherBootUnsyncedBlocksAreHashedAndKeptIfRight() throws {
        try killed()
        try Scratch.overwrite(scratch.data(sample.id), [UInt8](repeating: 0, count: 3 * 4096), at: 50 * 4096)
        do {
            let store = try scratch.open(boot: Scratch.bootB)
            expectOnly(try store.object(sample.id, size: sample.size), [0..<20, 40..<50, 53..<70])
            #expect(store.events.recoveredBlocks.value == 27 && store.events.droppedBlocks.value == 3)
            #expect(store.events.corruptBlocks.value == 0)
        }
        // Under the new boot what was kept counts as written.
        let store = try scratch.open(boot: Scratch.bootB)
        expectOnly(try store.object(sample.id, size: sample.size), [0..<20, 40..<50, 53..<70])
        #expect(store.events.recoveredBlocks.value == 0)
        try store.commit()
        let third = try scratch.open(boot: BootID(high: 7, low: 7))
        expectOnly(try third.object(sample.id, size: sample.size), [0..<20, 40..<50, 53..<70])
        #expect(third.events.recoveredBlocks.value == 0)
    }

    @Test func durableBlocksCountAfterAnotherBootButAreStillChecked() throws {
        try killed()
        try Scratch.flip(scratch.data(sample.id), at: 7 * 4096 + 9)
        let store = try scratch.open(boot: Scratch.bootB)
        let object = try store.object(sample.id, size: sample.size)
        #expect(object.isPresent(block: 7))
        #expect(object.read(0..<81_920).0 == .corrupt(blocks: 7..<8))
        expectOnly(object, [0..<7, 8..<20, 40..<70])
    }

    @Test func anObjectThatIsNotHeldIsCommittedAllTheSame() throws {
        let store = try scratch.open()
        do { try sample.fill(store.object(sample.id, size: sample.size), 3..<9) }
        try store.commit()
        #expect(store.events.commits.value == 1)
        try store.commit()
        #expect(store.events.commits.value == 1)
        let other = try scratch.open(boot: Scratch.bootB)
        expectOnly(try other.object(sample.id, size: sample.size), [3..<9])
        #expect(other.events.recoveredBlocks.value == 0)
    }

    @Test func aDataFileThatIsTooShortHasNoBlocksThere() throws {
        for length: UInt64 in [0, 1, 4095, 4096, 30 * 4096 + 1, 45 * 4096, 70 * 4096, 80 * 4096 + 4] {
            try SystemCalls.removeTree(scratch.directory)
            try killed()
            try Scratch.truncate(scratch.data(sample.id), to: length)
            let whole = Int(length / 4096)
            let object = try scratch.open().object(sample.id, size: sample.size)
            expectOnly(object, [0..<min(20, whole), 40..<max(40, min(70, whole))])
            try sample.fillAll(object)
            #expect(try object.completeIfFull() == .complete)
        }
    }

    @Test func aCutSidecarKeepsWhatItStillProves() throws {
        for length: UInt64 in [0, 1, 111, 112, 4095, 4096, 4098, 4100, 8192, 8194, 12288, 12288 + 41 * 32, 12288 + 81 * 32 - 1] {
            try SystemCalls.removeTree(scratch.directory)
            try killed()
            try Scratch.truncate(scratch.side(sample.id), to: length)
            let object = try scratch.open().object(sample.id, size: sample.size)
            for block in 0..<object.blockCount {
                let (result, bytes) = object.read((block * 4096)..<(block * 4096 + 4096))
                switch result {
                case .bytes: #expect(bytes == Array(sample.slice(block..<(block + 1))))
                case .missing(let missing): #expect(missing == block)
                case .corrupt(let blocks): #expect(blocks == block..<(block + 1))
                case .failed(let errno): Issue.record("\(errno)")
                }
            }
            try sample.fillAll(object)
            #expect(try object.completeIfFull() == .complete)
            #expect(object.read(0..<sample.bytes.count).1 == sample.bytes)
        }
    }

    @Test func garbageAndForeignFilesAreMissingObjects() throws {
        let store = try scratch.open()
        let hex = sample.id.description
        for path in [scratch.data(sample.id), scratch.side(sample.id), scratch.complete(sample.id), scratch.leaves(sample.id)] {
            try SystemCalls.makeDirectories(path.appending("sub"))
        }
        try SystemCalls.makeDirectories(scratch.path("slabs/00000007"))
        try Scratch.write([UInt8](repeating: 7, count: 999), to: scratch.path("slabs/notes.txt"))
        try Scratch.write([1, 2, 3], to: scratch.path("objects/readme"))
        let object = try store.object(sample.id, size: sample.size)
        #expect(object.presentBlocks == 0)
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<sample.bytes.count).1 == sample.bytes)
        let small = Sample(count: 77, seed: 1)
        try small.fillAll(scratch.open().object(small.id, size: 77))
        #expect(try scratch.open().object(small.id, size: 77).read(0..<77).1 == small.bytes)
        #expect(hex.count == 64)
    }

    @Test func garbageInEveryFileNeverCrashes() throws {
        var random = Generator(seed: 99)
        for round in 0..<60 {
            try SystemCalls.removeTree(scratch.directory)
            try killed()
            let small = Sample(count: 500, seed: 3)
            try small.fillAll(scratch.open().object(small.id, size: 500))
            for path in try scratch.files() where Bool.random(using: &random) {
                let count = Int.random(in: 0...20_000, using: &random)
                try Scratch.write((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }, to: path)
            }
            let store = try scratch.open(boot: round % 2 == 0 ? Scratch.bootA : Scratch.bootB)
            for sample in [sample, small] {
                let object = try store.object(sample.id, size: sample.size)
                for block in 0..<object.blockCount {
                    let (result, bytes) = object.read((block * 4096)..<(block * 4096 + 4096))
                    if case .bytes = result { #expect(bytes == Array(sample.slice(block..<(block + 1))), "round \(round)") }
                }
                try sample.fillAll(object)
                #expect(try object.completeIfFull() == .complete)
            }
        }
    }

    @Test func filesRemovedUnderAnOpenObject() throws {
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fill(object, 0..<10)
        object.releaseResources()
        try SystemCalls.removeTree(scratch.path("partial"))
        #expect(object.read(0..<4096).0 == .corrupt(blocks: 0..<1))
        #expect(try sample.fill(object, 0..<1) == 1)
        #expect(object.read(0..<4096).1 == Array(sample.bytes[..<4096]))
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<sample.bytes.count).1 == sample.bytes)
        object.releaseResources()
        try SystemCalls.removeTree(scratch.path("objects"))
        let (result, _) = object.read(0..<4096)
        #expect(result != .bytes(4096))
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<sample.bytes.count).1 == sample.bytes)
    }
}
