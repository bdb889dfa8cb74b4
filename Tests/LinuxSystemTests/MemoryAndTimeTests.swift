import Glibc
import LinuxSystem
import Testing

@Suite struct MemoryAndTimeTests {
    @Test(arguments: [(0, 4096), (1, 4096), (4096, 4096), (4097, 8192)])
    func buffersAreWholePages(_ count: Int, _ length: Int) {
        let buffer = AlignedBuffer(count: count, resident: true)
        #expect(buffer.bytes.count == length && UInt(bitPattern: buffer.bytes.baseAddress) % 4096 == 0)
        #expect(buffer.bytes.allSatisfy { $0 == 0 })
    }

    @Test func releasedPagesReadAsZero() {
        let buffer = AlignedBuffer(count: 8192)
        buffer.bytes.initializeMemory(as: UInt8.self, repeating: 0xff)
        buffer.releasePages()
        #expect(buffer.bytes.allSatisfy { $0 == 0 })
    }

    @Test func timesAreOrderedAndDifferencesNeverNegative() {
        let a = MonotonicTime.now, b = a.adding(milliseconds: 5)
        #expect(a < b && b.since(a) == 5_000_000 && a.since(b) == 0)
        #expect(MonotonicTime.now >= a)
    }

    @Test func aThreadHasItsNameCutToWhatTheKernelKeeps() {
        let name = Condition<[UInt8]?>(nil)
        let thread = Thread(name: "a-name-that-is-too-long") {
            let text = try? SystemCalls.contents(of: "/proc/thread-self/comm", limit: 64)
            name.update { $0 = text ?? [] }
        }
        #expect(name.wait { $0 } == Array("a-name-that-is-\n".utf8))
        thread.join()
    }
}
