import Glibc
import LinuxSystem
import MountTesting
import Testing

/// The tests' own workshop: whatever a test leaves in it goes when the test ends.
@Suite(.timeLimit(.minutes(1))) struct SiteTests {
    @Test func aSiteLeavesNothing() async throws {
        let site = try await MountSite()
        let stray = try site.startShell("trap '' TERM INT HUP; echo here; exec sleep 1000")
        #expect(try await stray.line() == "here")
        try site.addRandom("f", count: 1 << 20, seed: 1)
        try await site.publish()
        try await site.mount()
        let user = try site.startShell("cd \(site.mountpoint) && exec sleep 1000 < f")
        try await eventually("there are processes") { site.processes.count >= 4 ? true : nil }
        #expect(site.mounts == [site.mountpoint.string])
        try await site.close()
        #expect(site.processes == [] && access("\(site.directory)", F_OK) != 0)
        _ = try await (stray.finish(seconds: 5), user.finish(seconds: 5))
    }

    /// The kernel gives a namespace's number to the next one as soon as it has ended.
    @Test func theProcessesOfALaterSiteAreNotThoseOfAnEarlierOne() async throws {
        let earlier = try await MountSite()
        try await earlier.close()
        let later = try await MountSite()
        let user = try later.startShell("exec sleep 1000")
        try await eventually("it runs") { later.processes == ["sleep"] ? true : nil }
        #expect(earlier.processes == [])
        try await later.close()
        _ = try await user.finish(seconds: 5)
    }
}
