import LinuxSystem
import Testing
import VolumeCore

@testable import BlockLoading

/// Random interleavings of everything that can happen, checked against the invariants after every step.
@Suite struct LoadSchedulerModelTests {
    @Test(arguments: 1...40)
    func invariantsHoldAndEverythingIsStoredInTheEnd(_ seed: Int) {
        var random = Jitter(seed: UInt64(seed))
        func pick(_ n: Int) -> Int { min(n - 1, Int(random.next() * Double(n))) }
        let bench = SchedulerBench(filling: seed % 2 == 0) { $0.maximumRequests = 1 + seed % 8; $0.bufferLimit = 2 << 20 }
        bench.indexed = seed % 3 == 0
        bench.missing = chunks(0..<120)
        var wire: [Fetch] = []
        var deliveries: [LoadUnit] = []
        var wanted: Set<LoadUnit> = []

        func check(_ step: String) {
            let flying = wire.flatMap(\.units)
            #expect(Set(flying).count == flying.count, "a unit twice on the wire after \(step), seed \(seed)")
            #expect(Set(flying).isDisjoint(with: deliveries), "fetched while it is delivered after \(step), seed \(seed)")
            #expect(wire.count <= 1 + seed % 8 + 4, "seed \(seed)")
            #expect(bench.scheduler.statistics.bufferedBytes <= (2 << 20) / 4 * 5 + (64 << 10), "seed \(seed)")
            #expect(bench.scheduler.statistics.inFlight == wire.count, "seed \(seed)")
            #expect(bench.failures.isEmpty, "seed \(seed)")
        }
        func collect() {
            wire += bench.takeFetches()
            deliveries += bench.deliveries.map(\.part.unit)
            bench.deliveries = []
        }

        for _ in 0..<600 {
            var step = ""
            switch pick(12) {
            case 0, 1:
                let first = UInt64(pick(120))
                let count = UInt64(1 + pick(8))
                let priority = LoadPriority(rawValue: UInt8(pick(3)))!
                step = "request \(first)+\(count) \(priority)"
                bench.request(first..<min(120, first + count), priority)
                wanted.formUnion(chunks(first..<min(120, first + count)))
            case 2...4:
                guard !wire.isEmpty else { continue }
                step = "fetched"
                bench.send(.fetched(wire.remove(at: pick(wire.count)).id))
            case 5:
                guard !wire.isEmpty else { continue }
                step = "failed"
                let kinds: [SourceError.Kind] = [.unreachable, .temporary, .throttled(retryAfter: .seconds(1)), .throttled(retryAfter: nil)]
                bench.send(.fetchFailed(wire.remove(at: pick(wire.count)).id, SourceError(kinds[pick(4)], "x")))
            case 6...8:
                guard !deliveries.isEmpty else { continue }
                step = "stored"
                let unit = deliveries.remove(at: pick(deliveries.count))
                bench.present.insert(unit)
                bench.send(.delivered(unit, .stored))
            case 9:
                guard !deliveries.isEmpty else { continue }
                step = "storage failed"
                bench.send(.delivered(deliveries.remove(at: pick(deliveries.count)), .storageFailed(28)))
            case 10:
                step = "filling"
                bench.send(.setFilling(pick(2) == 0))
            default:
                step = "time"
                bench.advance(UInt64(pick(3000)))
            }
            collect()
            check(step)
        }
        // Then everything goes well.
        bench.send(.setFilling(true))
        for _ in 0..<2000 where !(bench.scheduler.statistics.fillDone && bench.scheduler.entries.isEmpty) {
            collect()
            if let fetch = wire.popLast() {
                bench.send(.fetched(fetch.id))
            } else if let unit = deliveries.popLast() {
                bench.present.insert(unit)
                bench.send(.delivered(unit, .stored))
            } else {
                #expect(bench.advanceToDeadline(), "nothing to do and not done, seed \(seed)")
            }
            collect()
            check("end")
        }
        #expect(bench.scheduler.statistics.fillDone, "seed \(seed)")
        #expect(bench.present.isSuperset(of: chunks(0..<120)), "seed \(seed)")
        #expect(bench.scheduler.statistics.bufferedBytes == 0 && bench.scheduler.held.isEmpty && bench.scheduler.wire.isEmpty, "seed \(seed)")
        #expect(bench.scheduler.population.allSatisfy { $0 == 0 }, "seed \(seed)")
    }
}
