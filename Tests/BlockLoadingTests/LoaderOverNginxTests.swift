import BlockLoading
import HTTPSource
import Testing
import TestOrigins
import VolumeCore

/// The loader, the HTTP source and a real web server together.
@Suite struct LoaderOverNginxTests {
    @Test func fillsWhileReadersDemandThroughARestartOfTheServerFetchingNothingTwice() async throws {
        let nginx = try Nginx(extra: "limit_rate 1m;")
        defer { nginx.stop() }
        let volume = FakeVolume(count: 200, size: 10_000)
        try nginx.put("app.incfs", [])
        try nginx.put("pack", volume.pack)
        let source = try HTTPSource(address: nginx.address("/app.incfs"))
        let queue = LoadRequestQueue()
        var configuration = LoaderConfiguration()
        configuration.backOffBase = 5
        configuration.backOffLimit = 50
        configuration.coalesceLimit = 50_000
        let loader = BlockLoader(target: volume, queue: queue, source: source, configuration: configuration)
        let work = Task { await loader.run() }
        queue.push(LoadRequest(unit: LoadUnit(.chunk, 150), priority: .demand))
        #expect(await volume.wait { $0.present.contains(150) && $0.present.count > 40 })
        nginx.interrupt()
        #expect(await volume.wait { $0.reasons.last??.contains("connection refused; trying again in") == true })
        try nginx.start()
        #expect(await volume.wait { $0.present.count == 200 && $0.reasons.last == .some(nil) })
        #expect(await eventually { loader.statistics.fillDone })
        work.cancel()
        await work.value
        await source.shutdown()
        nginx.interrupt()

        #expect(volume.state.withLock { $0.deliveries.count } == 200 && volume.state.withLock { $0.failures.isEmpty })
        #expect(loader.statistics.bytesStored == 2_000_000 && loader.statistics.bytesFetched == 2_000_000)
        // Complete answers only: those cut off by the restart were never delivered.
        let complete = try nginx.requests().filter { request in
            let ends = request.range.dropFirst(6).split(separator: "-").compactMap { Int($0) }
            return request.status == 206 && ends.count == 2 && request.bytes == ends[1] - ends[0] + 1
        }
        #expect(complete.map(\.bytes).reduce(0, +) <= 2_000_000 + 8 * 50_000)
        #expect(Set(complete.map(\.connection)).count <= 30)
    }
}
