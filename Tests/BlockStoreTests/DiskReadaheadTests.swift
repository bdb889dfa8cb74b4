import Testing
@testable import BlockStore

@Suite struct DiskReadaheadTests {
    private let window = DiskReadahead.window

    @Test func aReaderInOrderKeepsTheDiskAWindowAhead() {
        let ahead = DiskReadahead()
        var asked = 0
        for block in stride(from: 0, to: 4096, by: 32) {
            let blocks = block..<block + 32
            // From the second read on, what is read was asked for.
            if let next = ahead.next(after: blocks, wasCached: block > 0, blockCount: 4096) {
                #expect(next.lowerBound == max(asked, blocks.upperBound) && next.count >= min(window / 2, 4096 - next.lowerBound), "\(next)")
                asked = next.upperBound
            }
            #expect(asked - blocks.upperBound >= min(window / 2, 4096 - blocks.upperBound), "\(blocks)")
            #expect(asked - blocks.upperBound <= window)
        }
        #expect(asked == 4096)
    }

    @Test func aReaderThatJumpsHasNothingReadAhead() {
        let ahead = DiskReadahead()
        for block in [100, 300, 200, 900, 33] {
            let next = ahead.next(after: block..<block + 32, wasCached: false, blockCount: 4096)
            #expect(next == nil)
        }
    }

    @Test func whatIsInMemoryStartsNothing() {
        let ahead = DiskReadahead()
        for block in stride(from: 0, to: 4096, by: 32) {
            let next = ahead.next(after: block..<block + 32, wasCached: true, blockCount: 4096)
            #expect(next == nil)
        }
    }

    @Test func aSpellStartsInTheMiddleAndEndsWithTheObject() {
        let ahead = DiskReadahead()
        var next = ahead.next(after: 1000..<1032, wasCached: false, blockCount: 1100)
        #expect(next == nil)
        next = ahead.next(after: 1032..<1064, wasCached: false, blockCount: 1100)
        #expect(next == 1064..<1100)
        next = ahead.next(after: 1064..<1096, wasCached: true, blockCount: 1100)
        #expect(next == nil)
    }
}
