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
                bin/incfs status mnt | grep -qx "$SITE/mnt  backing directory $SITE/backing"
                bin/incfs remount mnt -o read_timeout_ms=7
                bin/incfs remount mnt -o report_uid && exit 1
                umount mnt
                # Whoever empties the directory now does not find them vanishing, and a mount that follows keeps them.
                sleep 0.5; test -d backing/.index && test -d backing/.incomplete
                bin/incfs mount --backing backing mnt
                sleep 2.5; test -d backing/.index && test -d backing/.incomplete
                umount mnt
                rmdir backing/.index backing/.incomplete
                # What was made for the mount and is empty goes after it.
                bin/incfs mount --backing backing mnt
                umount mnt
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

        /// The name of a mount's counters is free after the unmount, and after the death of the daemon that served it.
        @Test func theNameOfCountersIsFreeAgain() async throws {
            try await inSite("""
                mkdir counters other
                name=free-$(basename "$SITE")
                bin/incfs counters --serve counters
                for i in $(seq 5); do
                    bin/incfs mount --backing backing mnt -o sysfs_name=$name
                    test -d counters/instances/$name
                    umount mnt
                    for i in $(seq 100); do test -e counters/instances/$name || break; sleep 0.05; done
                    test ! -e counters/instances/$name
                done
                bin/incfs mount --backing backing mnt -o sysfs_name=$name
                kill -9 $(bin/incfs status "$PWD/mnt" --json | sed -n 's/.*"daemon_pid" : \\([0-9]*\\).*/\\1/p')
                umount mnt
                # The next daemon of the same directory answers at the same socket.
                bin/incfs mount --backing backing mnt
                bin/incfs remount mnt -o sysfs_name=$name
                bin/incfs counters mnt | grep -qx 'reads_delayed_min 0'
                umount mnt
                bin/incfs mount --backing other mnt -o sysfs_name=$name
                umount mnt
                umount counters
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

        /// A daemon that is killed lets its readers go at once, long before their time is over; what had come is there again.
        @Test func aKilledDaemonLeavesNobodyWaiting() async throws {
            try await inSite("""
                cat > killed.c <<'END'
                #include "incremental_fs.h"
                #include <signal.h>
                #include <sys/wait.h>
                #define MUST(condition) if (!(condition)) { printf("line %d: %s\\n", __LINE__, strerror(errno)); return 1; }
                int main(int count, char **words) {
                    struct incfs_control control;
                    struct incfs_id id = {.bytes = {1, 2, 3}};
                    static char data[4096] = "here";
                    MUST(count == 3 && incfs_open(words[1], false, &control) == 0);
                    MUST(incfs_make_file(&control, "waited", 0555, id, &(struct incfs_new_file){.size = 300000}) == 0);
                    int fd = incfs_open_to_fill(&control, id);
                    MUST(fd >= 0 && incfs_write_blocks(&(struct incfs_block){.fd = fd, .index = 0, .size = 4096, .data = data}, 1) == 1);
                    pid_t readers[4];
                    for (int i = 0; i < 4; i++) {
                        readers[i] = fork();
                        if (readers[i] == 0) _exit(pread(fd, data, 1, 4096 * (i + 1)) < 0 ? errno : 0);
                    }
                    struct incfs_read reads[8];
                    int seen = 0;
                    while (seen < 4) {
                        int found = incfs_wait_for_pending_reads(&control, 20000, reads, 8);
                        MUST(found > 0);
                        seen += found;
                    }
                    struct timespec begin, end;
                    clock_gettime(CLOCK_MONOTONIC, &begin);
                    MUST(kill(atoi(words[2]), SIGKILL) == 0);
                    for (int i = 0; i < 4; i++) {
                        int status;
                        MUST(waitpid(readers[i], &status, 0) > 0 && WIFEXITED(status));
                        int why = WEXITSTATUS(status);
                        if (why != ECONNABORTED && why != ENOTCONN && why != EIO) { printf("reader: %d\\n", why); return 1; }
                    }
                    clock_gettime(CLOCK_MONOTONIC, &end);
                    printf("%ld ms\\n", (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000);
                    return end.tv_sec - begin.tv_sec < 10 ? 0 : 1;
                }
                END
                cc -std=gnu11 -I "$SOURCES/../Sources/CIncrementalFS/include" killed.c -o killed
                bin/incfs mount --backing backing mnt -o read_timeout_ms=3600000
                daemon=$(bin/incfs status "$PWD/mnt" --json | sed -n 's/.*"daemon_pid" : \\([0-9]*\\).*/\\1/p')
                ./killed mnt $daemon
                ls mnt 2> gone && exit 1
                umount mnt
                bin/incfs mount --backing backing mnt -o read_timeout_ms=5
                test "$(head -c 4 mnt/waited)" = here
                cat mnt/waited > nothing && exit 1
                bin/incfs status mnt | grep -q '  counted  reads_failed_timed_out [1-9]'
                umount mnt
                bin/incfs fsck backing
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
