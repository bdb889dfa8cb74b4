import LinuxSystem
import Testing
@testable import VolumeCore

@Suite struct PendingReadsTests {
    private func read(_ unique: UInt64, node: UInt32 = 1, offset: UInt64 = 0, size: UInt32 = 4096, deadline: UInt64? = nil) -> PendingRead {
        PendingRead(
            unique: unique, descriptor: 9, processID: UInt32(unique) + 100, node: node, object: node, offset: offset, size: size, isDirect: false,
            since: MonotonicTime(nanoseconds: unique), deadline: deadline.map { MonotonicTime(nanoseconds: $0) })
    }
    private let a = LoadUnit(.chunk, 1)
    private let b = LoadUnit(.chunk, 2)

    @Test func aUnitReleasesAllItsReadersAndNobodyElse() {
        var table = PendingReads()
        table.park(read(1), on: [a])
        table.park(read(2), on: [a, b])
        table.park(read(3), on: [b])
        #expect(Set(table.take(waitingFor: a).map(\.unique)) == [1, 2])
        #expect(table.count == 1)
        // Read 2 was taken out whole: unit b does not name it any more.
        #expect(table.take(waitingFor: b).map(\.unique) == [3])
        #expect(table.wantedUnits.isEmpty)
    }

    @Test func everyReadLeavesTheTableExactlyOnce() {
        // All orders of the four events that can take a read out: whoever is first gets it, the others get nothing.
        let events: [(inout PendingReads) -> Int] = [
            { $0.take(waitingFor: LoadUnit(.chunk, 1)).count },
            { $0.take(unique: 7) == nil ? 0 : 1 },
            { $0.takeExpired(at: MonotonicTime(nanoseconds: 50)).count },
            { $0.takeAll().count },
        ]
        for order in permutations(4) {
            var table = PendingReads()
            table.park(read(7, deadline: 50), on: [a])
            let taken = order.map { events[$0](&table) }
            #expect(taken.reduce(0, +) == 1, "order \(order)")
            #expect(taken[0] == 1)
            #expect(table.count == 0 && table.wantedUnits.isEmpty)
        }
    }

    @Test func aResentRequestReplacesTheEarlierRecord() {
        var table = PendingReads()
        table.park(read(1), on: [a])
        table.park(read(1), on: [b])
        #expect(table.count == 1)
        #expect(table.take(waitingFor: a).isEmpty)
        #expect(table.take(waitingFor: b).count == 1)
    }

    @Test func onlyReadsPastTheirDeadlineExpire() {
        var table = PendingReads()
        table.park(read(1, deadline: 10), on: [a])
        table.park(read(2, deadline: 20), on: [a])
        table.park(read(3), on: [a])
        #expect(table.takeExpired(at: MonotonicTime(nanoseconds: 10)).map(\.unique) == [1])
        #expect(table.takeExpired(at: MonotonicTime(nanoseconds: .max)).map(\.unique) == [2])
        #expect(table.count == 1)
    }

    @Test func theFirstParkedByteStopsAPush() {
        var table = PendingReads()
        table.park(read(1, offset: 8192), on: [a])
        table.park(read(2, offset: 20480), on: [a])
        table.park(read(3, node: 2, offset: 4096), on: [a])
        #expect(table.firstParkedByte(ofNode: 1, in: 0..<131072) == 8192)
        #expect(table.firstParkedByte(ofNode: 1, in: 12288..<131072) == 20480)
        #expect(table.firstParkedByte(ofNode: 1, in: 8193..<9000) == 8193)
        #expect(table.firstParkedByte(ofNode: 1, in: 24576..<131072) == nil)
        #expect(table.firstParkedByte(ofNode: 3, in: 0..<131072) == nil)
    }

    @Test func waitsAreListedOldestFirstWithTheirUnits() {
        var table = PendingReads()
        table.park(read(5), on: [b])
        table.park(read(2), on: [a])
        #expect(table.all.map(\.read.unique) == [2, 5])
        #expect(table.all[0].units == [a])
        #expect(table.read(unique: 5)?.processID == 105)
    }

    /// A long random life against a plain model.
    @Test(arguments: [1, 2, 3] as [UInt64]) func modelAgrees(seed: UInt64) {
        var random = SplitMix(seed)
        var table = PendingReads()
        var model: [UInt64: Set<LoadUnit>] = [:]
        for step in 0..<5000 {
            let unit = LoadUnit(.chunk, random.next() % 6)
            let unique = random.next() % 12
            switch random.next() % 4 {
            case 0, 1:
                let units = Array(Set([unit, LoadUnit(.chunk, random.next() % 6)]))
                table.park(read(unique), on: units)
                model[unique] = Set(units)
            case 2:
                let taken = Set(table.take(waitingFor: unit).map(\.unique))
                let expected = Set(model.filter { $0.value.contains(unit) }.keys)
                #expect(taken == expected, "seed \(seed), step \(step)")
                for key in expected { model[key] = nil }
            default:
                #expect((table.take(unique: unique) != nil) == (model.removeValue(forKey: unique) != nil), "seed \(seed), step \(step)")
            }
            #expect(table.count == model.count)
            #expect(Set(table.wantedUnits) == Set(model.values.flatMap { $0 }))
        }
    }
}

func permutations(_ n: Int) -> [[Int]] {
    if n == 0 { return [[]] }
    return permutations(n - 1).flatMap { rest in (0...rest.count).map { i in rest[..<i] + [n - 1] + rest[i...] } }.map { Array($0) }
}

/// A small generator with a seed, for repeatable tests.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
