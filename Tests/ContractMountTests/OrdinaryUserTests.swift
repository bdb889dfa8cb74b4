import LinuxSystem
import MountTesting
import Testing

extension ContractMounts {
    /// What is otherwise for an ordinary user's mount. What is the same for both is in the other suites, which run as both.
    @Suite(.serialized, .timeLimit(.minutes(3))) struct OrdinaryUserTests {
        private static let compile = "cc -std=gnu11 -Wall -Wextra -Werror -I \"$SOURCES/../Sources/CIncrementalFS/include\""

        /// The kernel lets an ordinary user's mount have only so many reads in the background. Here it is told 8, and forty readers wait, each for a page of
        /// its own: none is lost, what is present can be read meanwhile, and so the loader can go on.
        @Test(arguments: [0, 10]) func manyWaitThoughTheKernelAllowsFew(readahead: Int) async throws {
            try await MountSite.with(.nobody) { site in
                func run(_ script: String, as user: MountSite.User = .nobody) async throws {
                    let result = try await site.start("/bin/sh", ["-c", "set -e; cd \"$SITE/home\"\n" + script], as: user, environment: ChecklistTests.environment(site)).finish()
                    #expect(result.status == 0, "\(result)")
                }
                try await run("mkdir backing; ../bin/incfs mount --backing backing ../mnt -o readahead=\(readahead),read_timeout_ms=600000")
                try await run("""
                    mount -t fusectl none /sys/fs/fuse/connections
                    number=$(grep " $SITE/mnt " /proc/self/mountinfo | cut -d' ' -f3 | cut -d: -f2)
                    for word in max_background congestion_threshold; do echo 8 > /sys/fs/fuse/connections/$number/$word; done
                    """, as: .root)
                try await run("""
                    cat > many.c <<'END'
                    #include "incremental_fs.h"
                    #include <sys/wait.h>
                    #define MUST(condition) if (!(condition)) { printf("line %d: %s\\n", __LINE__, strerror(errno)); return 1; }
                    enum { READERS = 40, PRESENT = 500 };
                    static char wanted[4096], got[4096];
                    static struct incfs_id id_of(uint8_t number) { struct incfs_id id = {.bytes = {number}}; return id; }
                    static int fill(int fd, int index, int value) {
                        memset(wanted, value, sizeof wanted);
                        return incfs_write_blocks(&(struct incfs_block){.fd = fd, .index = (uint32_t)index, .size = 4096, .data = wanted}, 1) == 1;
                    }
                    // All of it, which nobody has read before, by readahead.
                    static int present_is_readable(const char *mount) {
                        char path[4096];
                        snprintf(path, sizeof path, "%s/present", mount);
                        int fd = open(path, O_RDONLY);
                        MUST(fd >= 0);
                        for (int block = 0; block < PRESENT; block++) {
                            memset(wanted, block, sizeof wanted);
                            MUST(read(fd, got, sizeof got) == sizeof got && memcmp(got, wanted, sizeof got) == 0);
                        }
                        return 0;
                    }
                    int main(int count, char **words) {
                        struct incfs_control control;
                        setvbuf(stdout, NULL, _IONBF, 0);
                        alarm(40);
                        MUST(count == 2 && incfs_open(words[1], false, &control) == 0);
                        MUST(incfs_make_file(&control, "present", 0555, id_of(1), &(struct incfs_new_file){.size = PRESENT * 4096}) == 0);
                        int present = incfs_open_to_fill(&control, id_of(1));
                        MUST(present >= 0);
                        for (int block = 0; block < PRESENT; block++) MUST(fill(present, block, block));
                        // Files of one page: even with readahead the read of it is one of a single page.
                        int files[READERS];
                        pid_t readers[READERS];
                        for (int i = 0; i < READERS; i++) {
                            char name[32], path[4096];
                            snprintf(name, sizeof name, "file-%d", i);
                            MUST(incfs_make_file(&control, name, 0555, id_of(100 + i), &(struct incfs_new_file){.size = 4096}) == 0);
                            files[i] = incfs_open_to_fill(&control, id_of(100 + i));
                            MUST(files[i] >= 0);
                            snprintf(path, sizeof path, "%s/%s", words[1], name);
                            readers[i] = fork();
                            if (readers[i] == 0) {
                                int fd = open(path, O_RDONLY);
                                memset(wanted, 200 - i, sizeof wanted);
                                MUST(fd >= 0 && read(fd, got, sizeof got) == sizeof got && memcmp(got, wanted, sizeof got) == 0);
                                _exit(0);
                            }
                        }
                        int waiting = 0;
                        while (waiting < READERS) {
                            struct incfs_read reads[64];
                            int found = incfs_wait_for_pending_reads(&control, 20000, reads, 64);
                            MUST(found > 0);
                            waiting += found;
                        }
                        pid_t other = fork();
                        if (other == 0) { alarm(20); _exit(present_is_readable(words[1])); }
                        int status;
                        MUST(waitpid(other, &status, 0) == other && status == 0);
                        for (int i = READERS - 1; i >= 0; i--) MUST(fill(files[i], 0, 200 - i));
                        for (int i = 0; i < READERS; i++) MUST(waitpid(readers[i], &status, 0) > 0 && status == 0);
                        return 0;
                    }
                    END
                    \(Self.compile) many.c -o many
                    ./many "$SITE/mnt"
                    ../bin/incfs status "$SITE/mnt" | grep -q 'reads_delayed_pending 40'
                    fusermount3 -u "$SITE/mnt"
                    """)
            }
        }

        /// Where a user may have no namespaces there are no events, and that is said; all else is there.
        @Test func withoutNamespacesThereAreNoEvents() async throws {
            try await ContractSite.run("""
                cat > none.c <<'END'
                #define _GNU_SOURCE
                #include <errno.h>
                int unshare(int flags) { (void)flags; errno = EPERM; return -1; }
                END
                cc -shared -fPIC none.c -o none.so
                bin/incfs mount --backing backing mnt 2> error; test ! -s error; umount mnt
                LD_PRELOAD="$PWD/none.so" bin/incfs mount --backing backing mnt -o read_timeout_ms=200 2> error
                said 'note: .*do not hear'
                cat > plain.c <<'END'
                #include "incremental_fs.h"
                #include <sys/inotify.h>
                #define MUST(condition) if (!(condition)) { printf("line %d: %s\\n", __LINE__, strerror(errno)); return 1; }
                int main(void) {
                    struct incfs_control control;
                    struct incfs_id id = {.bytes = {7}};
                    char data[8192] = "here", events[4096];
                    MUST(incfs_open("mnt", false, &control) == 0);
                    int watch = inotify_init1(IN_NONBLOCK);
                    MUST(inotify_add_watch(watch, "mnt", IN_CREATE) > 0);
                    MUST(mkdir("mnt/sub", 0755) == 0 && read(watch, events, sizeof events) > 0);
                    MUST(incfs_make_file(&control, "file", 0555, id, &(struct incfs_new_file){.size = 8192}) == 0);
                    MUST(incfs_make_file(&control, "sub/file", 0555, (struct incfs_id){.bytes = {8}}, &(struct incfs_new_file){.size = 1}) == 0);
                    MUST(read(watch, events, sizeof events) < 0 && errno == EAGAIN);
                    int fd = incfs_open_to_fill(&control, id);
                    MUST(fd >= 0 && pread(fd, data, 1, 4096) < 0 && errno == ETIME);
                    struct incfs_block blocks[] = {{.fd = fd, .index = 0, .size = 4096, .data = data}, {.fd = fd, .index = 1, .size = 4096, .data = data}};
                    MUST(incfs_write_blocks(blocks, 2) == 2);
                    MUST(pread(fd, data, 8192, 0) == 8192 && data[0] == 'h' && data[4096] == 'h');
                    return 0;
                }
                END
                \(Self.compile) plain.c -o plain
                ./plain
                test -z "$(ls mnt/.incomplete | grep 07)"; test "$(ls mnt/.index | wc -l)" = 2
                rm mnt/file; test "$(ls mnt/.index | wc -l)" = 1; rm mnt/sub/file; rmdir mnt/sub
                test -z "$(ls mnt/.index)"; test -z "$(ls mnt/.incomplete)"
                umount mnt
                bin/incfs fsck backing
                """, as: .nobody)
        }

        /// Nobody gets into another one's mount, or serves a directory that is not his; and a directory has one daemon at a time, whoever's.
        @Test func usersAreApart() async throws {
            try await MountSite.with(.nobody) { site in
                let other = "setpriv --reuid daemon --regid daemon --clear-groups env HOME=$SITE/other XDG_RUNTIME_DIR=$SITE/other/run"
                let script = """
                    set -e; cd "$SITE"
                    expect() { want=$1; shift; set +e; "$@" 2> error; got=$?; set -e; test $got = $want || { echo "$* gave $got, not $want"; cat error; exit 1; }; }
                    said() { grep -q "$1" error || { echo "not said: $1"; cat error; exit 1; }; }
                    not() { if "$@"; then echo "is so: $*"; exit 1; fi; }
                    me="setpriv --reuid nobody --regid nogroup --clear-groups env XDG_RUNTIME_DIR=$SITE/home/run"
                    mkdir -m 700 other; mkdir other/run other/backing other/mnt; chown -R daemon:daemon other
                    mkdir -m 755 open strange home/run home/second; chown nobody:nogroup open strange home/run home/second
                    chmod 755 mnt
                    $me bin/incfs mount --backing open mnt
                    \(other) bin/incfs mount --backing other/backing other/mnt
                    # Each has his own, and sees no more of the other's than that it is there.
                    \(other) ls other/mnt/.pending_reads
                    expect 2 \(other) ls mnt; said 'Permission denied'
                    expect 2 $me ls other/mnt
                    expect 13 bin/incfs-contractd mount mnt strange
                    \(other) bin/incfs counters other/mnt > counted; test $(wc -l < counted) = 7
                    expect 1 \(other) bin/incfs-contractd counters mnt; said 'not one of this user'
                    # Nobody else's directory, and no place that is not his.
                    expect 1 \(other) bin/incfs-contractd mount open other/mnt; said 'belongs to another user'
                    expect 16 $me bin/incfs-contractd mount open mnt; said 'mounted there already'
                    mkdir -m 755 roots
                    expect 13 $me bin/incfs-contractd mount open roots; said 'own'
                    # The same directory by a daemon that cannot know of the first one.
                    $me env XDG_RUNTIME_DIR=$SITE/home/second bin/incfs-contractd mount open strange 2> first & one=$!
                    # Nothing is mounted meanwhile, for who looks there to wait at.
                    sleep 2; kill -0 $one; not grep " $SITE/strange " /proc/self/mountinfo
                    expect 16 bin/incfs-contractd mount open roots; said 'another daemon serves it'
                    set +e; wait $one; got=$?; set -e; test $got = 16; grep -q 'another daemon serves it' first
                    not grep " $SITE/strange " /proc/self/mountinfo; not grep " $SITE/roots " /proc/self/mountinfo
                    expect 2 bin/incfs fsck --repair open; said 'is mounted'
                    $me fusermount3 -u mnt
                    \(other) bin/incfs unmount other/mnt
                    for i in $(seq 100); do bin/incfs fsck --repair open && break; sleep 0.05; done
                    # What one user's daemon made is not taken away under another's.
                    rm -rf open/.index open/.incomplete
                    $me bin/incfs mount --backing open mnt; $me fusermount3 -u mnt
                    bin/incfs mount --backing open mnt; sleep 3; test -d open/.index; test -d open/.incomplete; umount mnt
                    """
                let result = try await site.start("/bin/sh", ["-c", script], as: .root, environment: ChecklistTests.environment(site)).finish()
                #expect(result.status == 0, "\(result)")
            }
        }

        /// What stands in a user's way is said, and nothing is left.
        @Test func refusals() async throws {
            try await ContractSite.run("""
                expect 13 bin/incfs-contractd mount backing mnt; said 'chmod 0666'
                : > image; expect 13 bin/incfs-contractd mount-image image mnt; said 'chmod 0666'
                expect 13 bin/incfs-contractd counters --mount mnt; said 'chmod 0666'
                not grep " $PWD/mnt " /proc/self/mountinfo
                test ! -e backing/.index
                """, as: .nobody, prepare: "chmod 600 /dev/fuse")
            try await ContractSite.run("""
                expect 1 setpriv --no-new-privs bin/incfs-contractd mount backing mnt; said 'no_new_privs'
                # Places that others could change, or that lead elsewhere.
                mkdir open open/run led led/run elsewhere; mkdir -m 777 open/run/incfs; chmod 777 open/run/incfs; ln -s ../../elsewhere led/run/incfs
                expect 1 env XDG_RUNTIME_DIR="$PWD/open/run" bin/incfs-contractd mount backing mnt
                expect 1 env XDG_RUNTIME_DIR="$PWD/led/run" bin/incfs-contractd mount backing mnt
                # A daemon that cannot start: what was mounted for it is taken away again.
                chmod 500 backing
                expect 13 bin/incfs-contractd mount backing mnt
                echo damage > image
                expect 74 bin/incfs-contractd mount-image image mnt
                not grep " $PWD/mnt " /proc/self/mountinfo
                """, as: .nobody)
        }

        /// Nobody's daemon begins to write where a repair is at work.
        @Test(arguments: MountSite.User.allCases) func aRepairKeepsDaemonsOut(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                cat > stop.c <<'END'
                #define _GNU_SOURCE
                #include <dirent.h>
                #include <dlfcn.h>
                #include <fcntl.h>
                #include <unistd.h>
                /* The check has begun to look into the directory. */
                struct dirent64 *readdir64(DIR *directory) {
                    static int stopped;
                    if (!stopped++) { close(open("at-work", O_CREAT | O_WRONLY, 0600)); while (access("go", F_OK) != 0) usleep(10000); }
                    return ((struct dirent64 *(*)(DIR *))dlsym(RTLD_NEXT, "readdir64"))(directory);
                }
                struct dirent *readdir(DIR *directory) { return (struct dirent *)readdir64(directory); }
                END
                cc -shared -fPIC stop.c -o stop.so
                LD_PRELOAD="$PWD/stop.so" bin/incfs fsck --repair backing > repaired 2>&1 & repair=$!
                for i in $(seq 500); do test ! -e at-work || break; sleep 0.02; done; test -e at-work
                bin/incfs mount --backing backing mnt & mount=$!
                sleep 2; kill -0 $repair; kill -0 $mount; not grep " $PWD/mnt " /proc/self/mountinfo
                touch go; wait $repair; wait $mount
                grep -q 'All is well' repaired; umount mnt
                """, as: user)
        }

        /// mount(8) gives up its privileges for a line with `user` before it starts the helper.
        @Test func aUserMountsAndUnmountsALineForUsers() async throws {
            try await ContractSite.run("""
                mount "$PWD/mnt"
                grep " $PWD/mnt " /proc/self/mountinfo > line
                grep -q 'user_id=65534' line; grep -q noexec line
                bin/incfs counters mnt > counted
                /usr/bin/umount "$PWD/mnt"
                not grep " $PWD/mnt " /proc/self/mountinfo
                """, as: .nobody, prepare: """
                mkdir sbin etc; ln -s "$SITE/bin/incfs-contractd" sbin/mount.incremental-fs
                echo "$SITE/home/backing $SITE/home/mnt incremental-fs noauto,user,read_timeout_ms=5 0 0" > etc/fstab
                mount -t overlay -o "lowerdir=$SITE/sbin:$(realpath /sbin)" overlay "$(realpath /sbin)"
                mount -t overlay -o "lowerdir=$SITE/etc:/etc" overlay /etc
                """)
        }

        /// The header mounts and unmounts for an ordinary user as it does for root.
        @Test(arguments: MountSite.User.allCases) func theHeaderMounts(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                cat > mounts.c <<'END'
                #include "incremental_fs.h"
                #define MUST(condition) if (!(condition)) { printf("line %d: %s\\n", __LINE__, strerror(errno)); return 1; }
                int main(int count, char **words) {
                    struct incfs_control control;
                    struct incfs_mount_options options = {.read_timeout_ms = 50};
                    struct incfs_id id = {.bytes = {9}};
                    char byte;
                    MUST(count == 3 && incfs_mount(words[1], words[2], &options, &control) == 0);
                    MUST(incfs_make_file(&control, "file", 0555, id, &(struct incfs_new_file){.size = 100}) == 0);
                    int fd = incfs_open_to_fill(&control, id);
                    MUST(fd >= 0 && pread(fd, &byte, 1, 0) < 0 && errno == ETIME);
                    options.read_timeout_ms = 40;
                    MUST(incfs_set_options(words[2], &options) == 0);
                    // In use, and ended all the same.
                    MUST(incfs_unmount(words[2]) == 0 && !incfs_is_path(words[2]));
                    MUST(incfs_unmount(words[2]) == -EINVAL);
                    return 0;
                }
                END
                \(Self.compile) mounts.c -o mounts
                INCFS_MOUNT_HELPER="$PWD/bin/incfs-contractd" ./mounts "$PWD/backing" "$PWD/mnt"
                """, as: user)
        }
    }
}
