import LinuxSystem
import Testing
@testable import VolumeCore

@Suite struct RefusedWindowsTests {
    private func time(_ milliseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000) }

    @Test func theSameWindowByTheSameThreadWithinASecondIsDemand() {
        let windows = Windows()
        #expect(!windows.isRepeated(processID: 5, node: 1, offset: 0, size: 131072, now: time(0)))
        #expect(windows.isRepeated(processID: 5, node: 1, offset: 0, size: 131072, now: time(10)))
        // It was parked: the next one starts afresh.
        #expect(!windows.isRepeated(processID: 5, node: 1, offset: 0, size: 131072, now: time(20)))
    }

    @Test func aSinglePageReadInBetweenMakesItReadaheadAgain() {
        let windows = Windows()
        #expect(!windows.isRepeated(processID: 5, node: 1, offset: 0, size: 131072, now: time(0)))
        windows.sawSinglePage(processID: 5)
        #expect(!windows.isRepeated(processID: 5, node: 1, offset: 0, size: 131072, now: time(10)))
    }

    @Test func otherThreadsWindowsAndLaterOnesAreReadahead() {
        let windows = Windows()
        #expect(!windows.isRepeated(processID: 5, node: 1, offset: 0, size: 131072, now: time(0)))
        #expect(!windows.isRepeated(processID: 6, node: 1, offset: 0, size: 131072, now: time(1)))
        #expect(!windows.isRepeated(processID: 5, node: 2, offset: 0, size: 131072, now: time(2)))
        #expect(!windows.isRepeated(processID: 5, node: 2, offset: 0, size: 65536, now: time(3)))
        #expect(!windows.isRepeated(processID: 5, node: 2, offset: 4096, size: 65536, now: time(4)))
        #expect(!windows.isRepeated(processID: 5, node: 2, offset: 4096, size: 65536, now: time(1005)))
    }
}

/// `#expect` takes no mutating call.
private final class Windows {
    private var windows = RefusedWindows()
    func isRepeated(processID: UInt32, node: UInt32, offset: UInt64, size: UInt32, now: MonotonicTime) -> Bool {
        windows.isRepeated(processID: processID, node: node, offset: offset, size: size, now: now)
    }
    func sawSinglePage(processID: UInt32) { windows.sawSinglePage(processID: processID) }
}
