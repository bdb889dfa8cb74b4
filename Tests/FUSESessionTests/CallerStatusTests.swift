import FUSESession
import Testing

@Suite struct CallerStatusTests {
    /// The lines of /proc/<tid>/status that matter, among others that look like them.
    func status(own: UInt64 = 0, shared: UInt64 = 0, blocked: UInt64 = 0, ignored: UInt64 = 0, caught: UInt64 = 0) -> CallerStatus {
        func mask(_ value: UInt64) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        let text = """
            Name:\tSigPnd: x
            State:\tD (disk sleep)
            SigQ:\t1/7866
            SigPnd:\t\(mask(own))
            ShdPnd:\t\(mask(shared))
            SigBlk:\t\(mask(blocked))
            SigIgn:\t\(mask(ignored))
            SigCgt:\t\(mask(caught))
            CapInh:\t0000000000000000

            """
        return CallerStatus.decide(statusText: text.utf8)
    }
    func bit(_ signal: UInt64) -> UInt64 { 1 << (signal - 1) }

    @Test func nothingPending() { #expect(status() == .alive) }

    @Test func killAlwaysCounts() {
        #expect(status(own: 0x100) == .dying)
        #expect(status(shared: 0x100) == .dying)
        #expect(status(own: 0x100, blocked: .max, ignored: .max, caught: .max) == .dying)
    }

    /// ALRM, USR1, CHLD, WINCH, TERM: fatal ones among them show as SIGKILL when they are.
    @Test(arguments: [14, 10, 17, 28, 15] as [UInt64]) func othersDoNot(signal: UInt64) {
        #expect(status(own: bit(signal)) == .alive && status(shared: bit(signal)) == .alive)
        #expect(status(shared: bit(signal), caught: bit(signal)) == .alive)
    }

    @Test(arguments: [3, 4, 5, 6, 7, 8, 11, 24, 25, 31] as [UInt64]) func coreDumpingOnes(signal: UInt64) {
        #expect(status(own: bit(signal)) == .dying && status(shared: bit(signal)) == .dying)
        #expect(status(own: bit(signal), caught: bit(signal)) == .alive)
        #expect(status(own: bit(signal), ignored: bit(signal)) == .alive)
        #expect(status(shared: bit(signal), blocked: bit(signal)) == .alive, "it stays pending until it is let in")
    }

    @Test func unreadableTexts() {
        #expect(CallerStatus.decide(statusText: "".utf8) == .unknown)
        #expect(CallerStatus.decide(statusText: "SigPnd:\t0000000000000100\n".utf8) == .unknown)
        #expect(CallerStatus.decide(statusText: "SigPnd:\tzz\nShdPnd:\t0\nSigIgn:\t0\nSigCgt:\t0\n".utf8) == .unknown)
    }
}
