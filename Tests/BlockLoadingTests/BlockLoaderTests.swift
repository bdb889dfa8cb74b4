import LinuxSystem
import Synchronization
import Testing
import VolumeCore

@testable import BlockLoading

@Suite struct BlockLoaderTests {
    /// A loader at work; cancelled and awaited when `body` returns.
    private func withLoader(
        _ volume: FakeVolume, filling: Bool = false, _ change: (inout LoaderConfiguration) -> Void = { _ in },
        prepare: (FakeSource) -> Void = { _ in }, _ body: (BlockLoader, LoadRequestQueue, FakeSource) async throws -> Void
    ) async rethrows {
        var configuration = LoaderConfiguration()
        configuration.filling = filling
        configuration.backOffBase = 1
        configuration.backOffLimit = 20
        change(&configuration)
        let queue = LoadRequestQueue()
        let source = FakeSource(volume)
        prepare(source)
        let loader = BlockLoader(target: volume, queue: queue, source: source, configuration: configuration)
        let work = Task { await loader.run() }
        do {
            try await body(loader, queue, source)
        } catch {
            work.cancel()
            await work.value
            throw error
        }
        work.cancel()
        await work.value
        #expect(source.state.withLock { $0.running } == 0)
    }
    private func ask(_ queue: LoadRequestQueue, _ indexes: Range<UInt64>, _ priority: LoadPriority = .demand) {
        queue.push(contentsOf: indexes.map { LoadRequest(unit: LoadUnit(.chunk, $0), priority: priority) })
    }

    @Test func bringsWhatIsAskedForOnce() async {
        let volume = FakeVolume(count: 100)
        await withLoader(volume) { loader, queue, source in
            for _ in 0..<50 { ask(queue, 10..<20) }
            #expect(await volume.wait { $0.present.count == 10 })
            ask(queue, 10..<21)
            #expect(await volume.wait { $0.present.count == 11 })
            #expect(volume.state.withLock { $0.deliveries.sorted() } == Array(10..<21))
            #expect(source.state.withLock { $0.reads.map(\.length).reduce(0, +) } == 11_000)
        }
        #expect(volume.state.withLock { $0.present } == Set(10..<21))
    }

    @Test func servesWhatWasAskedForBeforeItRan() async {
        let volume = FakeVolume(count: 10)
        let queue = LoadRequestQueue()
        ask(queue, 3..<4)
        var configuration = LoaderConfiguration()
        configuration.filling = false
        let loader = BlockLoader(target: volume, queue: queue, source: FakeSource(volume), configuration: configuration)
        let work = Task { await loader.run() }
        #expect(await volume.wait { $0.present == [3] })
        work.cancel()
        await work.value
    }

    @Test func fillsToTheEndWithEachByteOnce() async {
        let volume = FakeVolume(count: 5000)
        await withLoader(volume, filling: true, { $0.coalesceLimit = 50_000 }) { loader, _, source in
            #expect(await volume.wait { $0.present.count == 5000 })
            #expect(volume.state.withLock { $0.deliveries.count } == 5000)
            #expect(source.state.withLock { $0.reads.map(\.length).reduce(0, +) } == 5_000_000)
            #expect(source.state.withLock { $0.most } <= 8)
            #expect(source.state.withLock { $0.reads.count } < 1000)
        }
    }

    @Test func loadsTheIndexFirst() async {
        let volume = FakeVolume(count: 10)
        volume.state.withLock { $0.indexLoaded = false }
        await withLoader(volume) { _, queue, source in
            ask(queue, 7..<8)
            #expect(await volume.wait { $0.present == [7] })
            #expect(source.state.withLock { $0.reads.map(\.length) } == [16, 1000])
        }
    }

    @Test func survivesAnOutageAndSaysWhyReadersWait() async {
        let volume = FakeVolume(count: 50)
        await withLoader(volume, filling: true, prepare: { $0.state.update { $0.error = SourceError(.unreachable, "cannot reach fake://origin: refused") } }) { _, queue, source in
            ask(queue, 1..<2)
            #expect(await volume.wait { $0.reasons.last??.contains("refused; trying again in") == true })
            source.state.update { $0.error = nil }
            #expect(await volume.wait { $0.present.count == 50 && $0.reasons.last == .some(nil) })
            #expect(volume.state.withLock { $0.failures.isEmpty })
        }
    }

    @Test func healsOneDamagedAnswer() async {
        let volume = FakeVolume(count: 10)
        await withLoader(volume, prepare: { $0.state.update { $0.damage = 1 } }) { loader, queue, source in
            ask(queue, 4..<5)
            #expect(await volume.wait { $0.present == [4] })
            #expect(source.state.withLock { $0.reads.map(\.bypass) } == [false, true])
        }
    }

    @Test func givesUpAfterThreeDamagedAnswers() async {
        let volume = FakeVolume(count: 10)
        await withLoader(volume, prepare: { $0.state.update { $0.damage = 3 } }) { loader, queue, source in
            // Who is told of the failure finds it counted.
            volume.state.update { $0.onFailure = { #expect(loader.statistics.damaged == 1 && loader.statistics.skippedReason != nil) } }
            ask(queue, 4..<5)
            #expect(await volume.wait { $0.failures[4]?.contains("fake://origin") == true })
            #expect(source.state.withLock { $0.reads.count } == 3)
            ask(queue, 4..<5)
            #expect(await volume.wait { $0.present == [4] })
        }
    }

    @Test func aSourceThatBreaksItsWordIsRetried() async {
        let volume = FakeVolume(count: 10)
        await withLoader(volume, prepare: { $0.state.update { $0.short = true } }) { _, queue, source in
            ask(queue, 4..<5)
            #expect(await volume.wait { $0.reasons.last??.contains("gave 999 bytes where 1000") == true })
            source.state.update { $0.short = false }
            #expect(await volume.wait { $0.present == [4] })
        }
    }

    @Test func waitsForRoomInTheStore() async {
        let volume = FakeVolume(count: 100)
        volume.state.withLock { $0.storageError = 28 }
        await withLoader(volume, filling: true) { loader, queue, source in
            ask(queue, 0..<1)
            #expect(await volume.wait { $0.reasons.last??.contains("No space left") == true })
            volume.state.update { $0.storageError = nil }
            #expect(await volume.wait { $0.present.count == 100 && $0.reasons.last == .some(nil) })
            #expect(source.state.withLock { $0.reads.map(\.length).reduce(0, +) } == 100_000)
        }
    }

    @Test func cancellationLeavesNothingRunning() async {
        let volume = FakeVolume(count: 20, size: 100_000)
        await withLoader(volume, filling: true, prepare: { $0.state.update { $0.hang = true } }) { loader, queue, source in
            ask(queue, 0..<20)
            #expect(await eventually { source.state.withLock { $0.running } >= 8 })
        }
        #expect(volume.state.withLock { $0.present.isEmpty && $0.reasons.last == .some(nil) })
    }

    /// The word to stop and the end of a fetch may come in one mail: the loader must not wait for that fetch any more.
    @Test func stoppingWhileAnswersArriveAlwaysEnds() async {
        for _ in 0..<400 {
            let volume = FakeVolume(count: 50)
            await withLoader(volume) { _, queue, source in
                ask(queue, 0..<50)
                while source.state.withLock({ $0.reads.isEmpty }) { await Task.yield() }
            }
        }
    }

    @Test func switchingTheFillOffAndOn() async {
        let volume = FakeVolume(count: 20)
        await withLoader(volume) { loader, queue, source in
            loader.setFilling(true)
            #expect(await volume.wait { $0.present.count == 20 })
            // It has looked for more, found nothing, and rests: else it might look again before it hears that it is off.
            #expect(await eventually { loader.statistics.fillDone })
            loader.setFilling(false)
            volume.state.update { $0.present = [] }
            ask(queue, 5..<6)
            #expect(await volume.wait { $0.present == [5] })
            loader.setFilling(true)
            #expect(await volume.wait { $0.present.count == 20 })
        }
    }

    @Test func statisticsTellWhatHappened() async {
        let volume = FakeVolume(count: 20)
        await withLoader(volume, filling: true) { loader, _, _ in
            #expect(await eventually { loader.statistics.fillDone })
            let statistics = loader.statistics
            #expect(statistics.stored == 20 && statistics.bytesStored == 20_000 && statistics.bytesFetched == 20_000)
            #expect(statistics.inFlight == 0 && statistics.bufferedBytes == 0 && statistics.waitReason == nil)
        }
    }
}
