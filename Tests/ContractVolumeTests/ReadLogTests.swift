import ContractVolume
import Testing

@Suite struct ReadLogTests {
    private func filled(_ log: inout ReadLog, _ blocks: Range<UInt32>) {
        for block in blocks { log.append(FileID(low: 9), block: block, uid: 3, microseconds: UInt64(block) + 1) }
    }

    @Test func aDescriptorStartsAtTheEnd() {
        var log = ReadLog(pages: 1)
        filled(&log, 0..<5)
        var cursor = log.end
        #expect(log.uncollected(cursor) == 0 && log.records(&cursor, limit: 10).isEmpty)
        filled(&log, 5..<8)
        #expect(log.uncollected(cursor) == 3)
        let first = log.records(&cursor, limit: 2)
        #expect(first.map(\.block) == [5, 6] && first.map(\.serial) == [6, 7] && first[0].uid == 3)
        #expect(log.records(&cursor, limit: 2).map(\.serial) == [8] && log.uncollected(cursor) == 0)
    }

    @Test func whoFallsBehindGoesOnWithTheOldest() {
        var log = ReadLog(pages: 1)
        var cursor = log.end
        filled(&log, 0..<UInt32(ReadLog.recordsPerPage) + 10)
        let records = log.records(&cursor, limit: .max)
        #expect(records.count == ReadLog.recordsPerPage && records.first?.serial == 11 && records.first?.block == 10)
        #expect(records.last?.serial == UInt32(ReadLog.recordsPerPage) + 10)
    }

    @Test func reconfigured() {
        var log = ReadLog(pages: 2)
        var cursor = log.end
        filled(&log, 0..<100)
        log.reconfigure(pages: 1)
        #expect(log.uncollected(cursor) == 0)
        filled(&log, 0..<3)
        #expect(log.uncollected(cursor) == 3 && log.records(&cursor, limit: 10).map(\.serial) == [1, 2, 3])
        log.reconfigure(pages: 0)
        filled(&log, 0..<3)
        #expect(!log.isOn && log.uncollected(cursor) == 0 && log.records(&cursor, limit: 10).isEmpty)
    }

    @Test func theSelfTestsFit() {
        // 2048 reads of a file are all there with two pages.
        var log = ReadLog(pages: 2)
        var cursor = log.end
        filled(&log, 0..<2048)
        #expect(log.records(&cursor, limit: .max).count == 2048)
    }

    @Test func records() {
        let record = ReadRecord(file: FileID(low: 0x0706_0504_0302_0100, high: 0x0f0e_0d0c_0b0a_0908), microseconds: 0x1122, block: 5, serial: 6, uid: 7)
        var bytes = [UInt8](repeating: 0xff, count: 40)
        bytes.withUnsafeMutableBytes { record.encode(into: $0, at: 0, withUser: true) }
        #expect(bytes == Array(0..<16) + [0x22, 0x11, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0])
        bytes = [UInt8](repeating: 0xff, count: 40)
        bytes.withUnsafeMutableBytes { record.encode(into: $0, at: 0, withUser: false) }
        #expect(bytes[28...] == [6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
        #expect(ReadRecord.size(withUser: false) == 32 && ReadRecord.size(withUser: true) == 40)
    }
}
