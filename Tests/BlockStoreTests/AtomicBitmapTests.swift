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
}
