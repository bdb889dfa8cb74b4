import LinuxSystem
import Testing
@testable import BlockStore

@Suite struct AtomicBitmapTests {
    @Test func rangesOfEveryPlacementBehaveLikeASet() {
        for lower in stride(from: 0, through: 200, by: 7) {
            for upper in stride(from: lower, through: 200, by: 5) {
                let bitmap = AtomicBitmap(bitCount: 200)
                #expect(bitmap.set(lower..<upper) == upper - lower)
                #expect(bitmap.set(lower..<upper) == 0)
                for bit in 0..<200 where bitmap.isSet(bit) != (lower..<upper).contains(bit) { Issue.record("bit \(bit) of \(lower)..<\(upper)") }
                #expect(bitmap.firstClear(in: lower..<upper) == nil)
                #expect(bitmap.firstClear(in: lower..<200) == (upper < 200 ? upper : nil))
                #expect(bitmap.firstSet(in: 0..<200) == (lower < upper ? lower : nil))
                #expect(bitmap.clear(0..<200) == upper - lower)
                #expect(bitmap.firstSet(in: 0..<200) == nil)
            }
        }
    }

    @Test func nothingIsAllSet() {
        let bitmap = AtomicBitmap(bitCount: 0)
        #expect(bitmap.allSet(0..<0))
        #expect(bitmap.firstClear(in: 0..<0) == nil)
    }

    /// Pages that are set, cleared or touched as a whole, in part, and at their edges, against a plain array.
    @Test func pagesBehaveLikeASet() {
        let page = AtomicBitmap.pageWords * 64
        let count = 3 * page + 100
        var random = Generator(seed: 7)
        let bitmap = AtomicBitmap(bitCount: count)
        var model = [Bool](repeating: false, count: count)
        let edges = [0, 1, 63, 64, page - 1, page, page + 1, 2 * page, 2 * page + 64, 3 * page, count - 1, count]
        for step in 0..<120 {
            let a = edges.randomElement(using: &random)!, b = edges.randomElement(using: &random)!
            let range = min(a, b)..<max(a, b)
            let sets = Bool.random(using: &random)
            var changed = 0
            for bit in range where model[bit] != sets { model[bit] = sets; changed += 1 }
            #expect((sets ? bitmap.set(range) : bitmap.clear(range)) == changed, "step \(step): \(range)")
            #expect(bitmap.firstClear(from: 0) == model.firstIndex(of: false), "step \(step)")
            #expect(bitmap.firstSet(in: 0..<count) == model.firstIndex(of: true), "step \(step)")
        }
        for bit in 0..<count where bitmap[bit] != model[bit] { Issue.record("bit \(bit)") }
    }

    @Test func holesAndWhatNobodyTouchedTakeNoMemory() {
        let blocks = 1 << 34
        let bitmap = AtomicBitmap(bitCount: blocks)
        #expect(bitmap.set(0..<blocks) == blocks && bitmap.allSet(blocks - 1000..<blocks) && bitmap.memory == 0)
        #expect(bitmap.clear(5) && !bitmap[5] && bitmap[4] && bitmap.memory == AtomicBitmap.pageWords * 8)
    }

    @Test(arguments: [0, 1, 63, 64, 65, 128, 1000]) func bitsAreIndependent(count: Int) {
        let bits = AtomicBitmap(bitCount: count)
        for i in stride(from: 0, to: count, by: 3) { #expect(bits.set(i)) }
        for i in 0..<count { #expect(bits[i] == (i % 3 == 0)) }
        for i in stride(from: 0, to: count, by: 3) { #expect(!bits.set(i)) }
        for i in stride(from: 0, to: count, by: 6) { #expect(bits.clear(i)); #expect(!bits.clear(i)) }
        for i in 0..<count { #expect(bits[i] == (i % 3 == 0 && i % 6 != 0)) }
    }

    @Test(arguments: [1, 64, 65, 200]) func firstClearFindsExactlyTheFirst(count: Int) {
        let bits = AtomicBitmap(bitCount: count)
        for i in 0..<count {
            #expect(bits.firstClear(from: 0) == i)
            #expect(bits.firstClear(from: i) == i)
            bits.set(i)
        }
        #expect(bits.firstClear(from: 0) == nil)
        #expect(bits.firstClear(from: count) == nil)
    }

    @Test func concurrentSettersCountEachBitOnce() {
        let count = AtomicBitmap.pageWords * 64 * 2
        let bits = AtomicBitmap(bitCount: count)
        let won = Condition(0)
        let threads = (0..<4).map { _ in
            Thread(name: "setter") {
                var mine = 0
                for i in 0..<4096 where bits.set(i * 16) { mine += 1 }
                won.update { $0 += mine }
            }
        }
        for thread in threads { thread.join() }
        #expect(won.withLock { $0 } == 4096)
    }
}
