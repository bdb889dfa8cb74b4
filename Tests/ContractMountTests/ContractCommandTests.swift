import LinuxSystem
import MountTesting
import Testing

extension ContractMounts {
    /// The commands, the helper of mount(8), and how mounts of one directory come and go: root's and an ordinary user's.
    @Suite(.serialized, .timeLimit(.minutes(2))) struct ContractCommandTests {
        /// Makes `fill`, which creates a file with six bytes in a mount.
        private static let fill = """
            cat > fill.c <<'END'
            #include "incremental_fs.h"
            int main(int count, char **words) {
                struct incfs_control control;
                struct incfs_id id = {.bytes = {7}};
                if (count != 2 || incfs_open(words[1], false, &control) != 0) return 1;
                if (incfs_make_file(&control, "file", 0444, id, &(struct incfs_new_file){.size = 6}) != 0) return 2;
                int fd = incfs_open_to_fill(&control, id);
                return fd >= 0 && incfs_write_blocks(&(struct incfs_block){.fd = fd, .index = 0, .size = 6, .data = "filled"}, 1) == 1 ? 0 : 3;
            }
            END
            cc -std=gnu11 -I "$SOURCES/../Sources/CIncrementalFS/include" fill.c -o fill
            """

        @Test(arguments: MountSite.User.allCases) func mountRemountCountersUnmount(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                bin/incfs mount --backing backing mnt -o read_timeout_ms=5,rlog_pages=1
                test -e mnt/.pending_reads && test -e mnt/.log && test -e mnt/.blocks_written && test -d mnt/.index && test -d mnt/.incomplete
                grep " $PWD/mnt " /proc/self/mountinfo | grep -q ' - fuse.incremental-fs '
                bin/incfs counters mnt | grep -qx 'reads_failed_timed_out 0'
                test $(bin/incfs counters mnt | wc -l) = 7
                bin/incfs status mnt | grep -qx "$PWD/mnt  backing directory $PWD/backing"
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
                """, as: user)
        }

        /// In pages, of 4 KiB here. A FUSE server can ask for 32, root for more.
        @Test(arguments: MountSite.User.allCases) func readaheadIsTheWindowThatWasAskedFor(_ user: MountSite.User) async throws {
            let wide = user == .root ? 1024 : 128
            try await ContractSite.run("""
                window() {
                    bin/incfs mount --backing backing mnt $1 2> said; cat said >&2
                    test "$(cat /sys/class/bdi/$(mountpoint -d mnt)/read_ahead_kb)" = $2
                    umount mnt
                }
                window "" 40
                window "-o readahead=0" 0
                window "-o readahead=32" 128; test ! -s said || not grep -q readahead said
                window "-o readahead=256" \(wide)
                if [ \(wide) = 128 ]; then grep -q 'readahead=256 is 32 pages here' said; else not grep -q readahead said; fi
                """, as: user)
        }

        /// The kernel makes FS_IOC_GETFLAGS and its kin itself, with calls of its own to the server, and gives EIO for half an answer.
        @Test(arguments: MountSite.User.allCases) func callsThatAreNotKnownAreRefusedAsTheInterfaceSays(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                cat > calls.c <<'END'
                #include "incremental_fs.h"
                #include <linux/fs.h>
                static int wrong;
                static void expect(const char *path, unsigned long call, int error) {
                    char argument[256] = {0};
                    int fd = open(path, O_RDONLY);
                    errno = 0;
                    int result = ioctl(fd, call, argument);
                    if (result != -1 || errno != error) { printf("%s 0x%lx: %d, %s\\n", path, call, result, strerror(errno)); wrong = 1; }
                    close(fd);
                }
                int main(int count, char **words) {
                    unsigned long calls[] = {FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR, FS_IOC_GETVERSION, 0x4004b0b0};
                    if (count != 2 || chdir(words[1]) != 0) return 1;
                    for (int i = 0; i < 6; i++) {
                        expect(".pending_reads", calls[i], EINVAL);
                        expect(".log", calls[i], ENOTTY);
                        expect(".blocks_written", calls[i], ENOTTY);
                        expect(".", calls[i], ENOTTY);
                        expect(".index", calls[i], ENOTTY);
                        // A file has flags.
                        if (calls[i] != FS_IOC_GETFLAGS) expect("file", calls[i], EINVAL);
                    }
                    return wrong;
                }
                END
                cc -std=gnu11 -I "$SOURCES/../Sources/CIncrementalFS/include" calls.c -o calls
                \(Self.fill)
                bin/incfs mount --backing backing mnt; ./fill mnt
                ./calls mnt
                umount mnt
                """, as: user)
        }

        /// A read-only mount keeps programs from changing names and attributes; what ioctls ask for is done.
        @Test(arguments: MountSite.User.allCases) func aReadOnlyMountTakesFilesAndBlocks(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                refused() { set +e; LC_ALL=C "$@" 2> error; got=$?; set -e; test $got != 0 && grep -q 'Read-only file system' error || { echo "$* gave $got"; cat error; exit 1; }; }
                \(Self.fill)
                bin/incfs mount --backing backing mnt -o ro,read_timeout_ms=50
                grep " $PWD/mnt " /proc/self/mountinfo | grep -q ' ro,'
                refused mkdir mnt/new
                ./fill mnt
                test "$(cat mnt/file)" = filled && test -z "$(ls mnt/.incomplete)"
                refused mv mnt/file mnt/other; refused ln mnt/file mnt/other; refused rm -f mnt/file; refused chmod 500 mnt/file
                bin/incfs remount mnt -o ro,read_timeout_ms=60; refused mkdir mnt/new
                # A remount says all anew. Only root can: fusermount3 has no word for it.
                if [ "$(id -u)" != 0 ]; then
                    expect 5 bin/incfs remount mnt; said EPERM; refused mkdir mnt/new; umount mnt; exit 0
                fi
                bin/incfs remount mnt; mkdir mnt/new
                bin/incfs remount mnt -o ro; refused rmdir mnt/new
                expect 1 bin/incfs remount mnt -o report_uid; refused rmdir mnt/new
                ln -s bin/incfs-contractd mount.incremental-fs
                ./mount.incremental-fs none mnt -o remount,rw; rmdir mnt/new
                umount mnt
                """, as: user)
        }

        @Test(arguments: MountSite.User.allCases) func theHelpersStatusIsTheErrno(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                ln -s bin/incfs-contractd mount.incremental-fs
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
                """, as: user)
        }

        /// The name of a mount's counters is free after the unmount, and after the death of the daemon that served it.
        @Test(arguments: MountSite.User.allCases) func theNameOfCountersIsFreeAgain(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
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
                kill -9 $(daemon_of "$PWD/mnt")
                umount mnt
                # The next daemon of the same directory answers at the same socket.
                bin/incfs mount --backing backing mnt
                bin/incfs remount mnt -o sysfs_name=$name
                bin/incfs counters mnt | grep -qx 'reads_delayed_min 0'
                umount mnt
                bin/incfs mount --backing other mnt -o sysfs_name=$name
                umount mnt
                umount counters
                """, as: user)
        }

        /// The kernel gives the number of a mount that is gone to the next one: a daemon that looks only then does not take that for its own.
        @Test(arguments: MountSite.User.allCases) func aDaemonKnowsItsMountFromTheNext(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                mkdir other
                number() { grep " $PWD/mnt " /proc/self/mountinfo | cut -d' ' -f1; }
                for i in $(seq 20); do
                    bin/incfs mount --backing backing mnt
                    before=$(number); daemon=$(daemon_of "$PWD/mnt")
                    kill -STOP $daemon
                    umount mnt
                    bin/incfs mount --backing other mnt
                    after=$(number)
                    kill -CONT $daemon
                    for j in $(seq 400); do kill -0 $daemon 2> gone || break; sleep 0.05; done
                    not kill -0 $daemon 2> gone
                    umount mnt
                    if [ $before = $after ]; then exit 0; fi
                done
                echo "the number was never the same"; exit 1
                """, as: user)
        }

        /// So it does with the device number, which an ordinary user's `ro` mount, having no clone, gives back when it is unmounted: the next mount is still
        /// found by it.
        @Test func aDaemonThatHearsLateLeavesTheNextMountFound() async throws {
            try await ContractSite.run("""
                mkdir other
                for i in $(seq 20); do
                    bin/incfs mount --backing backing mnt -o ro
                    before=$(stat -c %d mnt); daemon=$(daemon_of "$PWD/mnt")
                    kill -STOP $daemon
                    umount mnt
                    bin/incfs mount --backing other mnt -o ro
                    after=$(stat -c %d mnt)
                    kill -CONT $daemon
                    for j in $(seq 400); do kill -0 $daemon 2> gone || break; sleep 0.05; done
                    not kill -0 $daemon 2> gone
                    bin/incfs counters mnt > counters
                    grep -q reads_delayed_pending counters
                    umount mnt
                    if [ $before = $after ]; then exit 0; fi
                done
                echo "the number was never the same"; exit 1
                """, as: .nobody)
        }

        /// A mount that follows an unmount at once, many times.
        @Test(arguments: MountSite.User.allCases) func mountAfterUnmount(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                for i in $(seq 30); do
                    bin/incfs-contractd mount backing mnt
                    mkdir mnt/d; rmdir mnt/d
                    umount mnt
                done
                """, as: user)
        }

        /// A daemon that is killed in the middle of creating files and permitting fills lets everybody go: its own threads, which wait for its mount then, do not
        /// keep it alive.
        @Test(arguments: MountSite.User.allCases) func aDaemonThatIsKilledAtWorkLeavesNobodyWaiting(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                cat > busy.c <<'END'
                #include "incremental_fs.h"
                #include <sys/wait.h>
                int main(int count, char **words) {
                    for (int child = 0; count == 2 && child < 4; child++) {
                        if (fork() != 0) continue;
                        struct incfs_control control;
                        if (incfs_open(words[1], false, &control) != 0) _exit(1);
                        for (int i = 0;; i++) {
                            char name[32];
                            struct incfs_id id = {.bytes = {1}};
                            int part[2] = {getpid(), i};
                            memcpy(id.bytes, part, sizeof part);
                            snprintf(name, sizeof name, "f%d-%d", child, i);
                            if (incfs_make_file(&control, name, 0444, id, &(struct incfs_new_file){.size = 4}) != 0) _exit(0);
                            int fd = incfs_open_to_fill(&control, id);
                            if (fd < 0) _exit(0);
                            incfs_write_blocks(&(struct incfs_block){.fd = fd, .index = 0, .size = 4, .data = "data"}, 1);
                            close(fd);
                        }
                    }
                    while (wait(NULL) > 0) {}
                }
                END
                cc -std=gnu11 -I "$SOURCES/../Sources/CIncrementalFS/include" busy.c -o busy
                for round in $(seq 10); do
                    bin/incfs mount --backing backing mnt
                    ./busy mnt & busy=$!
                    sleep 0.2
                    kill -9 $(daemon_of "$PWD/mnt")
                    for i in $(seq 200); do kill -0 $busy 2> gone || break; sleep 0.05; done
                    ! kill -0 $busy 2> gone || { echo "round $round: they still wait"; umount -f mnt; exit 1; }
                    umount mnt
                done
                bin/incfs mount --backing backing mnt; umount mnt
                # A death may come between a block and its counter, which is no damage.
                bin/incfs fsck --data backing > found || ! grep ': damage: ' found
                """, as: user)
        }

        /// A daemon that is killed lets its readers go at once, long before their time is over; what had come is there again.
        @Test(arguments: MountSite.User.allCases) func aKilledDaemonLeavesNobodyWaiting(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
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
                daemon=$(daemon_of "$PWD/mnt")
                ./killed mnt $daemon
                ls mnt 2> gone && exit 1
                umount mnt
                bin/incfs mount --backing backing mnt -o read_timeout_ms=5
                test "$(head -c 4 mnt/waited)" = here
                cat mnt/waited > nothing && exit 1
                bin/incfs status mnt | grep -q '  counted  reads_failed_timed_out [1-9]'
                umount mnt
                bin/incfs fsck backing
                """, as: user)
        }

        /// Calls whose arguments lie in a mapping of a missing block of the same mount: they wait for a loader, and go on when the block comes. A daemon that is
        /// killed meanwhile lets them go, and is gone itself.
        @Test(arguments: MountSite.User.allCases) func aKilledDaemonDoesNotWaitForTheMemoryOfItsCallers(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                cat > caller.c <<'END'
                #include "incremental_fs.h"
                #include <signal.h>
                #include <sys/mman.h>
                #include <sys/wait.h>
                #define MUST(condition) if (!(condition)) { printf("line %d: %s\\n", __LINE__, strerror(errno)); return 1; }
                enum { CALLERS = 4 };
                static struct incfs_control control;
                static int fd, killed;
                // Each has a block of its own.
                static int call(int which, unsigned char *memory) {
                    memory += 4096 * (which + 1);
                    switch (which) {
                    case 0: return incfs_write_blocks(&(struct incfs_block){.fd = fd, .index = 10, .size = 4096, .data = memory}, 1);
                    // More than a worker does by itself.
                    case 1: {
                        static struct incfs_block many[200];
                        for (int i = 0; i < 200; i++) many[i] = (struct incfs_block){.fd = fd, .index = 20 + (uint32_t)i, .size = 4096, .data = memory};
                        return incfs_write_blocks(many, 200) == 200;
                    }
                    // Answers go there.
                    case 2: {
                        struct incfs_filled filled;
                        struct incfs_range *ranges = (struct incfs_range *)memory;
                        return incfs_get_filled_ranges(fd, 0, ranges, 100, &filled) == 0 && filled.data_ranges > 0;
                    }
                    default: {
                        struct incfs_id id = {.bytes = {9, (uint8_t)killed}};
                        return incfs_make_file(&control, killed ? "not made" : "made", 0444, id, &(struct incfs_new_file){.size = 4, .metadata = memory, .metadata_size = 7}) == 0;
                    }
                    }
                }
                int main(int count, char **words) {
                    struct incfs_id id = {.bytes = {1, 2, 3}};
                    static char data[4096];
                    setvbuf(stdout, NULL, _IONBF, 0);
                    MUST(count == 3 && incfs_open(words[1], false, &control) == 0);
                    MUST(incfs_make_file(&control, "mapped", 0555, id, &(struct incfs_new_file){.size = 4 << 20}) == 0);
                    fd = incfs_open_to_fill(&control, id);
                    MUST(fd >= 0 && incfs_write_blocks(&(struct incfs_block){.fd = fd, .index = 900, .size = 4096, .data = data}, 1) == 1);
                    unsigned char *memory = mmap(NULL, 4096 * (CALLERS + 1), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
                    MUST(memory != MAP_FAILED);
                    // Once the blocks come, once the daemon is killed.
                    for (; killed < 2; killed++) {
                        pid_t callers[CALLERS];
                        for (int i = 0; i < CALLERS; i++) if ((callers[i] = fork()) == 0) _exit(call(i, memory) == 1 ? 0 : 1);
                        struct incfs_read reads[8];
                        for (unsigned seen = 0; seen != 0x1e;) {
                            int found = incfs_wait_for_pending_reads(&control, 20000, reads, 8);
                            MUST(found > 0);
                            for (int i = 0; i < found; i++) {
                                MUST(reads[i].block % 256 <= CALLERS);
                                seen |= 1u << reads[i].block % 256;
                                snprintf(data, sizeof data, "block-%d", (int)reads[i].block);
                                if (!killed) MUST(incfs_write_blocks(&(struct incfs_block){.fd = fd, .index = reads[i].block, .size = 4096, .data = data}, 1) == 1);
                            }
                        }
                        if (killed) MUST(kill(atoi(words[2]), SIGKILL) == 0);
                        for (int i = 0; i < CALLERS; i++) {
                            int status;
                            MUST(waitpid(callers[i], &status, 0) > 0 && WIFEXITED(status));
                            if (WEXITSTATUS(status) != killed) { printf("caller %d: %d\\n", i, WEXITSTATUS(status)); return 1; }
                        }
                        int made = incfs_open_path(&control, "made");
                        MUST(killed || (incfs_get_metadata(made, data, sizeof data) == 7 && memcmp(data, "block-4", 7) == 0));
                        // The next time other blocks are missing.
                        memory = mmap(NULL, 4096 * (CALLERS + 1), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 1 << 20);
                    }
                    return 0;
                }
                END
                cc -std=gnu11 -I "$SOURCES/../Sources/CIncrementalFS/include" caller.c -o caller
                # Without readahead nobody waits for a block that he has not asked for.
                bin/incfs mount --backing backing mnt -o read_timeout_ms=3600000,readahead=0
                daemon=$(daemon_of "$PWD/mnt")
                timeout -k 1 50 ./caller mnt $daemon || { command umount -f mnt || true; exit 1; }
                for i in $(seq 200); do kill -0 $daemon 2> gone || break; sleep 0.05; done
                not kill -0 $daemon 2> gone
                ls mnt 2> gone && exit 1
                umount mnt
                bin/incfs mount --backing backing mnt -o read_timeout_ms=5
                test -e mnt/made && test ! -e 'mnt/not made'
                umount mnt
                bin/incfs fsck backing
                """, as: user)
        }

        /// What a killed daemon, or a killed `incfs mount`, leaves in the mount table is told, and gone when it is mounted again.
        @Test(arguments: MountSite.User.allCases) func aMountWithoutADaemonIsToldAndMountedAgain(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                mkdir other; : > image
                shows() { grep -c " $PWD/mnt " /proc/self/mountinfo || true; }
                is_dead() {
                    for i in $(seq 200); do ls mnt > /dev/null 2>&1 || break; sleep 0.05; done
                    bin/incfs status > output; grep -A1 -- "^$PWD/mnt  $PWD/$1" output | grep -q 'its daemon is gone' || { cat output; exit 1; }
                    bin/incfs status mnt --json > output; grep -q dead_mounts output; not grep -q contract_mounts output
                }
                again() {
                    expect 0 bin/incfs mount $1 mnt$2; said "the mount at $PWD/mnt had lost its daemon"
                    ls mnt; test $(shows) = 1
                    bin/incfs status mnt > output; not grep -q 'daemon is gone' output
                    umount mnt; test $(shows) = 0
                }
                bin/incfs mount --backing backing mnt; kill -9 $(daemon_of "$PWD/mnt"); is_dead backing; again "--backing backing"
                bin/incfs mount --backing backing mnt; kill -9 $(daemon_of "$PWD/mnt"); is_dead backing
                again "--image image" /./
                bin/incfs mount --image image mnt; kill -9 $(find /proc/[0-9]*/fd -lname "$PWD/image" 2> /dev/null | cut -d/ -f3 | sort -u); is_dead image; again "--image image"

                # The client dies when it has mounted, before its daemon answers.
                bin/incfs mount --backing backing other; daemon=$(daemon_of "$PWD/other")
                kill -STOP $daemon
                # A daemon that does not answer is not gone, and holds nobody up.
                timeout -k 1 50 bin/incfs status > output; grep -q "^$PWD/other  backing" output; not grep -q 'daemon is gone' output
                bin/incfs-contractd mount backing mnt & client=$!
                # It has sent the device and waits in recvmsg(2).
                recvmsg=47; test "$(uname -m)" = x86_64 || recvmsg=212
                for i in $(seq 400); do test "$(cut -d' ' -f1 /proc/$client/syscall)" = $recvmsg && break; sleep 0.05; done
                test "$(cut -d' ' -f1 /proc/$client/syscall)" = $recvmsg
                if [ "$(id -u)" = 0 ]; then test $(shows) = 0; else test $(shows) = 1; fi
                kill -9 $client; kill -CONT $daemon
                # Root's is in no directory before it is served.
                if [ "$(id -u)" = 0 ]; then test $(shows) = 0; else is_dead backing; again "--backing backing"; fi
                ls other; umount other
                # Neither is left that it would serve.
                for i in $(seq 400); do kill -0 $daemon 2> gone || break; sleep 0.05; done
                not kill -0 $daemon 2> gone
                """, as: user)
        }

        /// Creates, unlinks, renames and listings of one directory at once: see contract-deadlock's own words.
        @Test(arguments: MountSite.User.allCases) func helpersAndLocks(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                bin/incfs-contractd mount backing mnt
                bin/contract-deadlock mnt 5
                umount mnt
                """, as: user)
        }
    }
}
