import Testing

@testable import BlockLoading

@Suite struct BackOffTests {
    @Test func doublesUpToItsLimitWithFullJitter() {
        let backOff = BackOff(base: 250, limit: 10_000)
        #expect([0, 1, 2, 3, 4, 5, 6, 40, 100].map { backOff.delay(attempt: $0, random: 0.9999999) } == [249, 499, 999, 1999, 3999, 7999, 9999, 9999, 9999])
        #expect(backOff.delay(attempt: 3, random: 0) == 200)
        #expect(backOff.delay(attempt: 3, random: 0.5) == 1000)
    }

    @Test func jitterIsUniformAndRepeatable() {
        var a = Jitter(seed: 7)
        var b = Jitter(seed: 7)
        let values = (0..<1000).map { _ in a.next() }
        #expect(values == (0..<1000).map { _ in b.next() })
        #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
        let mean = values.reduce(0, +) / 1000
        #expect(mean > 0.45 && mean < 0.55)
    }
}
