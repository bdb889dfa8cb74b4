import Testing

@testable import HTTPSource

@Suite struct RetryAfterTests {
    @Test func secondsAndDates() {
        #expect(RetryAfter.duration("120", date: nil, now: 0) == .seconds(120))
        #expect(RetryAfter.duration(" 7 ", date: nil, now: 0) == .seconds(7))
        #expect(RetryAfter.seconds1970("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        #expect(RetryAfter.seconds1970("Thu, 29 Feb 2024 00:00:00 GMT") == 1_709_164_800)
        #expect(RetryAfter.seconds1970("Thu, 01 Jan 1970 00:00:00 GMT") == 0)
        #expect(RetryAfter.duration("Sun, 06 Nov 1994 08:49:37 GMT", date: nil, now: 784_111_700) == .seconds(77))
        #expect(RetryAfter.duration("Sun, 06 Nov 1994 08:49:37 GMT", date: "Sun, 06 Nov 1994 08:49:30 GMT", now: 99) == .seconds(7))
        #expect(RetryAfter.duration("Sun, 06 Nov 1994 08:49:37 GMT", date: nil, now: 884_111_700) == .seconds(0))
    }

    @Test(arguments: ["", "-5", "soon", "1e9", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT"])
    func nonsenseIsNone(_ text: String) { #expect(RetryAfter.duration(text, date: nil, now: 0) == nil) }
}
