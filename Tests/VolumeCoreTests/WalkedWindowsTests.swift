import LinuxSystem
import Testing
@testable import VolumeCore

@Suite struct WalkedWindowsTests {
    private func time(_ milliseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000) }

    @Test func aWindowIsGivenOnceToAReadInIt() {
        var windows = WalkedWindows()
        windows.refused(node: 3, 8192..<139_264, now: time(0))
        var found = windows.take(node: 4, at: 8192, now: time(1))
        #expect(found == nil)
        found = windows.take(node: 3, at: 4096, now: time(1))
        #expect(found == nil)
        found = windows.take(node: 3, at: 139_264, now: time(1))
        #expect(found == nil)
        #expect(windows.count == 1)
        found = windows.take(node: 3, at: 12288, now: time(1))
        #expect(found == 139_264)
        #expect(windows.count == 0)
        found = windows.take(node: 3, at: 12288, now: time(1))
        #expect(found == nil)
    }

    @Test func overlappingWindowsGoTogether() {
        var windows = WalkedWindows()
        windows.refused(node: 3, 0..<131_072, now: time(0))
        windows.refused(node: 3, 65536..<262_144, now: time(0))
        let found = windows.take(node: 3, at: 65536, now: time(1))
        #expect(found == 262_144)
        #expect(windows.count == 0)
    }

    @Test func whatIsOldIsForgotten() {
        var windows = WalkedWindows()
        windows.refused(node: 3, 0..<131_072, now: time(0))
        let found = windows.take(node: 3, at: 0, now: time(1001))
        #expect(found == nil)
        #expect(windows.count == 0)
    }

    @Test func theOldestGivesWay() {
        var windows = WalkedWindows(capacity: 2)
        for node: UInt32 in 1...3 { windows.refused(node: node, 0..<131_072, now: time(0)) }
        #expect(windows.count == 2)
        let oldest = windows.take(node: 1, at: 0, now: time(1))
        #expect(oldest == nil)
        let newest = windows.take(node: 3, at: 0, now: time(1))
        #expect(newest == 131_072)
    }
}
