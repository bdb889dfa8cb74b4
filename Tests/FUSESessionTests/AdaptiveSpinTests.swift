import Testing

@testable import FUSESession

@Suite struct AdaptiveSpinTests {
    @Test func aLoneRequestNeverSpins() {
        var spin = AdaptiveSpin(duration: 50_000)
        for _ in 0..<100 {
            spin.woken(after: 10_000_000)
            #expect(!spin.isWorthwhile)
        }
    }

    @Test func twoCloseArrivalsDo() {
        var spin = AdaptiveSpin(duration: 50_000)
        spin.woken(after: 80_000)
        #expect(!spin.isWorthwhile)
        spin.woken(after: 80_000)
        #expect(spin.isWorthwhile)
        spin.caught()
        #expect(spin.isWorthwhile)
        spin.woken(after: 201_000)
        #expect(!spin.isWorthwhile, "a pause ends it")
    }

    @Test func spinsInVainBecomeRare() {
        var spin = AdaptiveSpin(duration: 50_000)
        var needed: [Int] = []
        for _ in 0..<8 {
            var arrivals = 0
            while !spin.isWorthwhile {
                spin.woken(after: 150_000)
                arrivals += 1
            }
            needed.append(arrivals)
            spin.missed()
        }
        #expect(needed == [2, 4, 8, 16, 32, 64, 64, 64])
        for _ in 0..<64 { spin.woken(after: 1) }
        spin.caught()
        spin.missed()
        for _ in 0..<4 { spin.woken(after: 1) }
        #expect(spin.isWorthwhile, "a catch forgives")
    }

    @Test func off() {
        var spin = AdaptiveSpin(duration: 0)
        for _ in 0..<10 { spin.woken(after: 0) }
        #expect(!spin.isWorthwhile)
    }
}
