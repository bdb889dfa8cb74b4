import LinuxSystem
import MountTesting
import TestOrigins
import Testing

/// Bytes that change on the disk under a mount: the program sees the right ones, and the origin is asked again. What the volume does for
/// every byte is `CorruptionTests`; here the kernel's page caches lie between, the mount's and the store's.
@Suite(.serialized, .timeLimit(.minutes(3))) struct DamageTests {
    static let count = 6 * 4096 + 777

    @Test func flippedBytesAreFetchedAgainHoweverTheyAreRead() async throws {
        let nginx = try Nginx()
        defer { nginx.stop() }
        try await MountSite.with { site in
            try site.addRandom("data", count: Self.count, seed: 11)
            try await site.publish(to: nginx.root)
            try await site.mount(nginx.address("/app.incfs"))
            try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "30")
            let stored = try await site.shell("find \(site.store)/objects -type f -size \(Self.count)c").split(separator: "\n")
            #expect(stored.count == 1)
            let file = try #require(stored.first)
            var corrupt: UInt64 = 0
            // First, last and middle of blocks, the short last one included; another way of reading each time.
            let places = (0..<7).flatMap { block in [0, 1, 2048, 4095].map { min(block * 4096 + $0, Self.count - 1) } }
            for (i, place) in places.enumerated() {
                let way = TreeOnMountTests.methods[i % TreeOnMountTests.methods.count]
                // Changed on the disk, and out of both page caches.
                try await site.shell("""
                    set -e; byte=$(od -An -tu1 -j \(place) -N 1 '\(file)'); printf "\\\\$(printf %o $((byte ^ 1 << \(i % 8))))" | dd of='\(file)' bs=1 seek=\(place) conv=notrunc status=none
                    sync '\(file)'
                    """)
                for place in [String(file), "\(site.mountpoint)/data"] { #expect(try await site.probe(["forget", place]).finish().status == 0) }
                let asked = try nginx.requests().count { $0.path.hasSuffix(".pack") }
                #expect(try await site.read(way, "data", length: Self.count) == "same", "\(way), byte \(place)")
                let again = try nginx.requests().count { $0.path.hasSuffix(".pack") } - asked
                let status = try await site.status()
                #expect(again >= 1 && status.errors.corruptBlocks > corrupt && status.errors.failedReads == 0, "byte \(place) by \(way): asked \(again) times, \(status.errors)")
                corrupt = status.errors.corruptBlocks
                try await site.incfs("wait", site.mountpoint.string, "--complete", "--timeout", "30")
            }
            #expect(site.log.contains("is damaged in the store"))
        }
    }
}
