import ContractVolume
import LinuxSystem
import Testing

@Suite struct TimeoutTests {
    @Test func theFirstEntryOfAUserCounts() {
        var table = UserTimeouts()
        #expect(table.limits(of: 0, mountTimeoutMilliseconds: 7) == ReadLimits(minTime: 0, minPending: 0, maxPending: 7000))
        let entries = [
            UserTimeout(uid: 5, minTime: 1, minPending: 2, maxPending: 3), UserTimeout(uid: 5, minTime: 9, minPending: 9, maxPending: 9),
            UserTimeout(uid: 6, minTime: 0, minPending: 0, maxPending: .max), UserTimeout(uid: 7, minTime: 0, minPending: 0, maxPending: 0),
        ]
        do { let accepted = table.replace(entries); #expect(accepted) }
        #expect(table.limits(of: 5, mountTimeoutMilliseconds: 7) == ReadLimits(minTime: 1, minPending: 2, maxPending: 3))
        #expect(table.limits(of: 6, mountTimeoutMilliseconds: 7).maxPending == 7000)
        #expect(table.limits(of: 7, mountTimeoutMilliseconds: 7).maxPending == 0)
        let bytes = table.encoded
        #expect(bytes.count == 64 && bytes.withUnsafeBytes { UserTimeouts.decode($0) } == entries)
    }

    @Test func anUnsoundEntryRefusesAll() {
        var table = UserTimeouts()
        do { let accepted = table.replace([UserTimeout(uid: 1, minTime: 0, minPending: 0, maxPending: 1)]); #expect(accepted) }
        do { let accepted = table.replace([UserTimeout(uid: 2, minTime: 0, minPending: 0, maxPending: 1), UserTimeout(uid: 3, minTime: 0, minPending: 2, maxPending: 1)]); #expect(!accepted) }
        #expect(table.entries.map(\.uid) == [1])
        do { let accepted = table.replace((0..<256).map { UserTimeout(uid: $0, minTime: 0, minPending: 0, maxPending: 0) }); #expect(accepted) }
        do { let accepted = table.replace((0..<257).map { UserTimeout(uid: $0, minTime: 0, minPending: 0, maxPending: 0) }); #expect(!accepted) }
        do { let accepted = table.replace([]); #expect(accepted && table.entries.isEmpty) }
    }

    @Test func countersAndLastError() {
        var counters = ReadCounters()
        counters.failed(.timedOutOnStream)
        counters.failed(.badMessage)
        counters.failed(.ioError)
        counters.failed(.interrupted)
        #expect(counters.values == [1, 1, 2, 0, 0, 0, 0] && ReadCounters.names.count == counters.values.count)
        var last = LastReadError()
        #expect(last.encoded == [UInt8](repeating: 0, count: 48))
        last.error = -62
        last.block = 3
        #expect(Array(last.encoded[24..<32]) == [3, 0, 0, 0, 0xc2, 0xff, 0xff, 0xff])
    }

    @Test func identities() {
        let text = Array("8c7dd922ad47494fc02c388e12c00eac".utf8)
        let id = FileID(text: text)
        #expect(id?.text == text && id?.bytes.first == 0x8c && id?.bytes.last == 0xac)
        #expect(FileID(text: Array("8C7dd922ad47494fc02c388e12c00eac".utf8)) == nil && FileID(text: Array("8c".utf8)) == nil)
    }
}
