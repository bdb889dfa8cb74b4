import LinuxSystem
import Testing
@testable import VolumeCore

@Suite struct FinalFailuresTests {
    private let unit = LoadUnit(.chunk, 7)

    @Test func aFinalAnswerIsRepeatedForAMoment() {
        var failures = FinalFailures()
        let start = MonotonicTime(nanoseconds: 1)
        failures.add(unit, .ioError, reason: "gone", now: start)
        #expect(failures.answer(for: [LoadUnit(.chunk, 1), unit], now: start) == .ioError)
        #expect(failures.answer(for: [unit], now: MonotonicTime(nanoseconds: FinalFailures.usualLifetime)) == .ioError)
        // Then the origin is asked again.
        #expect(failures.answer(for: [unit], now: MonotonicTime(nanoseconds: FinalFailures.usualLifetime + 1)) == nil)
        #expect(failures.isEmpty)
    }

    @Test func whoWaitsWithoutAReadIsToldOfLaterAnswersOnly() {
        var failures = FinalFailures()
        failures.add(unit, .ioError, reason: "gone", now: MonotonicTime(nanoseconds: 5))
        let others = [LoadUnit(.chunk, 1), LoadUnit(.indexPage, 7)]
        #expect(failures.answer(for: others + [unit], since: MonotonicTime(nanoseconds: 5))?.reason == "gone")
        #expect(failures.answer(for: others + [unit], since: MonotonicTime(nanoseconds: 6)) == nil)
        #expect(failures.answer(for: others, since: MonotonicTime(nanoseconds: 0)) == nil)
        // However long ago that was; nothing is forgotten by asking.
        #expect(failures.answer(for: [unit], since: MonotonicTime(nanoseconds: 5))?.errno == .ioError)
    }

    @Test func whatArrivedIsForgotten() {
        var failures = FinalFailures()
        failures.add(unit, .ioError, reason: "gone", now: .now)
        failures.forget(unit)
        #expect(failures.answer(for: [unit], now: .now) == nil)
    }

    @Test func itStaysBounded() {
        var failures = FinalFailures()
        for i in 0...UInt64(FinalFailures.limit) { failures.add(LoadUnit(.chunk, i), .ioError, reason: "gone", now: .now) }
        #expect(failures.answer(for: [LoadUnit(.chunk, UInt64(FinalFailures.limit))], now: .now) == .ioError)
        #expect(failures.answer(for: [LoadUnit(.chunk, 0)], now: .now) == nil)
    }
}
