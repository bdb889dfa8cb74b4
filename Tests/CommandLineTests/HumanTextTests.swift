import Testing

@testable import incfs

@Suite struct HumanTextTests {
    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (1234, "1.23 kB"), (12_345, "12.3 kB"), (99_949, "99.9 kB"), (99_951, "100 kB"), (999_499, "999 kB"),
        (999_500, "1.00 MB"), (1_500_000_000, "1.50 GB"), (.max, "18.4 EB"),
    ] as [(UInt64, String)])
    func bytesHaveThreeFigures(_ count: UInt64, _ text: String) { #expect(HumanText.bytes(count) == text) }

    @Test(arguments: [(-1, "0.0 s"), (0.04, "0.0 s"), (0.06, "0.1 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (60, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")])
    func durationsNameTwoUnits(_ seconds: Double, _ text: String) { #expect(HumanText.duration(seconds) == text) }

    @Test func oddNumbersDoNotTrap() {
        #expect(HumanText.rate(.nan) == "0 B/s" && HumanText.rate(-5) == "0 B/s")
        #expect(HumanText.duration(.nan) == "0 s" && HumanText.duration(.infinity).hasSuffix("h"))
    }

    @Test func aHundredPercentMeansAll() {
        #expect(HumanText.percent(0, of: 0) == 100 && HumanText.percent(0, of: 7) == 0)
        #expect(HumanText.percent(9_999_999, of: 10_000_000) == 99 && HumanText.percent(7, of: 7) == 100)
        #expect(HumanText.percent(.max - 1, of: .max) <= 100)
    }

    @Test func nounsAgree() { #expect(HumanText.count(1, "file") == "1 file" && HumanText.count(0, "file") == "0 files") }
}
