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

        static func environment(_ site: MountSite) -> [String: String] {
            ["SITE": site.directory.string, "SOURCES": FilePath(#filePath).removingLastComponent().removingLastComponent().string]
        }

        /// As an ordinary user all but 18, whose reads are those of several users, and 27, which mounts over a mount.
        private static let rows = (1...27).map { (MountSite.User.root, $0) } + (1...27).filter { $0 != 18 && $0 != 27 }.map { (.nobody, $0) }

        @Test(arguments: rows) func row(user: MountSite.User, number: Int) async throws {
            let preload = number == 20 || number == 21
            try await ContractSite.run("""
                mkdir counters trusted work
                export INCFS_TRUSTED_CERTIFICATES="$PWD/trusted"
                bin/incfs counters --serve counters
                cd work
                \(preload ? "LD_PRELOAD=$SITE/shim.so " : "")../bin/contract-checklist --helper ../bin/incfs-contractd --counters ../counters --slack 500 --big 1 -t \(number)
                cd ..; umount counters
                """, as: user, prepare: preload ? Self.shim : "", seconds: 200)
        }
    }
}
