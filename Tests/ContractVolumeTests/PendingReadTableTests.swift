import ContractVolume
import LinuxSystem
import Testing

@Suite struct PendingReadTableTests {
    static let file = FileID(low: 1, high: 2)
    private func time(_ milliseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }
    private func key(_ block: UInt32) -> BlockKey { BlockKey(file: Self.file, block: block) }

    private func table(_ blocks: [UInt32]) -> PendingReadTable<Int> {
        var table = PendingReadTable<Int>()
        for (index, block) in blocks.enumerated() { table.add(key(block), uid: 0, since: time(1), deadline: time(100 + UInt64(index)), waiter: index) }
        return table
    }

    @Test func oneFillReleasesAllThatWaitForTheBlock() {
        var table = table([7, 8, 7])
        let released = [key(7), key(7), BlockKey(file: FileID(), block: 8)].map { table.fill($0).map(\.waiter) }
        #expect(released == [[0, 2], [], []])
        // Whoever was taken out does not expire as well.
        let over = table.expire(now: time(1000)).map(\.waiter)
        #expect(over == [1])
        #expect(table.count == 0 && table.lastSerial == 3)
    }

    /// First, last and in the middle of those that wait for a block; the others still come in order.
    @Test func whoeverLeavesTheLineLeavesItWhole() {
        for leaving in [[1], [2], [3], [4], [1, 2], [2, 3], [3, 4], [4, 1], [3, 2, 4], [1, 2, 3, 4]] as [[UInt32]] {
            var table = table([7, 7, 7, 7])
            for serial in leaving {
                let gone = table.remove(serial: serial)?.serial
                #expect(gone == serial)
            }
            let rest = [1, 2, 3, 4].filter { !leaving.contains($0) }
            #expect(table.hasWaiters(for: key(7)) == !rest.isEmpty)
            // Somebody who comes later stands behind them.
            table.add(key(7), uid: 0, since: time(2), deadline: time(200), waiter: 9)
            let released = table.fill(key(7)).map(\.serial)
            #expect(released == rest + [5] && table.count == 0, "\(leaving)")
        }
    }

    /// Reads that were filled leave nothing behind, however far away their deadlines are.
    @Test func manyReadsLaterTheTimeOfThoseThatWaitIsKept() {
        var table = PendingReadTable<Int>()
        table.add(key(1), uid: 0, since: time(1), deadline: time(5000), waiter: 1)
        for round in 0..<1000 {
            table.add(key(2), uid: 0, since: time(1), deadline: time(100 + UInt64(round)), waiter: 2)
            let released = table.fill(key(2)).count
            #expect(released == 1)
        }
        let early = table.expire(now: time(4999)).count
        #expect(early == 0 && table.nextDeadline == time(5000))
        let over = table.expire(now: time(5000)).map(\.waiter)
        #expect(over == [1])
    }

    @Test func timeIsOverInOrder() {
        var table = table([1, 2, 3])
        #expect(table.nextDeadline == time(100))
        let over = [99, 101].map { table.expire(now: time($0)).map(\.serial) }
        #expect(over == [[], [1, 2]])
        let removed = [table.remove(serial: 3)?.waiter, table.remove(serial: 3)?.waiter]
        #expect(removed == [2, nil])
        let later = table.expire(now: time(1000))
        #expect(later.isEmpty)
    }

    @Test func cursorsLoseNothing() {
        var table = table([1, 2, 3, 4])
        var cursor: UInt32 = 0
        #expect(table.isFresh(after: cursor))
        #expect(table.records(after: &cursor, limit: 3).map(\.serial) == [1, 2, 3] && cursor == 3)
        #expect(table.isFresh(after: cursor))
        #expect(table.records(after: &cursor, limit: 3).map(\.block) == [4])
        #expect(!table.isFresh(after: cursor) && table.records(after: &cursor, limit: 3).isEmpty)
        // What was seen and still waits makes nothing fresh; what is new does.
        table.add(key(9), uid: 5, since: time(2), deadline: time(500), waiter: 9)
        #expect(table.records(after: &cursor, limit: 3) == [ReadRecord(file: Self.file, microseconds: 2000, block: 9, serial: 5, uid: 5)])
        // Another descriptor sees all that still wait, and nothing that does not.
        _ = table.fill(key(2))
        var other: UInt32 = 0
        #expect(table.records(after: &other, limit: 100).map(\.serial) == [1, 3, 4, 5])
    }

    @Test func tenThousand() {
        var table = PendingReadTable<Int>()
        for block in 0..<10_000 { table.add(key(UInt32(block)), uid: 0, since: time(1), deadline: time(1_000_000), waiter: block) }
        var cursor: UInt32 = 0
        var seen = 0
        while table.isFresh(after: cursor) {
            let records = table.records(after: &cursor, limit: 128)
            seen += records.count
            for record in records { let released = table.fill(key(record.block)).count; #expect(released == 1) }
        }
        #expect(seen == 10_000 && table.count == 0)
    }
}
