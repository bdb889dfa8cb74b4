import LinuxSystem
import Testing

@testable import KeeperLink

@Suite struct RespawnPolicyTests {
    @Test func rapidDeathsWaitLongerAndEndAfterTen() {
        var policy = RespawnPolicy()
        let decisions = (0..<10).map { _ in policy.daemonDied(afterMilliseconds: 9_999) }
        let delays: [UInt64] = [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]
        #expect(decisions == delays.map { .start(afterMilliseconds: $0) } + [.giveUp])
    }

    @Test func aLongRunWipesTheSlate() {
        var policy = RespawnPolicy()
        for _ in 0..<9 { _ = policy.daemonDied(afterMilliseconds: 1) }
        let decisions = [10_000, 1, 1].map { policy.daemonDied(afterMilliseconds: $0) }
        #expect(decisions == [.start(afterMilliseconds: 0), .start(afterMilliseconds: 0), .start(afterMilliseconds: 100)])
    }

    @Test func aDaemonThatIsKilledIsAlwaysStartedAgain() {
        var policy = RespawnPolicy()
        for _ in 0..<9 { _ = policy.daemonDied(afterMilliseconds: 1) }
        let decisions = [0, 100, 250, 5_000].map { policy.daemonKilled(afterMilliseconds: $0) }
        #expect(decisions == [250, 150, 0, 0].map { .start(afterMilliseconds: $0) })
        #expect(policy.daemonDied(afterMilliseconds: 1) == .giveUp)
    }
}

@Suite struct SilenceWatchTests {
    /// The answers at these seconds, in order.
    static func looks(_ watch: inout SilenceWatch, _ seconds: some Sequence<UInt64>) -> [Bool] {
        seconds.map { watch.isSilent(at: at($0)) }
    }

    static func at(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    @Test func silenceIsMeasuredFromTheLastWord() {
        var watch = SilenceWatch(limitMilliseconds: 15_000, now: Self.at(0))
        let before = Self.looks(&watch, 1...15)
        watch.heard(at: Self.at(15))
        let after = Self.looks(&watch, 16...31)
        #expect(before == Array(repeating: false, count: 15))
        #expect(after == Array(repeating: false, count: 15) + [true])
    }

    @Test func timeInWhichNobodyLookedDoesNotCount() {
        var watch = SilenceWatch(limitMilliseconds: 15_000, now: Self.at(0))
        let answers = Self.looks(&watch, [1, 100] + Array(101...116))
        #expect(answers == Array(repeating: false, count: 17) + [true])
    }

    @Test func zeroNeverEndsAnybody() {
        var watch = SilenceWatch(limitMilliseconds: 0, now: Self.at(0))
        let answers = Self.looks(&watch, 1...1000)
        #expect(!answers.contains(true))
    }
}
