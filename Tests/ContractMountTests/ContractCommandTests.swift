import LinuxSystem
import MountTesting
import Testing

extension ContractMounts {
    /// The commands, the helper of mount(8), and how mounts of one directory come and go.
    @Suite(.serialized, .timeLimit(.minutes(2))) struct ContractCommandTests {
        private func inSite(_ script: String, seconds: Double = 60) async throws {
            try await MountSite.with { site in
                let text = "set -e; cd \"$SITE\"; mkdir -p backing\n" + script
                let result = try await site.start("/bin/sh", ["-c", text], environment: ChecklistTests.environment(site)).finish(seconds: seconds)
                #expect(result.status == 0, "\(result)")
            }
        }

        @Test func mountRemountCountersUnmount() async throws {
            try await inSite("""
                bin/incfs mount --backing backing mnt -o read_timeout_ms=5,rlog_pages=1
                test -e mnt/.pending_reads && test -e mnt/.log && test -e mnt/.blocks_written && test -d mnt/.index && test -d mnt/.incomplete
                grep " $SITE/mnt " /proc/self/mountinfo | grep -q ' - fuse.incremental-fs '
                bin/incfs counters mnt | grep -qx 'reads_failed_timed_out 0'
                test $(bin/incfs counters mnt | wc -l) = 7
                bin/incfs remount mnt -o read_timeout_ms=7
                bin/incfs remount mnt -o report_uid && exit 1
                umount mnt
                # What was made for the mount and is empty goes with it.
                for i in $(seq 100); do test -e backing/.index || break; sleep 0.05; done
                test ! -e backing/.index
                """)
        }

        @Test func theHelpersStatusIsTheErrno() async throws {
            try await inSite("""
                ln -s bin/incfs-contractd mount.incremental-fs
                expect() { want=$1; shift; set +e; "$@" 2> error; got=$?; set -e; test $got = $want || { echo "$* gave $got, not $want"; cat error; exit 1; }; }
                expect 2 ./mount.incremental-fs nothing mnt -o rw
                grep -q ENOENT error
                touch file; expect 20 ./mount.incremental-fs file mnt
                expect 2 ./mount.incremental-fs backing nowhere
                expect 22 ./mount.incremental-fs backing mnt -o read_timeout_ms=3600001
                expect 22 ./mount.incremental-fs backing mnt -o frobnicate
                expect 0 ./mount.incremental-fs backing mnt -o rw,noatime,sysfs_name=one
                mkdir other second; expect 17 ./mount.incremental-fs other second -o sysfs_name=one
                # A mount of ours is no backing directory.
                expect 22 ./mount.incremental-fs mnt second
                expect 0 ./mount.incremental-fs none mnt -o remount,read_timeout_ms=3
                expect 95 ./mount.incremental-fs none mnt -o remount,report_uid
                expect 22 ./mount.incremental-fs none second -o remount
                umount mnt
                """)
        }

        /// A mount that follows an unmount at once, many times.
        @Test func mountAfterUnmount() async throws {
            try await inSite("""
                for i in $(seq 30); do
                    bin/incfs-contractd mount backing mnt
                    mkdir mnt/d; rmdir mnt/d
                    umount mnt
                done
                """)
        }

        /// Creates, unlinks, renames and listings of one directory at once: see contract-deadlock's own words.
        @Test func helpersAndLocks() async throws {
            try await inSite("""
                bin/incfs-contractd mount backing mnt
                bin/contract-deadlock mnt 5
                umount mnt
                """)
        }
    }
}
