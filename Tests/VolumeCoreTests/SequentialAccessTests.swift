import Testing
@testable import VolumeCore

@Suite struct SequentialAccessTests {
    private let chunk: UInt64 = 128 << 10

    @Test func aRunDoublesItsWindowUpToFourMebibytes() {
        var access = SequentialAccess()
        var asked = 0
        var longest = 0
        for number in 0..<400 {
            guard let ahead = access.access(chunk: number, count: 1000, chunkSize: chunk) else { continue }
            #expect(ahead.lowerBound > number, "never what is being read")
            #expect(ahead.lowerBound >= asked, "never twice")
            asked = ahead.upperBound
            longest = max(longest, ahead.upperBound - number - 1)
        }
        #expect(longest == 32)
        #expect(asked >= 400)
    }

    @Test func theFirstStepsAskForLittle() {
        var access = SequentialAccess()
        #expect(access.access(chunk: 0, count: 100, chunkSize: chunk) == 1..<2)
        #expect(access.access(chunk: 1, count: 100, chunkSize: chunk) == 2..<4)
        #expect(access.access(chunk: 2, count: 100, chunkSize: chunk) == 4..<7)
    }

    @Test func jumpingAsksForNothing() {
        var access = SequentialAccess()
        for number in [50, 3, 90, 17, 40] { #expect(access.access(chunk: number, count: 100, chunkSize: chunk) == nil) }
    }

    @Test func aRunFromTheMiddleIsARun() {
        var access = SequentialAccess()
        #expect(access.access(chunk: 50, count: 100, chunkSize: chunk) == nil)
        #expect(access.access(chunk: 51, count: 100, chunkSize: chunk) == 52..<53)
    }

    @Test func readingInsideOneChunkIsNoStep() {
        var access = SequentialAccess()
        _ = access.access(chunk: 0, count: 100, chunkSize: chunk)
        #expect(access.access(chunk: 0, count: 100, chunkSize: chunk) == nil)
    }

    @Test func theEndOfTheFileEndsTheWindow() {
        var access = SequentialAccess()
        var asked: [Range<Int>] = []
        for number in 0..<10 { if let ahead = access.access(chunk: number, count: 10, chunkSize: chunk) { asked.append(ahead) } }
        #expect(asked.last?.upperBound == 10)
        #expect(asked.allSatisfy { $0.upperBound <= 10 && !$0.isEmpty })
    }

    @Test func chunksLargerThanTheWindowStillReadAhead() {
        var access = SequentialAccess()
        #expect(access.access(chunk: 0, count: 3, chunkSize: 8 << 20) == 1..<2)
    }
}
