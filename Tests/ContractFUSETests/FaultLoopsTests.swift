import LinuxSystem
import Testing

@testable import ContractFUSE

/// What counts as a loop of the kernel's over a page that fails.
@Suite struct FaultLoopsTests {
    private func time(_ milliseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000) }

    /// The attempts, each of so long, until it is one; nil when so many are none.
    private func attempts(eachOf milliseconds: UInt64, apart: UInt64, most: Int = 100, _ loops: FaultLoops = FaultLoops()) -> Int? {
        var now: UInt64 = 0
        for attempt in 1...most {
            if loops.failed(thread: 7, node: 1, offset: 4096, since: time(now), now: time(now + milliseconds)) { return attempt }
            now += milliseconds + apart
        }
        return nil
    }

    @Test func manyOrLongOnesAreALoop() {
        #expect(attempts(eachOf: 0, apart: 1) == FaultLoops.enough)
        #expect(attempts(eachOf: 300, apart: 1) == 17)
        #expect(attempts(eachOf: 1000, apart: 1) == 5)
        #expect(attempts(eachOf: 10_000, apart: 1) == FaultLoops.fewest)
    }

    @Test func whatComesLaterOrElsewhereIsNone() {
        #expect(attempts(eachOf: 0, apart: 51) == nil && attempts(eachOf: 1000, apart: 51) == nil)
        let loops = FaultLoops()
        for page in 0..<100 as Range<UInt64> { #expect(!loops.failed(thread: 7, node: 1, offset: page * 4096, since: time(page), now: time(page))) }
        for thread in 0..<100 as Range<UInt32> { #expect(!loops.failed(thread: thread, node: 1, offset: 0, since: time(0), now: time(0))) }
    }

    /// It is told once, until it is forgotten.
    @Test func aLoopIsToldOnce() {
        let loops = FaultLoops()
        #expect(attempts(eachOf: 0, apart: 1, loops) == FaultLoops.enough)
        #expect(!loops.failed(thread: 7, node: 1, offset: 4096, since: time(25), now: time(25)))
        #expect(loops.goesOn(thread: 7, since: time(24)) && !loops.goesOn(thread: 7, since: time(26)))
        loops.forget(thread: 7)
        #expect(attempts(eachOf: 0, apart: 1, loops) == FaultLoops.enough)
    }
}
