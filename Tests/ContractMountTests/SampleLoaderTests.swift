import LinuxSystem
import MountTesting
import Testing

extension ContractMounts {
    /// The sample loaders in both languages, which serve a directory to a mount of the published interface.
    @Suite(.serialized, .timeLimit(.minutes(2))) struct SampleLoaderTests {
        static let loaders = ["incfs-sample-loader", "incfs-sample-loader-swift"]

        private func inSite(_ loader: String, _ user: MountSite.User, _ script: String) async throws {
            try await ContractSite.run("""
                mkdir -p source/deep/er
                head -c 3000000 /dev/urandom > source/deep/er/big; echo small > source/small; : > source/empty; cp /bin/ls source/deep/program; chmod 755 source/deep/program
                LOADER="bin/\(loader)"
                \(script)
                """, as: user, seconds: 90)
        }

        @Test(arguments: loaders, MountSite.User.allCases) func aDirectoryIsServedWhileItIsRead(_ loader: String, _ user: MountSite.User) async throws {
            try await inSite(loader, user, """
                bin/incfs mount --backing backing mnt -o read_timeout_ms=20000
                "$LOADER" source mnt --exit & loading=$!
                for i in $(seq 100); do test -e mnt/deep/program && test -e mnt/small && test -e mnt/deep/er/big && break; sleep 0.05; done
                # Read while the loader is at work, and a program out of the mount.
                mnt/deep/program mnt/deep > /dev/null
                diff -r source mnt/ -x .pending_reads -x .log -x .blocks_written -x .index -x .incomplete
                wait $loading
                test -z "$(ls mnt/.incomplete)"
                test $(stat -c %a mnt/deep/program) = 555
                umount mnt
                # Complete: it needs no loader any more.
                bin/incfs mount --backing backing mnt -o read_timeout_ms=0
                diff -r source mnt/ -x .pending_reads -x .log -x .blocks_written -x .index -x .incomplete
                # Nothing is repaired under a mount.
                if bin/incfs fsck backing --repair 2> said; then exit 1; fi
                test -s said
                umount mnt
                bin/incfs fsck backing --data
                """)
        }

        @Test(arguments: loaders, MountSite.User.allCases) func aCrashedLoaderLeavesReadersToTheirTimeAndAnotherGoesOn(_ loader: String, _ user: MountSite.User) async throws {
            try await inSite(loader, user, """
                bin/incfs mount --backing backing mnt -o read_timeout_ms=1500
                # It creates the files, and is killed before it has brought them all.
                "$LOADER" source mnt & loading=$!
                for i in $(seq 200); do test -e mnt/small && test -e mnt/deep/er/big && test -e mnt/deep/program && break; sleep 0.02; done
                kill -9 $loading; wait $loading || true
                # What is missing ends in its time; nothing hangs, and nothing wrong is read.
                timeout 30 cat mnt/deep/er/big > got 2> said || grep -q 'Timer expired' said
                cmp -n $(stat -c %s got) got source/deep/er/big
                "$LOADER" source mnt --exit
                diff -r source mnt/ -x .pending_reads -x .log -x .blocks_written -x .index -x .incomplete
                umount mnt
                """)
        }
    }
}
