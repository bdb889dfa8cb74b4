import LinuxSystem
import Testing
import VolumeCore

@testable import BlockLoading

@Suite struct LoadSchedulerOrderTests {
    @Test func aUnitIsFetchedOnceHoweverManyAsk() {
        let bench = SchedulerBench()
        bench.demand(5)
        bench.demand(5)
        bench.request(5..<6, .readahead)
        #expect(bench.fetches.map(\.units) == [[chunk(5)]])
        bench.answerAll()
        bench.demand(5)
        #expect(bench.fetches.isEmpty)
        bench.deliverAll()
        bench.demand(5)
        #expect(bench.fetches.isEmpty && bench.scheduler.entries.isEmpty)
        #expect(bench.scheduler.statistics.requests == 1)
    }

    @Test func strictOrderOfPriorities() {
        let bench = SchedulerBench(filling: true) { $0.maximumRequests = 1; $0.demandReserve = 0; $0.coalesceLimit = 1; $0.demandCoalesceLimit = 1 }
        bench.demand(0)
        bench.missing = [chunk(40)]
        bench.request(30..<31, .readahead)
        bench.request(20..<21, .declared)
        bench.request(10..<11, .demand)
        bench.request(12..<13, .demand)
        var order: [LoadUnit] = []
        func takeAll() {
            while let fetch = bench.takeFetches().first {
                order += fetch.units
                bench.send(.fetched(fetch.id))
                bench.deliverAll()
            }
        }
        takeAll()
        #expect(order == [0, 10, 12, 20, 30].map(chunk))
        // The fill comes last, and only when nobody has waited for a while.
        bench.advance(LoadScheduler.quietAfterDemand)
        takeAll()
        #expect(order == [0, 10, 12, 20, 30, 40].map(chunk))
    }

    @Test func aDemandForAQueuedHintGoesFirst() {
        let bench = SchedulerBench { $0.maximumRequests = 1; $0.demandReserve = 0; $0.coalesceLimit = 1; $0.demandCoalesceLimit = 1 }
        bench.demand(0)
        bench.request(10..<20, .readahead)
        bench.demand(17)
        bench.answerAll()
        #expect(bench.fetches.map(\.units) == [[chunk(17)]])
        bench.answerAll()
        bench.answerAll()
        #expect(bench.deliveries.map(\.part.unit) == [chunk(0), chunk(17), chunk(10)])
    }

    @Test func aDemandForADeliveryInTheQueueHurriesIt() {
        let bench = SchedulerBench()
        bench.request(1..<2, .readahead)
        bench.answerAll()
        bench.demand(1)
        #expect(bench.hurried == [chunk(1)] && bench.fetches.isEmpty)
    }

    @Test func aWindowStartsInParallelOverTheFreeSlots() {
        let bench = SchedulerBench()
        bench.request(0..<6, .readahead)
        #expect(bench.fetches.count == 6)
        let large = SchedulerBench()
        for i in 0..<64 { _ = large.scheduler.handle(.requested(LoadRequest(unit: chunk(UInt64(i)), priority: .readahead)), now: large.now) }
        for i in 0..<64 { _ = large.scheduler.handle(.located(chunk(UInt64(i)), .at(UnitLocation(path: [1], offset: UInt64(i) << 16, length: 1 << 16))), now: large.now) }
        large.plan()
        #expect(large.fetches.count == 8)
        #expect(large.fetches.flatMap(\.units) == chunks(0..<64))
        #expect(large.fetches.allSatisfy { $0.length <= 1 << 20 && $0.parts.count == 8 })
    }

    @Test func neighboursShareARequestOnlyWhereTheyTouchInOneFile() {
        let bench = SchedulerBench { $0.maximumRequests = 1; $0.demandReserve = 0 }
        bench.places[chunk(0)] = UnitLocation(path: [1], offset: 0, length: 10)
        bench.places[chunk(1)] = UnitLocation(path: [1], offset: 10, length: 10)
        bench.places[chunk(2)] = UnitLocation(path: [1], offset: 21, length: 10)
        bench.places[chunk(3)] = UnitLocation(path: [2], offset: 20, length: 10)
        bench.demand(9)
        bench.request(0..<4, .readahead)
        var seen: [[LoadUnit]] = []
        for _ in 0..<4 {
            seen += bench.fetches.map(\.units)
            bench.answerAll()
        }
        #expect(seen == [[chunk(9)], [chunk(0), chunk(1)], [chunk(2)], [chunk(3)]])
        let parts = bench.deliveries.map(\.part)
        #expect(parts[2] == Fetch.Part(unit: chunk(1), offset: 10, length: 10))
    }

    @Test func demandsShareOnlySmallRequests() {
        let bench = SchedulerBench(size: 50 << 10) { $0.maximumRequests = 1; $0.demandReserve = 0 }
        bench.demand(100)
        bench.request(0..<6, .demand)
        bench.answerAll()
        #expect(bench.fetches.map(\.units) == [chunks(0..<2)])
    }

    @Test func aDemandNeverWaitsForASlotOfSomethingLessUrgent() {
        let bench = SchedulerBench()
        bench.request(0..<100, .readahead)
        #expect(bench.fetches.count == 8)
        bench.demand(500)
        #expect(bench.fetches.last?.units == [chunk(500)])
        for i in 0..<20 { bench.demand(1000 + 10 * UInt64(i)) }
        #expect(bench.fetches.count == 12)
    }

    @Test func whatIsPresentIsNotFetched() {
        let bench = SchedulerBench()
        bench.present = [chunk(3)]
        bench.demand(3)
        #expect(bench.fetches.isEmpty && bench.scheduler.entries.isEmpty)
    }

    @Test func anIndexPageComesFirstAtTheSamePriority() {
        let bench = SchedulerBench()
        bench.indexed = true
        bench.request(250..<252, .readahead)
        #expect(bench.fetches.map(\.units) == [[LoadUnit(.indexPage, 2)]])
        #expect(bench.fetches[0].priority == .readahead)
        bench.demand(251)
        #expect(bench.fetches.count == 1)
        bench.answerAll()
        #expect(bench.deliveries[0].priority == .demand)
        bench.deliverAll()
        #expect(Set(bench.fetches.flatMap(\.units)) == [chunk(250), chunk(251)])
        #expect(bench.fetches[0].units.first == chunk(251))
    }

    @Test func aPageThatDoesNotDescribeItsChunkIsABrokenPackage() {
        let bench = SchedulerBench()
        bench.demand(1)
        var other = LoadScheduler(configuration: LoaderConfiguration(), sourceName: "test", seed: 1)
        _ = other.handle(.requested(LoadRequest(unit: chunk(1), priority: .demand)), now: bench.now)
        var failed = false
        for _ in 0..<20 where !failed {
            let actions = other.handle(.located(chunk(1), .needsIndex(LoadUnit(.indexPage, 0))), now: bench.now)
            failed = actions.contains { if case .fail(chunk(1), errno: 5, _) = $0 { true } else { false } }
            _ = other.handle(.located(LoadUnit(.indexPage, 0), .present), now: bench.now)
        }
        #expect(failed && other.entries.isEmpty)
    }

    @Test(arguments: [
        UnitLocation(path: Array("x/../y".utf8), offset: 0, length: 1), UnitLocation(path: [], offset: 0, length: 0),
        UnitLocation(path: [], offset: .max, length: 2), UnitLocation(path: [], offset: 0, length: 1 << 40),
    ])
    func impossiblePlacesAreRefused(_ place: UnitLocation) {
        let bench = SchedulerBench()
        bench.places[chunk(1)] = place
        bench.demand(1)
        #expect(bench.failures[chunk(1)]?.contains("impossible place") == true)
        #expect(bench.fetches.isEmpty && bench.scheduler.entries.isEmpty)
    }

    /// Its readers are answered as it is stored, a moment before the loader hears of that. Who finds a block of it damaged in
    /// between asks for what seems to be under way: he is looked at once more, or nobody would bring it.
    @Test(arguments: [LoadPriority.demand, .readahead]) func whoAsksDuringADeliveryIsNotForgotten(first: LoadPriority) {
        let bench = SchedulerBench()
        bench.request(0..<2, first)
        bench.answerAll()
        bench.demand(0)
        bench.deliverAll()
        #expect(bench.rechecked == [chunk(0)])
        #expect(bench.scheduler.entries.isEmpty && bench.fetches.isEmpty)
        // He asks again, and it comes again.
        bench.present.remove(chunk(0))
        bench.demand(0)
        #expect(bench.fetches.map(\.units) == [[chunk(0)]])
        bench.answerAll()
        bench.deliverAll()
        #expect(bench.rechecked == [chunk(0)])
    }

    @Test func whatIsBufferedIsBounded() {
        let bench = SchedulerBench(size: 1 << 20) { $0.bufferLimit = 4 << 20 }
        bench.request(0..<20, .readahead)
        #expect(bench.fetches.count == 4)
        bench.answerAll()
        #expect(bench.fetches.isEmpty)
        bench.demand(100)
        #expect(bench.fetches.map(\.units) == [[chunk(100)]])
        let first = bench.deliveries.removeFirst()
        bench.send(.delivered(first.part.unit, .stored))
        #expect(bench.scheduler.statistics.bufferedBytes <= 5 << 20)
        bench.deliverAll()
        #expect(bench.fetches.count > 1)
        for _ in 0..<20 {
            bench.answerAll()
            bench.deliverAll()
        }
        #expect(bench.scheduler.statistics.bufferedBytes == 0)
        #expect(bench.scheduler.statistics.stored == 21)
    }
}
