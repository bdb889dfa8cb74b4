import LinuxSystem
import Testing
import VolumeCore

@testable import BlockLoading

@Suite struct LoadSchedulerFillTests {
    /// Runs until nothing is on the wire; each turn takes `milliseconds`.
    private func finish(_ bench: SchedulerBench, milliseconds: UInt64 = 10) -> Int {
        var turns = 0
        while !bench.fetches.isEmpty && turns < 10_000 {
            turns += 1
            bench.now = bench.now.adding(milliseconds: milliseconds)
            bench.answerAll()
            bench.deliverAll()
        }
        return turns
    }

    @Test func fetchesAllInOrderEachOnceAndThenIsDone() {
        let bench = SchedulerBench(filling: true)
        bench.missing = chunks(0..<1000)
        bench.plan()
        #expect(!bench.scheduler.statistics.fillDone)
        _ = finish(bench)
        #expect(bench.present.count == 1000)
        let statistics = bench.scheduler.statistics
        #expect(statistics.stored == 1000 && statistics.fillDone)
        #expect(statistics.bytesFetched == 1000 << 16)
        #expect(statistics.requests < 200)
        let asked = bench.questions
        bench.advance(10)
        #expect(bench.questions == asked)
        bench.missing += [chunk(2000)]
        bench.advance(40_000)
        #expect(bench.fetches.map(\.units) == [[chunk(2000)]])
    }

    @Test func startsNothingWhileADemandIsReady() {
        let bench = SchedulerBench(filling: true) { $0.maximumRequests = 2; $0.demandReserve = 0 }
        bench.demand(5000)
        bench.demand(6000)
        bench.demand(7000)
        bench.missing = chunks(0..<100)
        bench.plan()
        #expect(bench.fetches.map(\.priority) == [.demand, .demand])
        bench.answerAll()
        #expect(bench.fetches.first?.units == [chunk(7000)])
    }

    @Test func keepsSmallShortlyAfterADemand() {
        let bench = SchedulerBench(filling: true)
        bench.missing = chunks(0..<10_000)
        bench.plan()
        // 50 Mbit/s: let it learn the rate.
        for _ in 0..<20 {
            let bytes = bench.fetches.map(\.length).reduce(0, +)
            bench.now = bench.now.adding(milliseconds: UInt64(bytes * 1000 / 6_250_000) + 20)
            bench.answerAll()
            bench.deliverAll()
        }
        let idle = bench.scheduler.backgroundOnWire.bytes
        #expect(idle >= 512 << 10 && idle <= 2 << 20)
        bench.demand(50_000)
        let before = bench.fetches.count
        let wire = bench.takeFetches()
        for fetch in wire where fetch.priority == .background { bench.send(.fetched(fetch.id)) }
        bench.deliverAll()
        #expect(before > 1)
        // The demand waits: the fill starts nothing beside it.
        #expect(bench.scheduler.backgroundOnWire.requests == 0)
        for fetch in wire where fetch.priority == .demand { bench.send(.fetched(fetch.id)) }
        bench.deliverAll()
        bench.advance(LoadScheduler.quietAfterDemand - 1)
        #expect(bench.scheduler.backgroundOnWire.requests == 0)
        // Then, shortly after a demand, one unit at a time.
        bench.advance(1)
        #expect(bench.scheduler.backgroundOnWire.requests == 1)
        #expect(bench.fetches.map(\.units.count) == [1])
    }

    @Test func aProgramThatAsksForEverDoesNotStopTheFillForEver() {
        let bench = SchedulerBench(filling: true)
        bench.missing = chunks(0..<1000)
        bench.plan()
        var background = 0
        for step in 0..<500 {
            // A demand every 20 ms, for 10 s.
            bench.demand(50_000 + UInt64(step))
            background += bench.fetches.filter { $0.priority == .background }.count
            bench.answerAll()
            bench.deliverAll()
            bench.advance(20)
        }
        // What was started before the first demand, and then one request a second.
        #expect(background >= 8 && background <= 40)
    }

    @Test func canBeSwitchedOffAndOn() {
        let bench = SchedulerBench()
        bench.missing = chunks(0..<10)
        bench.plan()
        #expect(bench.fetches.isEmpty && bench.questions == 0)
        bench.send(.setFilling(true))
        #expect(bench.fetches.count == 1)
        bench.send(.setFilling(false))
        _ = finish(bench)
        let got = bench.present.count
        #expect(got < 11)
        bench.send(.setFilling(true))
        _ = finish(bench)
        #expect(bench.present.count == 10 && bench.scheduler.statistics.fillDone)
    }

    @Test func looksAgainWhenAnIndexPageHasTaughtItMore() {
        let bench = SchedulerBench(filling: true)
        bench.missing = [LoadUnit(.indexPage, 0)]
        bench.plan()
        bench.answerAll()
        bench.missing += chunks(0..<5)
        bench.deliverAll()
        _ = finish(bench)
        #expect(bench.present.count == 6 && bench.scheduler.statistics.fillDone)
    }

    @Test func passesOverAFileThatIsGoneUntilSomebodyAsks() {
        let bench = SchedulerBench(filling: true)
        bench.missing = chunks(0..<500) + [LoadUnit(.indexPage, 7)]
        bench.plan()
        var requests = 0
        while !bench.fetches.isEmpty {
            for fetch in bench.takeFetches() {
                requests += 1
                if fetch.path.isEmpty { bench.send(.fetched(fetch.id)) } else { bench.send(.fetchFailed(fetch.id, SourceError(.final(errno: 5), "gone"))) }
            }
            bench.deliverAll()
        }
        #expect(requests < 30)
        #expect(bench.present == [LoadUnit(.indexPage, 7)])
        #expect(bench.failures.isEmpty)
        #expect(bench.scheduler.statistics.skipped == 500)
        #expect(bench.scheduler.statistics.skippedReason == "gone" && bench.scheduler.statistics.lastError == "gone" && bench.scheduler.statistics.damaged == 0)
        for _ in 0..<5 { bench.advance(1001) }
        #expect(bench.fetches.isEmpty && bench.scheduler.statistics.fillDone)
        bench.demand(3)
        #expect(bench.fetches.map(\.units) == [[chunk(3)]])
        bench.answerAll()
        bench.deliverAll()
        let rounds = bench.scheduler.statistics.fillRounds
        bench.send(.setFilling(true))
        #expect(bench.scheduler.statistics.fillRounds == rounds + 1 && bench.scheduler.statistics.skippedReason == nil)
        bench.advance(LoadScheduler.quietAfterDemand)
        _ = finish(bench)
        #expect(bench.present.count == 501)
    }

    @Test func aVolumeThatAlwaysNamesWhatIsThereDoesNotSpin() {
        let bench = SchedulerBench(filling: true)
        bench.missing = chunks(0..<3)
        bench.plan()
        _ = finish(bench)
        // The volume believes that it is missing, and answers "present" when asked where it lies.
        var scheduler = LoadScheduler(configuration: LoaderConfiguration(), sourceName: "test", seed: 1)
        var questions = 0
        var pending = scheduler.plan(now: bench.now)
        var passEnds = false
        while !pending.isEmpty && questions < 50 {
            switch pending.removeFirst() {
            case .askMissing:
                questions += 1
                pending += scheduler.handle(.missing(passEnds ? [] : [chunk(1)]), now: bench.now)
                passEnds.toggle()
            case .locate(let unit): pending += scheduler.handle(.located(unit, .present), now: bench.now)
            default: break
            }
            if pending.isEmpty { pending += scheduler.plan(now: bench.now) }
        }
        #expect(questions <= 2)
    }

    // MARK: The free space that is kept

    /// Small files in a chunk take more of the disk than the chunk is long: what counts is what storing takes.
    @Test func theFillStartsNothingThatCouldTakeMoreRoomThanThereIs() {
        let bench = SchedulerBench(size: 10, filling: true)
        bench.missing = chunks(0..<100)
        for i in 0..<100 { bench.places[chunk(UInt64(i))] = UnitLocation(path: [1], offset: UInt64(i) * 10, length: 10, storeBytes: 1000) }
        bench.send(.room(4500))
        #expect(bench.fetches.flatMap(\.units) == chunks(0..<4))
        // What is fetched and not yet stored still claims its room.
        bench.answerAll()
        bench.send(.room(4500))
        #expect(bench.fetches.isEmpty && bench.deliveries.count == 4 && !bench.scheduler.statistics.lacksRoom)
        bench.send(.room(999))
        bench.deliverAll()
        bench.send(.room(999))
        #expect(bench.fetches.isEmpty && bench.scheduler.statistics.lacksRoom)
        // One byte short of what a start after a stop asks for; then just that.
        bench.send(.room(3999))
        #expect(bench.fetches.isEmpty && bench.scheduler.statistics.lacksRoom)
        bench.send(.room(4000))
        #expect(!bench.scheduler.statistics.lacksRoom)
        #expect(bench.fetches.flatMap(\.units) == chunks(4..<8))
    }

    @Test func aFailedRequestClaimsNoRoom() {
        let bench = SchedulerBench(size: 10, filling: true)
        bench.missing = chunks(0..<1)
        bench.places[chunk(0)] = UnitLocation(path: [1], offset: 0, length: 10, storeBytes: 1000)
        bench.send(.room(1000))
        #expect(bench.fetches.count == 1)
        bench.failAll(.temporary)
        while bench.fetches.isEmpty && bench.advanceToDeadline() {}
        #expect(bench.fetches.map(\.units) == [[chunk(0)]])
    }

    @Test func readersAreServedWhereTheFillLacksRoom() {
        let bench = SchedulerBench(filling: true)
        bench.missing = chunks(0..<10)
        bench.send(.room(0))
        bench.send(.room(0))
        #expect(bench.fetches.isEmpty && bench.scheduler.statistics.lacksRoom)
        bench.demand(5)
        #expect(bench.fetches.map(\.units) == [[chunk(5)]])
        // It is looked at again by itself, and goes on when the limit is gone.
        #expect(bench.scheduler.nextDeadline(now: bench.now) != nil)
        bench.send(.room(nil))
        bench.answerAll()
        bench.advance(2000)
        #expect(!bench.scheduler.statistics.lacksRoom && !bench.fetches.isEmpty)
    }
}
