import Glibc
import Integrity
import LinuxSystem
import Testing
@testable import BlockStore

@Suite struct CorruptionTests {
    let scratch = Scratch(onDisk: true)

    /// Reads every block; wrong bytes are the only thing that may never come.
    private static func sweep(_ object: StoredObject, _ sample: Sample, _ what: @autoclosure () -> String) {
        let memory = AlignedBuffer(count: 4096)
        sample.bytes.withUnsafeBytes { expected in
            for block in 0..<sample.blocks {
                switch object.read(into: memory.bytes, at: UInt64(block) * 4096) {
                case .bytes(let count):
                    if count != min(4096, expected.count - block * 4096) || memcmp(memory.bytes.baseAddress!, expected.baseAddress! + block * 4096, count) != 0 {
                        Issue.record("wrong bytes in block \(block): \(what())")
                    }
                case .missing, .corrupt: break
                case .failed(let errno): Issue.record("\(errno): \(what())")
                }
            }
        }
        withExtendedLifetime(memory) {}
    }

    private static func same(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.count == b.count && a.withUnsafeBytes { a in b.withUnsafeBytes { b in memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0 } }
    }

    @Test func everyByteFlippedInTurnNeverGivesWrongBytes() throws {
        let scratch = Scratch()
        let complete = Sample(count: 4096 + 33, seed: 1)
        let partial = Sample(count: 8192 + 44, seed: 2)
        let small = [Sample(count: 70, seed: 3), Sample(count: 300, seed: 4)]
        do {
            let store = try scratch.open()
            let object = try store.object(complete.id, size: complete.size)
            try complete.fill(object, 0..<1)
            try complete.fill(object, 1..<2)
            #expect(try object.completeIfFull() == .complete)
            let other = try store.object(partial.id, size: partial.size)
            try partial.fill(other, 1..<2)
            try small[0].fillAll(store.object(small[0].id, size: small[0].size))
            try store.commit()
            try partial.fill(other, 2..<3)
            try small[1].fillAll(store.object(small[1].id, size: small[1].size))
        }
        let pristine = try scratch.files().map { ($0, try Scratch.contents($0)) }
        #expect(pristine.count == 6)
        let side = scratch.side(partial.id)
        let strays = [scratch.data(complete.id), scratch.side(complete.id)]
        let slabs = scratch.path("slabs")
        // Objects that nobody holds are read afresh from the disk by the next who asks; slabs and their log only by a new store.
        let stores = try [scratch.open(), scratch.open(boot: Scratch.bootB)]
        let watcher = try scratch.open()
        let held = [
            scratch.complete(complete.id): try watcher.object(complete.id, size: complete.size),
            scratch.data(partial.id): try watcher.object(partial.id, size: partial.size),
        ]
        var flips = 0
        for (path, bytes) in pristine {
            let isShared = path.starts(with: slabs)
            let concerned = isShared ? small : path.starts(with: scratch.path("objects")) ? [complete] : [partial]
            let files = isShared ? pristine.filter { $0.0.starts(with: slabs) } : pristine.filter { !$0.0.starts(with: slabs) }
            for place in bytes.indices {
                // Between the tables of a sidecar lie thousands of unused bytes: each 16th stands for them.
                if path == side && place >= 160 && place < 12288 && place % 4096 >= 16 && place % 16 != 0 { continue }
                flips += 1
                // Of content each 16th byte goes the whole way, the others only to the check itself.
                if let held = held[path], place % 16 != 0 {
                    try Scratch.flip(path, at: UInt64(place))
                    let bad = try held.content.withLock { content in try held.badBlocks(held.allBlocks, hashing: true, &content) }
                    try Scratch.flip(path, at: UInt64(place))
                    if bad != (held.isPresent(block: place / 4096) ? [place / 4096] : []) { Issue.record("byte \(place) of \(path): bad blocks \(bad)") }
                    continue
                }
                var flipped = bytes
                flipped[place] ^= 1 << UInt8(place % 8)
                try Scratch.write(flipped, to: path)
                let store = isShared ? try scratch.open(boot: place % 2 == 0 ? Scratch.bootA : Scratch.bootB) : stores[place % 2]
                for sample in concerned { Self.sweep(try store.object(sample.id, size: sample.size), sample, "byte \(place) of \(path)") }
                store.discardUncommitted()
                for (path, bytes) in files {
                    if let now = try? Scratch.contents(path), Self.same(now, bytes) { continue }
                    try Scratch.write(bytes, to: path)
                }
                // The file may be another one now.
                held[path]?.releaseResources()
                for path in strays { try SystemCalls.unlink(path, missingIsFine: true) }
            }
        }
        #expect(flips > 13_500)
    }

    @Test func aBadBlockIsMissingCountedAndFilledAgain() throws {
        let sample = Sample(count: 300 * 4096 + 9, seed: 20)
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fillAll(object)
        try Scratch.dropCache(scratch.data(sample.id))
        for block in [3, 4, 200, 300] { try Scratch.flip(scratch.data(sample.id), at: UInt64(block) * 4096 + 5) }
        try Scratch.dropCache(scratch.data(sample.id))
        #expect(object.read(0..<sample.bytes.count).0 == .corrupt(blocks: 3..<5))
        #expect(object.read(0..<8192).1 == Array(sample.bytes[..<8192]))
        #expect(object.read(12288..<12300).0 == .missing(block: 3))
        #expect(try sample.fillAll(object) == object.blockCount - object.presentBlocks + 4 || object.presentBlocks == object.blockCount)
        while true {
            let (result, bytes) = object.read(0..<sample.bytes.count)
            if case .corrupt = result { try sample.fillAll(object); continue }
            #expect(bytes == sample.bytes)
            break
        }
        #expect(store.events.corruptBlocks.value == 4 && store.events.refetchedBlocks.value == 4)
        #expect(try object.completeIfFull() == .complete)
    }

    /// A neighbour's read must not bring rotten pages into the page cache where they would pass for verified ones.
    @Test func rotUnderVerifiedBlocksIsSeenWhateverIsReadFirst() throws {
        let sample = Sample(count: 64 * 4096, seed: 21)
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<sample.bytes.count).1 == sample.bytes)
        for bad in [1, 8, 31, 63] {
            #expect(object.read(0..<sample.bytes.count).1 == sample.bytes)
            let path = Scratch.exists(scratch.complete(sample.id)) ? scratch.complete(sample.id) : scratch.data(sample.id)
            try Scratch.flip(path, at: UInt64(bad) * 4096 + 100)
            try Scratch.dropCache(path)
            for block in 0..<64 where block != bad {
                #expect(object.read((block * 4096)..<(block * 4096 + 4096)).1 == Array(sample.slice(block..<(block + 1))))
            }
            #expect(object.read((bad * 4096)..<(bad * 4096 + 4096)).0 == .corrupt(blocks: bad..<(bad + 1)))
            #expect(try sample.fill(object, bad..<(bad + 1)) == 1)
            #expect(try object.completeIfFull() == .complete)
        }
        #expect(store.events.corruptBlocks.value == 4 && store.events.refetchedBlocks.value == 4)
    }

    @Test func aDamagedCompleteObjectGoesBackAndForth() throws {
        let sample = Sample(count: 20 * 4096, seed: 22)
        do {
            let store = try scratch.open()
            let object = try store.object(sample.id, size: sample.size)
            try sample.fillAll(object)
            #expect(try object.completeIfFull() == .complete)
        }
        try Scratch.flip(scratch.complete(sample.id), at: 9 * 4096)
        do {
            let object = try scratch.open().object(sample.id, size: sample.size)
            #expect(object.isComplete)
            #expect(object.read(0..<81_920).0 == .corrupt(blocks: 9..<10))
            #expect(!object.isComplete && object.presentBlocks == 19)
            #expect(!Scratch.exists(scratch.complete(sample.id)) && Scratch.exists(scratch.side(sample.id)))
        }
        // What was whole stays, even over a power cut.
        let object = try scratch.open(boot: Scratch.bootB).object(sample.id, size: sample.size)
        #expect(object.presentBlocks == 19 && object.firstMissing(in: 0..<20) == 9)
        #expect(try sample.fillAll(object) == 1)
        #expect(try object.completeIfFull() == .complete)
        #expect(object.read(0..<81_920).1 == sample.bytes)
    }

    @Test func lostLeavesAreComputedAgainOnlyFromTheRightData() throws {
        let sample = Sample(count: 20 * 4096 + 1, seed: 23)
        do {
            let store = try scratch.open()
            let object = try store.object(sample.id, size: sample.size)
            try sample.fillAll(object)
            #expect(try object.completeIfFull() == .complete)
        }
        let leaves = try Scratch.contents(scratch.leaves(sample.id))
        try SystemCalls.unlink(scratch.leaves(sample.id))
        #expect(try scratch.open().object(sample.id, size: sample.size).read(0..<90_000).1 == sample.bytes)
        #expect(try Scratch.contents(scratch.leaves(sample.id)) == leaves)
        for damage in [Array(leaves.dropLast()), leaves + [0], Array(leaves.reversed()), []] {
            try Scratch.write(damage, to: scratch.leaves(sample.id))
            #expect(try scratch.open().object(sample.id, size: sample.size).read(0..<90_000).1 == sample.bytes)
            #expect(try Scratch.contents(scratch.leaves(sample.id)) == leaves)
        }
        try SystemCalls.unlink(scratch.leaves(sample.id))
        try Scratch.flip(scratch.complete(sample.id), at: 0)
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        #expect(object.read(8192..<9000).0 == .missing(block: 2))
        #expect(object.presentBlocks == 0 && store.events.corruptBlocks.value == 21)
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
    }

    @Test func aCompleteFileOfAnotherLength() throws {
        let sample = Sample(count: 20 * 4096 + 100, seed: 24)
        for length: UInt64 in [0, 1, 4096, 50_000, 20 * 4096, 20 * 4096 + 99, 20 * 4096 + 101, 100_000] {
            try SystemCalls.removeTree(scratch.directory)
            do {
                let store = try scratch.open()
                let object = try store.object(sample.id, size: sample.size)
                try sample.fillAll(object)
                #expect(try object.completeIfFull() == .complete)
            }
            try Scratch.truncate(scratch.complete(sample.id), to: length)
            let object = try scratch.open().object(sample.id, size: sample.size)
            let whole = length >= sample.size ? 21 : Int(length / 4096)
            #expect(object.presentBlocks == whole && !object.isComplete, "\(length)")
            Self.sweep(object, sample, "cut to \(length)")
            #expect(try sample.fillAll(object) == 21 - whole)
            #expect(try object.completeIfFull() == .complete)
            #expect(try Scratch.contents(scratch.complete(sample.id)) == sample.bytes)
        }
        // A caller with the wrong size is told so and destroys nothing.
        #expect(throws: StoreError.self) { try scratch.open().object(sample.id, size: 50_000) }
        #expect(try scratch.open().object(sample.id, size: sample.size).isComplete)
    }

    @Test func rotFoundByCompletion() throws {
        let sample = Sample(count: 200 * 4096, seed: 25)
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fillAll(object)
        for block in [0, 130, 131, 199] { try Scratch.flip(scratch.data(sample.id), at: UInt64(block) * 4096) }
        #expect(try object.completeIfFull() == .corrupt([0..<1, 130..<132, 199..<200]))
        #expect(object.presentBlocks == 196)
        #expect(try object.completeIfFull() == .notYet)
        #expect(try sample.fillAll(object) == 4)
        #expect(try object.completeIfFull() == .complete)
    }

    @Test func verifyingFindsEveryBadBlock() throws {
        let sample = Sample(count: 400 * 4096 + 1, seed: 26)
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fill(object, 0..<300)
        try sample.fill(object, 350..<401)
        #expect(try object.verifyAll() == [])
        for block in [0, 5, 6, 127, 128, 299, 350, 400] { try Scratch.flip(scratch.data(sample.id), at: UInt64(block) * 4096) }
        try Scratch.dropCache(scratch.data(sample.id))
        var steps: [Int] = []
        let bad = try object.verifyAll { done, total in steps.append(done + total * 1000) }
        #expect(bad == [0..<1, 5..<7, 127..<129, 299..<300, 350..<351, 400..<401])
        #expect(steps.last == 401_401)
        #expect(object.presentBlocks == 343)
        try sample.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
        #expect(try object.verifyAll() == [])
        let small = Sample(count: 900, seed: 27)
        let other = try store.object(small.id, size: 900)
        try small.fillAll(other)
        #expect(try other.verifyAll() == [])
        try Scratch.flip(scratch.path("slabs/00000000"), at: 3)
        #expect(try other.verifyAll() == [0..<1])
    }

    @Test func withoutVerificationTheDiskIsBelieved() throws {
        let sample = Sample(count: 10 * 4096, seed: 28)
        let store = try scratch.open(verify: false)
        let object = try store.object(sample.id, size: sample.size)
        try sample.fillAll(object)
        #expect(object.read(0..<40_960).1 == sample.bytes)
        try Scratch.flip(scratch.data(sample.id), at: 100)
        #expect(object.read(0..<4096).0 == .bytes(4096))
        // Completion checks all the same.
        #expect(try object.completeIfFull() == .corrupt([0..<1]))
    }
}
