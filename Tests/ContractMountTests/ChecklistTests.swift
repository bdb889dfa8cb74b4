import LinuxSystem
import MountTesting
import Testing

extension ContractMounts {
    /// The check-list of the published interface, row by row, against real mounts: a C program with raw ioctls.
    @Suite(.serialized, .timeLimit(.minutes(5))) struct ChecklistTests {
        /// Rows 20 and 21 look at what no FUSE server can show: they run with the library that stands in for it.
        private static let shim = """
            cc -shared -fPIC -o "$SITE/shim.so" "$SOURCES/ContractShim/shim.c" -ldl
            """

        /// What the rows have in common: counters as a directory, a place for certificates, a working directory.
        static let prologue = """
            set -e
            cd "$SITE"; mkdir -p counters trusted work
            export INCFS_TRUSTED_CERTIFICATES="$SITE/trusted"
            bin/incfs counters --serve counters
            cd work
            """

        static func environment(_ site: MountSite) -> [String: String] {
            ["SITE": site.directory.string, "SOURCES": FilePath(#filePath).removingLastComponent().removingLastComponent().string]
        }

        @Test(arguments: Array(1...27)) func row(number: Int) async throws {
            try await MountSite.with { site in
                let preload = number == 20 || number == 21
                let script = [
                    preload ? Self.shim : "", Self.prologue,
                    (preload ? "LD_PRELOAD=$SITE/shim.so " : "")
                        + "../bin/contract-checklist --helper ../bin/incfs-contractd --counters ../counters --slack 500 --big 1 -t \(number)",
                    "umount ../counters",
                ].joined(separator: "\n")
                let result = try await site.start("/bin/sh", ["-c", script], environment: Self.environment(site)).finish(seconds: 200)
                #expect(result.status == 0, "\(result)")
            }
        }
    }
}
