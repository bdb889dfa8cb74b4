import LinuxSystem
import Testing
@testable import VolumeCore

@Suite struct FinalFailuresTests {
    private let unit = LoadUnit(.chunk, 7)

    @Test func aFinalAnswerIsRepeatedForAMoment() {
        var failures = FinalFailures()
        let start = MonotonicTime(nanoseconds: 1)
        failures.add(unit, .ioError, now: start)
        #expect(failures.answer(for: [LoadUnit(.chunk, 1), unit], now: start) == .ioError)
        #expect(failures.answer(for: [unit], now: MonotonicTime(nanoseconds: FinalFailures.usualLifetime)) == .ioError)
        // Then the origin is asked again.
        #expect(failures.answer(for: [unit], now: MonotonicTime(nanoseconds: FinalFailures.usualLifetime + 1)) == nil)
        #expect(failures.isEmpty)
    }

    @Test func whatArrivedIsForgotten() {
        var failures = FinalFailures()
        failures.add(unit, .ioError, now: .now)
        failures.forget(unit)
        #expect(failures.answer(for: [unit], now: .now) == nil)
    }

    @Test func itStaysBounded() {
        var failures = FinalFailures()
        for i in 0...UInt64(FinalFailures.limit) { failures.add(LoadUnit(.chunk, i), .ioError, now: .now) }
        #expect(failures.answer(for: [LoadUnit(.chunk, UInt64(FinalFailures.limit))], now: .now) == .ioError)
        #expect(failures.answer(for: [LoadUnit(.chunk, 0)], now: .now) == nil)
    }
}
