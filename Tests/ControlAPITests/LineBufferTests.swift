import Testing

@testable import ControlAPI

@Suite struct LineBufferTests {
    @Test func linesComeOutWholeHoweverTheyArrive() throws {
        let text = Array("one\n\nthree\nrest".utf8)
        for step in 1...text.count {
            var buffer = LineBuffer(limit: 100)
            var lines: [String] = []
            for start in stride(from: 0, to: text.count, by: step) {
                buffer.append(text[start..<min(start + step, text.count)])
                while let line = try buffer.next() { lines.append(String(decoding: line, as: UTF8.self)) }
            }
            #expect(lines == ["one", "", "three"])
            #expect(buffer.count == 4)
        }
    }

    @Test func aLineAtTheLimitPassesAndOnePastItDoesNot() throws {
        var buffer = LineBuffer(limit: 8)
        buffer.append(Array("1234567\n".utf8))
        #expect(try buffer.next()?.count == 7)
        buffer.append(Array("1234567".utf8))
        #expect(try buffer.next() == nil)
        buffer.append(Array("8\n".utf8))
        let error = #expect(throws: ControlError.self) { try buffer.next() }
        #expect(error?.code == .lineTooLong)
    }

    @Test func endlessInputWithoutALineEndIsRefused() {
        var buffer = LineBuffer(limit: 1000)
        #expect(throws: ControlError.self) {
            for _ in 0..<200 {
                buffer.append([UInt8](repeating: 0x61, count: 10))
                _ = try buffer.next()
            }
        }
        #expect(buffer.count == 1000)
    }
}
