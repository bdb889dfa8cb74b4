import LinuxSystem
import Testing
@testable import VolumeCore

@Suite struct AtomicBitmapTests {
    @Test(arguments: [0, 1, 63, 64, 65, 128, 1000]) func bitsAreIndependent(count: Int) {
        let bits = AtomicBitmap(count: count)
        for i in stride(from: 0, to: count, by: 3) { #expect(bits.set(i)) }
        for i in 0..<count { #expect(bits[i] == (i % 3 == 0)) }
        for i in stride(from: 0, to: count, by: 3) { #expect(!bits.set(i)) }
        for i in stride(from: 0, to: count, by: 6) { #expect(bits.clear(i)); #expect(!bits.clear(i)) }
        for i in 0..<count { #expect(bits[i] == (i % 3 == 0 && i % 6 != 0)) }
    }

    @Test(arguments: [1, 64, 65, 200]) func firstClearFindsExactlyTheFirst(count: Int) {
        let bits = AtomicBitmap(count: count)
        for i in 0..<count {
            #expect(bits.firstClear(from: 0) == i)
            #expect(bits.firstClear(from: i) == i)
            bits.set(i)
        }
        #expect(bits.firstClear(from: 0) == nil)
        #expect(bits.firstClear(from: count) == nil)
    }

    @Test func concurrentSettersCountEachBitOnce() {
        let bits = AtomicBitmap(count: 4096)
        let won = Condition(0)
        let threads = (0..<4).map { _ in
            Thread(name: "setter") {
                var mine = 0
                for i in 0..<4096 where bits.set(i) { mine += 1 }
                won.update { $0 += mine }
            }
        }
        for thread in threads { thread.join() }
        #expect(won.withLock { $0 } == 4096)
    }
}
