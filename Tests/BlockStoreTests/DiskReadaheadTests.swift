import Testing
@testable import BlockStore

@Suite struct DiskReadaheadTests {
    private let window = DiskReadahead.firstWindow

    @Test func aReaderInOrderKeepsTheDiskAWindowAhead() {
        let ahead = DiskReadahead()
        var asked = 0
        for block in stride(from: 0, to: 4096, by: 32) {
            let blocks = block..<block + 32
            // From the second read on, what is read was asked for.
            if let next = ahead.next(after: blocks, wasCached: block > 0, blockCount: 4096, limit: window) {
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
            let next = ahead.next(after: block..<block + 32, wasCached: false, blockCount: 4096, limit: window)
            #expect(next == nil)
        }
    }

    @Test func whatIsInMemoryStartsNothing() {
        let ahead = DiskReadahead()
        for block in stride(from: 0, to: 4096, by: 32) {
            let next = ahead.next(after: block..<block + 32, wasCached: true, blockCount: 4096, limit: window)
            #expect(next == nil)
        }
    }

    @Test func aSpellStartsInTheMiddleAndEndsWithTheObject() {
        let ahead = DiskReadahead()
        var next = ahead.next(after: 1000..<1032, wasCached: false, blockCount: 1100, limit: window)
        #expect(next == nil)
        next = ahead.next(after: 1032..<1064, wasCached: false, blockCount: 1100, limit: window)
        #expect(next == 1064..<1100)
        next = ahead.next(after: 1064..<1096, wasCached: true, blockCount: 1100, limit: window)
        #expect(next == nil)
    }

    @Test func theWindowDoublesToTheDisksOwnAndBeginsAnew() {
        let ahead = DiskReadahead()
        var windows: [Int] = []
        for block in stride(from: 0, to: 16384, by: 32) {
            let blocks = block..<block + 32
            if let next = ahead.next(after: blocks, wasCached: block > 0, blockCount: 1 << 20, limit: 1536) { windows.append(next.upperBound - blocks.upperBound) }
        }
        #expect(windows.prefix(4) == [256, 512, 1024, 1536] && windows.dropFirst(4).allSatisfy { $0 == 1536 }, "\(windows)")
        _ = ahead.next(after: 900_000..<900_032, wasCached: false, blockCount: 1 << 20, limit: 1536)
        let next = ahead.next(after: 900_032..<900_064, wasCached: false, blockCount: 1 << 20, limit: 1536)
        #expect(next?.count == 256)
    }

    @Test(arguments: [("128\n", 256), ("1024\n", 256), ("1028\n", 257), ("8192\n", 2048), ("8196", 2048), ("99999999999999999999", 2048), ("", 256), ("x", 256), ("-1", 256), ("0", 256)])
    func theDisksSettingCountsWithinLimits(_ text: String, _ blocks: Int) {
        #expect(DiskReadaheadLimit.blocks(setting: Array(text.utf8)) == blocks)
    }

    @Test func aDeviceThatIsNotThereHasTheLeast() {
        #expect(DiskReadaheadLimit.blocks(device: 0xffff_ffff_ffff_ffff) == 256)
    }
}
