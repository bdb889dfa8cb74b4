import LinuxSystem
import Testing
import VolumeCore

@testable import BlockLoading

@Suite struct LoadSchedulerFailureTests {
    @Test func anOutageCostsOneRequestPerBackOffAndEndsByItself() {
        let bench = SchedulerBench(filling: true)
        bench.missing = chunks(100..<400)
        bench.demand(0)
        bench.request(10..<14, .readahead)
        bench.failAll(.unreachable, "cannot reach http://h/x: connection refused")
        #expect(bench.reasons.last??.hasPrefix("cannot reach http://h/x: connection refused; trying again in ") == true)
        let before = bench.scheduler.statistics.requests
        let start = bench.now
        for _ in 0..<20 {
            #expect(bench.fetches.isEmpty)
            #expect(bench.advanceToDeadline())
            if bench.fetches.isEmpty { continue }
            #expect(bench.fetches.count == 1 && bench.fetches[0].priority == .demand)
            bench.demand(0)
            bench.request(10..<14, .readahead)
            #expect(bench.fetches.count == 1)
            bench.failAll(.unreachable, "cannot reach http://h/x: connection refused")
        }
        let probes = bench.scheduler.statistics.requests - before
        #expect(probes >= 10)
        // The back-off grows to 10 s: that many probes take a while.
        #expect(bench.now.since(start) / 1_000_000_000 >= probes)
        while bench.fetches.isEmpty { #expect(bench.advanceToDeadline()) }
        bench.answerAll()
        #expect(bench.reasons.last == .some(nil))
        #expect(bench.fetches.count >= 4)
        for _ in 0..<200 {
            bench.answerAll()
            bench.deliverAll()
            bench.now = bench.now.adding(milliseconds: 20)
        }
        #expect(bench.scheduler.statistics.stored == 305)
        #expect(bench.failures.isEmpty)
    }

    @Test func requestsThatFailTogetherBackOffOnce() {
        let bench = SchedulerBench { $0.backOffLimit = 1_000_000 }
        bench.request(0..<8, .readahead)
        #expect(bench.fetches.count == 8)
        bench.failAll(.unreachable)
        let wait = bench.scheduler.circuit.until!.since(bench.now)
        #expect(wait <= 250_000_000)
    }

    @Test func patienceIsHonouredUpToALimit() {
        let bench = SchedulerBench()
        bench.demand(0)
        bench.failAll(.throttled(retryAfter: .seconds(30)))
        bench.advance(29_000)
        #expect(bench.fetches.isEmpty)
        bench.advance(1_001)
        #expect(bench.fetches.count == 1)
        bench.failAll(.throttled(retryAfter: .seconds(1 << 40)))
        bench.advance(600_001)
        #expect(bench.fetches.count == 1)
    }

    @Test func anAnswerOnTheWayDoesNotCutPatienceShort() {
        let bench = SchedulerBench()
        bench.demand(0)
        bench.demand(10)
        let both = bench.takeFetches()
        bench.send(.fetchFailed(both[0].id, SourceError(.throttled(retryAfter: .seconds(30)), "wait")))
        bench.send(.fetched(both[1].id))
        #expect(bench.fetches.isEmpty)
        bench.advance(30_001)
        #expect(bench.fetches.map(\.units) == [[chunk(0)]])
    }

    @Test func aTemporaryFailureRetriesItsOwnUnitsAlone() {
        let bench = SchedulerBench()
        bench.demand(0)
        bench.failAll(.temporary, "http://h/x answered 500")
        #expect(bench.reasons.last??.contains("answered 500; trying again in 1 s") == true)
        bench.demand(10)
        #expect(bench.fetches.map(\.units) == [[chunk(10)]])
        bench.answerAll()
        bench.deliverAll()
        #expect(bench.advanceToDeadline())
        #expect(bench.fetches.map(\.units) == [[chunk(0)]])
        bench.answerAll()
        bench.deliverAll()
        #expect(bench.reasons.last == .some(nil))
        #expect(bench.scheduler.statistics.retries == 1)
    }

    @Test func manyTemporaryFailuresInARowAreAnOutage() {
        let bench = SchedulerBench()
        for i in 0..<4 { bench.demand(UInt64(i) * 10) }
        bench.failAll(.temporary)
        bench.demand(100)
        #expect(bench.fetches.isEmpty)
    }

    @Test func aFinalAnswerEndsTheWaitAtOnce() {
        let bench = SchedulerBench()
        bench.demand(0)
        bench.failAll(.final(errno: 5), "http://h/pack does not exist (404)")
        #expect(bench.failures == [chunk(0): "http://h/pack does not exist (404)"])
        #expect(bench.scheduler.entries.isEmpty)
        bench.demand(0)
        #expect(bench.fetches.count == 1)
    }

    @Test func aSharedRequestThatIsRefusedIsTriedUnitByUnit() {
        let bench = SchedulerBench { $0.maximumRequests = 1; $0.demandReserve = 0 }
        bench.demand(50)
        bench.request(0..<2, .demand)
        bench.answerAll()
        #expect(bench.fetches.map(\.units) == [chunks(0..<2)])
        bench.failAll(.final(errno: 5))
        #expect(bench.failures.isEmpty)
        #expect(bench.fetches.map(\.units) == [[chunk(0)]])
        bench.answerAll()
        #expect(bench.fetches.map(\.units) == [[chunk(1)]])
        bench.failAll(.final(errno: 5))
        #expect(Array(bench.failures.keys) == [chunk(1)])
    }

    @Test func aPageThatCannotBeHadFailsItsChunks() {
        let bench = SchedulerBench()
        bench.indexed = true
        bench.request(0..<3, .demand)
        bench.failAll(.final(errno: 5), "gone")
        #expect(Set(bench.failures.keys) == Set(chunks(0..<3) + [LoadUnit(.indexPage, 0)]))
        #expect(bench.scheduler.entries.isEmpty)
    }

    @Test func wrongBytesAreFetchedAgainAroundCachesAndThenGivenUp() {
        let bench = SchedulerBench()
        bench.demand(0)
        #expect(bench.fetches[0].options == ReadOptions())
        bench.answerAll()
        bench.deliverAll(.corrupt)
        #expect(bench.fetches.map(\.units) == [[chunk(0)]])
        #expect(bench.fetches[0].options == ReadOptions(bypassCaches: true))
        bench.answerAll()
        bench.deliverAll(.corrupt)
        #expect(bench.fetches.isEmpty && bench.failures.isEmpty)
        #expect(bench.advanceToDeadline())
        bench.answerAll()
        bench.deliverAll(.corrupt)
        #expect(bench.failures[chunk(0)]?.contains("does not match its digest (answer 3 of 3)") == true)
        #expect(bench.scheduler.statistics.corrupt == 3 && bench.scheduler.statistics.bufferedBytes == 0)
        #expect(bench.released.count == 3)
    }

    @Test func aNeighbourOfWrongBytesIsKept() {
        let bench = SchedulerBench { $0.maximumRequests = 1; $0.demandReserve = 0 }
        bench.demand(50)
        bench.request(0..<2, .readahead)
        bench.answerAll()
        bench.deliverAll()
        bench.answerAll()
        bench.send(.delivered(chunk(0), .stored))
        bench.send(.delivered(chunk(1), .corrupt))
        #expect(bench.fetches.map(\.units) == [[chunk(1)]])
    }

    @Test func aFullDiskKeepsTheBytesAndTheReaders() {
        let bench = SchedulerBench(filling: true)
        bench.missing = chunks(100..<2000)
        bench.demand(0)
        bench.answerAll()
        bench.deliverAll(.storageFailed(28))
        #expect(bench.failures.isEmpty)
        #expect(bench.reasons.last??.contains("store cannot take") == true)
        bench.answerAll()
        #expect(bench.deliveries.isEmpty && bench.fetches.isEmpty)
        let requests = bench.scheduler.statistics.requests
        var tries = 0
        for _ in 0..<30 {
            #expect(bench.advanceToDeadline())
            tries += bench.deliveries.count
            #expect(bench.deliveries.allSatisfy { $0.part.unit == chunk(0) })
            bench.deliverAll(.storageFailed(28))
        }
        #expect(tries >= 20)
        #expect(bench.scheduler.statistics.requests == requests)
        while bench.deliveries.isEmpty { #expect(bench.advanceToDeadline()) }
        bench.deliverAll()
        #expect(bench.reasons.last == .some(nil))
        // The reader has his bytes; the fill goes on when he has been quiet for a while.
        bench.advance(LoadScheduler.quietAfterDemand)
        #expect(!bench.deliveries.isEmpty || !bench.fetches.isEmpty)
        for _ in 0..<300 {
            bench.deliverAll()
            bench.answerAll()
            bench.now = bench.now.adding(milliseconds: 20)
        }
        #expect(bench.scheduler.statistics.stored == 1901)
        #expect(bench.scheduler.statistics.bytesFetched == 1901 << 16)
    }
}
