import MountTesting
import Testing

extension ContractMounts {
    /// What loaders and programs do that the check-list does not: each with a program of its own in C, on a real mount.
    @Suite(.serialized, .timeLimit(.minutes(3))) struct LoaderMannersTests {
        /// Makes `program` of the text, with `create` for a file of so many blocks in it.
        private static func program(_ text: String) -> String {
            """
            cat > program.c <<'END'
            #include "incremental_fs.h"
            #include <pthread.h>
            #include <sched.h>
            #include <sys/mman.h>
            #define CHECK(what) do { if (!(what)) { fprintf(stderr, "line %d: %s (%s)\\n", __LINE__, #what, strerror(errno)); exit(1); } } while (0)
            static struct incfs_control control;
            static struct incfs_id id = {.bytes = {7}};
            static char block[4096];
            static void create(const char *name, int blocks) { CHECK(incfs_make_file(&control, name, 0444, id, &(struct incfs_new_file){.size = blocks * 4096}) == 0); }
            static void start(const char *mount) { CHECK(incfs_open_root(mount, false, &control) == 0); memset(block, 'x', sizeof block); }
            static int fill(int fd, uint32_t index) { return incfs_write_blocks(&(struct incfs_block){.fd = fd, .index = index, .size = 4096, .data = block}, 1); }
            \(text)
            END
            cc -std=gnu11 -Wall -Werror -Wno-unused-function -I "$SOURCES/../Sources/CIncrementalFS/include" program.c -o program -lpthread

            """
        }

        /// Makes a program of the text and runs it on a mount, with its place and that of a file there; then what comes `after` in the script.
        private func run(_ text: String, options: String = "", seconds: Int = 50, as user: MountSite.User = .root, after: String = "") async throws {
            try await ContractSite.run(Self.program(text) + """
                bin/incfs mount --backing backing mnt \(options.isEmpty ? "" : "-o \(options)")
                timeout -k 1 \(seconds) ./program mnt mnt/file
                \(after)
                umount mnt
                """, as: user)
        }

        /// A loader that opens the file by its name, for writing as root's do, when somebody waits already.
        @Test func aFileIsOpenedForWritingWhileAReaderWaits() async throws {
            try await run("""
                static void *reader(void *name) {
                    char got[4096];
                    int fd = open(name, O_RDONLY);
                    CHECK(pread(fd, got, 4096, 4096) == 4096 && got[0] == 'x');
                    return NULL;
                }
                int main(int count, char **words) {
                    start(words[1]);
                    create("file", 3);
                    pthread_t thread;
                    CHECK(pthread_create(&thread, NULL, reader, words[2]) == 0);
                    struct incfs_read reads[4];
                    CHECK(incfs_wait_for_pending_reads(&control, 30000, reads, 4) == 1);
                    int fd = open(words[2], O_RDWR);
                    CHECK(fd >= 0 && incfs_permit_fill(&control, fd) == 0 && fill(fd, 1) == 1);
                    CHECK(pthread_join(thread, NULL) == 0);
                    return 0;
                }
                """, options: "read_timeout_ms=3600000,readahead=0")
        }

        /// Of a read(2) in the background the kernel does not say that its reader was killed: it is found out when the time is over.
        @Test(arguments: MountSite.User.allCases) func aReaderThatWasKilledHasNotTimedOut(_ user: MountSite.User) async throws {
            try await run("""
                int main(int count, char **words) {
                    start(words[1]);
                    create("file", 2);
                    pid_t child = fork();
                    if (child == 0) {
                        int fd = open(words[2], O_RDONLY);
                        pread(fd, block, 4096, 0);
                        _exit(9);
                    }
                    struct incfs_read reads[4];
                    CHECK(incfs_wait_for_pending_reads(&control, 30000, reads, 4) == 1);
                    int status;
                    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
                    struct incfs_raw_error error = {0};
                    while (error.error == 0) CHECK(ioctl(control.commands, INCFS_IOC_LAST_ERROR, &error) == 0);
                    CHECK(error.error == -512 && error.page == 0);
                    CHECK(incfs_wait_for_page_reads(&control, 100, reads, 4) == -ETIMEDOUT);
                    return 0;
                }
                """, options: "read_timeout_ms=1000,readahead=0", as: user, after: """
                bin/incfs counters mnt > counters
                grep -qx 'reads_failed_timed_out 0' counters; grep -qx 'reads_failed_other 1' counters
                """)
        }

        /// The kernel tries again without end, a time-out each: it is ended after five seconds and a few tries.
        @Test(arguments: MountSite.User.allCases) func mlockOfAMissingPageEnds(_ user: MountSite.User) async throws {
            try await run("""
                int main(int count, char **words) {
                    start(words[1]);
                    create("file", 8);
                    int fd = open(words[2], O_RDONLY);
                    char *memory = mmap(NULL, 8 * 4096, PROT_READ, MAP_SHARED, fd, 0);
                    CHECK(memory != MAP_FAILED);
                    CHECK(mlock(memory + 6 * 4096, 4096) != 0);
                    return 0;
                }
                """, options: "read_timeout_ms=300", seconds: 25, as: user)
        }

        /// A program that reads a page again and again that does not come is not such a loop: nobody else sees another file for it.
        @Test(arguments: MountSite.User.allCases) func whoTriesAgainIsLeftAlone(_ user: MountSite.User) async throws {
            try await run("""
                static _Atomic int over;
                static void *again(void *name) {
                    char got[4096];
                    int fd = open(name, O_RDONLY), tries = 0;
                    while (!over) CHECK(pread(fd, got, 4096, 10 * 4096) < 0 && errno == ETIME && ++tries > 0);
                    CHECK(tries > 50);
                    return NULL;
                }
                int main(int count, char **words) {
                    start(words[1]);
                    create("file", 64);
                    int fd = incfs_open_to_fill(&control, id), seen = open(words[2], O_RDONLY);
                    CHECK(fill(fd, 60) == 1);
                    pthread_t thread;
                    CHECK(pthread_create(&thread, NULL, again, words[2]) == 0);
                    // A page behind, mapped anew each time: SIGBUS where the file seems to end in front of it.
                    for (time_t end = time(NULL) + 8; time(NULL) < end;) {
                        volatile char *memory = mmap(NULL, 64 * 4096, PROT_READ, MAP_SHARED, seen, 0);
                        CHECK(memory != MAP_FAILED && memory[60 * 4096] == 'x');
                        munmap((void *)memory, 64 * 4096);
                    }
                    over = 1;
                    CHECK(pthread_join(thread, NULL) == 0);
                    return 0;
                }
                """, options: "read_timeout_ms=30,readahead=0", as: user)
        }

        /// A thread that has descriptors of its own, and one whose process has lost its first thread.
        @Test(arguments: MountSite.User.allCases) func whoAsksForAPermissionIsAThread(_ user: MountSite.User) async throws {
            try await ContractSite.run(Self.program("""
                static const char *name;
                static void *later(void *unused) {
                    // The first thread has ended.
                    for (char state = 0; state != 'Z';) {
                        FILE *file = fopen("/proc/self/stat", "r");
                        CHECK(file && fscanf(file, "%*d (program) %c", &state) == 1);
                        fclose(file);
                        sched_yield();
                    }
                    int fd = open(name, O_RDONLY);
                    CHECK(incfs_permit_fill(&control, fd) == 0 && fill(fd, 1) == 1);
                    exit(0);
                }
                static void *apart(void *unused) {
                    CHECK(unshare(CLONE_FILES) == 0);
                    int fd = open(name, O_RDONLY), far = dup2(fd, 500);
                    CHECK(far == 500 && incfs_permit_fill(&control, far) == 0 && fill(far, 0) == 1);
                    return NULL;
                }
                int main(int count, char **words) {
                    start(words[1]);
                    create("file", 2);
                    name = words[2];
                    pthread_t thread;
                    CHECK(pthread_create(&thread, NULL, apart, NULL) == 0 && pthread_join(thread, NULL) == 0);
                    CHECK(pthread_create(&thread, NULL, later, NULL) == 0);
                    pthread_exit(NULL);
                }
                """) + """
                bin/incfs mount --backing backing mnt
                # Linux 6.9 can tell a thread's descriptors from its process's.
                if printf '6.9\\n%s\\n' "$(uname -r)" | sort -VC; then timeout -k 1 50 ./program mnt mnt/file; fi
                umount mnt
                """, as: user)
        }

        /// The creation mask is the caller's, as on the file system below; the bits of the backing directory come before it.
        @Test(arguments: MountSite.User.allCases) func mkdirKeepsToTheMask(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                bin/incfs mount --backing backing mnt
                for mask in 022 077 002; do
                    (umask $mask; mkdir mnt/$mask)
                    test $(stat -c %a mnt/$mask) = $(printf %o $((0777 & ~mask))) || { stat -c %a mnt/$mask; exit 1; }
                done
                umount mnt
                """, as: user)
        }

        /// A name that could not be had is not one that the mount has.
        @Test(arguments: MountSite.User.allCases) func aNameOfCountersThatWasLostCanBeHadAgain(_ user: MountSite.User) async throws {
            try await ContractSite.run("""
                mkdir other second; fs=$(id -u)-$$
                names() { if [ "$(id -u)" = 0 ]; then ls /run/incfs/contract/instances; else ls ${XDG_RUNTIME_DIR:-/tmp/incfs-$(id -u)}*/contract/instances ${XDG_RUNTIME_DIR:-/tmp/incfs-$(id -u)}/incfs/contract/instances 2> gone; fi; }
                bin/incfs mount --backing backing mnt -o sysfs_name=a$fs; bin/incfs mount --backing other second -o sysfs_name=b$fs
                expect 17 bin/incfs-contractd remount second -o sysfs_name=a$fs
                expect 0 bin/incfs remount second -o sysfs_name=b$fs
                names | grep -qx b$fs
                umount mnt; umount second
                """, as: user)
        }

        /// Names of attributes are not changed on their way, and who is not root does not see root's.
        @Test func attributesKeepTheirNames() async throws {
            try await ContractSite.run(Self.program("""
                int main(int count, char **words) {
                    char names[4096];
                    start(words[1]);
                    create("file", 1);
                    CHECK(setxattr(words[2], "user.\\xff", "1", 1, 0) < 0 && errno == EOPNOTSUPP);
                    CHECK(getxattr(words[2], "user.\\xff", names, 1) < 0 && errno == ENODATA);
                    CHECK(setxattr(words[2], "user.seen", "1", 1, 0) == 0 && setxattr(words[2], "trusted.hidden", "1", 1, 0) == 0);
                    ssize_t length = listxattr(words[2], names, sizeof names);
                    CHECK(length > 0 && memmem(names, length, "trusted.hidden", 15) && memmem(names, length, "user.seen", 10));
                    CHECK(setgid(65534) == 0 && setuid(65534) == 0);
                    length = listxattr(words[2], names, sizeof names);
                    CHECK(length > 0 && !memmem(names, length, "trusted", 7) && memmem(names, length, "user.seen", 10));
                    return 0;
                }
                """) + """
                chmod 755 . ..; bin/incfs mount --backing backing mnt
                timeout -k 1 50 ./program mnt mnt/file
                umount mnt
                """)
        }

        /// An id may be used again when the last name is gone, though the file is still open: the two are not each other's.
        @Test(arguments: MountSite.User.allCases) func twoFilesOfOneIdentity(_ user: MountSite.User) async throws {
            try await run("""
                static int old;
                static void *reader(void *unused) {
                    char got[4096];
                    CHECK(pread(old, got, 4096, 4096) == 4096 && got[0] == 'x');
                    return NULL;
                }
                int main(int count, char **words) {
                    start(words[1]);
                    create("file", 2);
                    old = open(words[2], O_RDONLY);
                    CHECK(old >= 0 && incfs_permit_fill(&control, old) == 0 && unlink(words[2]) == 0);
                    pthread_t thread;
                    CHECK(pthread_create(&thread, NULL, reader, NULL) == 0);
                    struct incfs_read reads[4];
                    CHECK(incfs_wait_for_pending_reads(&control, 30000, reads, 4) == 1);
                    create("file", 2);
                    int new = incfs_open_to_fill(&control, id);
                    CHECK(new >= 0 && fill(new, 1) == 1);
                    char path[64];
                    incfs_special_path(".incomplete", id, path);
                    int root = open(words[1], O_PATH | O_DIRECTORY);
                    CHECK(fill(old, 0) == 1 && fill(old, 1) == 1 && pthread_join(thread, NULL) == 0);
                    // That one is complete, this one is not.
                    CHECK(faccessat(root, path, F_OK, 0) == 0);
                    CHECK(fill(new, 0) == 1 && faccessat(root, path, F_OK, 0) != 0 && errno == ENOENT);
                    return 0;
                }
                """, options: "read_timeout_ms=3600000,readahead=0", as: user)
        }
    }
}
