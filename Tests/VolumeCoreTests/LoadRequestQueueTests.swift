import LinuxSystem
import Testing
@testable import VolumeCore

@Suite struct LoadRequestQueueTests {
    @Test func demandsComeFirstAndInOrder() {
        let queue = LoadRequestQueue()
        queue.push(LoadRequest(unit: LoadUnit(.chunk, 1), priority: .readahead))
        queue.push(LoadRequest(unit: LoadUnit(.chunk, 2), priority: .demand))
        queue.push(LoadRequest(unit: LoadUnit(.chunk, 3), priority: .demand))
        #expect(queue.drain().map(\.unit.index) == [2, 3, 1])
        #expect(queue.drain().isEmpty)
    }

    @Test func hintsAreBoundedDemandsAreNot() {
        let queue = LoadRequestQueue()
        for i in 0..<UInt64(LoadRequestQueue.hintLimit) { queue.push(LoadRequest(unit: LoadUnit(.chunk, i), priority: .readahead)) }
        queue.push(LoadRequest(unit: LoadUnit(.chunk, 999_999), priority: .readahead))
        for i in 0..<UInt64(LoadRequestQueue.hintLimit + 10) { queue.push(LoadRequest(unit: LoadUnit(.chunk, i), priority: .demand)) }
        let all = queue.drain()
        #expect(all.count == 2 * LoadRequestQueue.hintLimit + 10)
        #expect(!all.contains { $0.unit.index == 999_999 })
    }

    @Test func whatWaitedWakesTheConsumerWhoComesLater() {
        let queue = LoadRequestQueue()
        let woken = Condition(0)
        queue.push(LoadRequest(unit: LoadUnit(.chunk, 1), priority: .demand))
        queue.onPush { woken.update { $0 += 1 } }
        #expect(woken.withLock { $0 } == 1)
        queue.push(LoadRequest(unit: LoadUnit(.chunk, 2), priority: .demand))
        #expect(woken.withLock { $0 } == 2)
        queue.push(contentsOf: [])
        #expect(woken.withLock { $0 } == 2)
    }

    @Test func aClosedQueueTakesNothing() {
        let queue = LoadRequestQueue()
        queue.close()
        queue.push(LoadRequest(unit: LoadUnit(.chunk, 1), priority: .demand))
        #expect(queue.drain().isEmpty)
    }
}
