import LinuxSystem
import Testing

@testable import FUSESession

@Suite struct InterruptWatchTests {
    func at(_ milliseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000) }

    @Test func looksAtOnce() {
        var watch = InterruptWatch(graceMilliseconds: 1000)
        #expect(watch.deadline == nil)
        watch.add(2, now: at(0))
        watch.add(2, now: at(0))
        #expect(watch.due(now: at(0)) == [2] && watch.deadline == at(0))
        #expect(watch.observe(2, .parked(.dying), now: at(0)) == .interrupt)
        #expect(watch.isEmpty)
    }

    /// SIGKILL frees its process within 100 ms: two looks are never further apart than 50.
    @Test func pausesGrowTo50Milliseconds() {
        var watch = InterruptWatch(graceMilliseconds: 1000)
        watch.add(2, now: at(0))
        var now: UInt64 = 0
        var pauses: [UInt64] = []
        for _ in 0..<7 {
            #expect(watch.observe(2, .parked(.alive), now: at(now)) == .lookAgain)
            let next = watch.deadline!
            #expect(watch.due(now: MonotonicTime(nanoseconds: next.nanoseconds - 1)) == [])
            pauses.append(next.since(at(now)) / 1_000_000)
            now += pauses.last!
        }
        #expect(pauses == [5, 10, 20, 40, 50, 50, 50])
    }

    @Test func whatCannotBeSeenIsKept() {
        var watch = InterruptWatch(graceMilliseconds: 1000)
        watch.add(2, now: at(0))
        #expect(watch.observe(2, .parked(.unknown), now: at(0)) == .lookAgain)
        #expect(watch.observe(2, .parked(.unknown), now: at(100_000)) == .lookAgain)
        #expect(watch.observe(2, .parked(.gone), now: at(100_050)) == .interrupt)
    }

    @Test func whatWasNeverParkedIsDroppedAfterTheGrace() {
        var watch = InterruptWatch(graceMilliseconds: 1000)
        watch.add(2, now: at(0))
        #expect(watch.observe(2, .notParked, now: at(0)) == .lookAgain)
        #expect(watch.observe(2, .notParked, now: at(999)) == .lookAgain)
        #expect(watch.observe(2, .notParked, now: at(1000)) == .forget)
        #expect(watch.isEmpty)
    }

    @Test func whatIsParkedNoMoreIsDroppedAtOnce() {
        var watch = InterruptWatch(graceMilliseconds: 1000)
        watch.add(2, now: at(0))
        watch.add(4, now: at(1))
        #expect(watch.observe(2, .notParked, now: at(1)) == .lookAgain)
        #expect(watch.observe(2, .parked(.alive), now: at(6)) == .lookAgain)
        #expect(watch.observe(2, .notParked, now: at(20)) == .forget)
        #expect(watch.due(now: at(20)) == [4])
        #expect(watch.observe(2, .parked(.dying), now: at(21)) == .forget, "not watched any more")
    }
}
