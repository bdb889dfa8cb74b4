// Does one thing to files of a mount and says what came of it: the reading half of the mount tests, in a process of its own
// that may wait, be killed, or fault without harm to the test.
//
//   mount-probe METHOD FILE ORIGINAL OFFSET LENGTH   reads, compares with ORIGINAL ("-": does not)
//   mount-probe exec FILE [ARG...]                   becomes FILE
//   mount-probe seek FILE                            the map of SEEK_DATA and SEEK_HOLE
//   mount-probe readonly DIRECTORY FILE              what of writing is not refused with EROFS
//   mount-probe facts FILE                           extended attributes and statfs
//   mount-probe pushed FILE OFFSET LENGTH            reads one page at random; counts cached pages of the range
//   mount-probe forget FILE                          drops its cached pages
//
// A reading METHOD prints "ready" before it touches FILE, then "same", "differs at N", "short at N", or "error NAME".
// PROBE_ALARM=ms makes a timer signal with a handler and without SA_RESTART fire all the time; PROBE_RESTARTING_ALARM=ms, with it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

static volatile sig_atomic_t alarms;
static int has_alarm;
static void on_alarm(int n) { (void)n; alarms++; }
static void on_bus(int n) {
    (void)n;
    static const char text[] = "error SIGBUS\n";
    if (write(1, text, sizeof text - 1)) {}
    _exit(3);
}

static int fail(const char *what) {
    printf("error %s (%s)\n", strerrorname_np(errno), what);
    return 3;
}

static void start_alarm(void) {
    const char *text = getenv("PROBE_ALARM"), *restarting = getenv("PROBE_RESTARTING_ALARM");
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = text ? 0 : SA_RESTART};
    if (!text) text = restarting;
    if (!text) return;
    has_alarm = 1;
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, atoi(text) * 1000}, {0, atoi(text) * 1000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

// Reads [offset, offset + length) of fd into buffer; the bytes read, -1 with errno.
static ssize_t get(const char *method, int fd, unsigned char *buffer, off_t offset, size_t length) {
    size_t done = 0;
    if (!strcmp(method, "pread")) {
        posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
        while (done < length) {
            ssize_t n = pread(fd, buffer + done, length - done < 4096 ? length - done : 4096, offset + (off_t)done);
            if (n < 0) return -1;
            if (n == 0) break;
            done += (size_t)n;
        }
    } else if (!strcmp(method, "read")) {
        if (lseek(fd, offset, SEEK_SET) < 0) return -1;
        while (done < length) {
            ssize_t n = read(fd, buffer + done, length - done < 65536 ? length - done : 65536);
            if (n < 0) return -1;
            if (n == 0) break;
            done += (size_t)n;
        }
    } else if (!strcmp(method, "direct")) {
        while (done < length) {
            ssize_t n = pread(fd, buffer + done, (length - done + 4095) / 4096 * 4096, offset + (off_t)done);
            if (n < 0) return -1;
            if (n == 0) break;
            done += (size_t)n;
        }
        if (done > length) done = length;
    } else if (!strcmp(method, "shared") || !strcmp(method, "private") || !strcmp(method, "populate")) {
        int private = method[1] == 'r', populate = method[1] == 'o';
        unsigned char *map = mmap(NULL, length, private ? PROT_READ | PROT_WRITE : PROT_READ,
                                  (private ? MAP_PRIVATE : MAP_SHARED) | (populate ? MAP_POPULATE : 0), fd, offset);
        if (map == MAP_FAILED) return -1;
        memcpy(buffer, map, length);
        // A private page can be written, and the file does not change.
        if (private) for (size_t i = 0; i < length; i += 4096) map[i] ^= 0xff;
        munmap(map, length);
        done = length;
    } else if (!strcmp(method, "sendfile")) {
        int out = memfd_create("out", 0);
        off_t at = offset;
        while (done < length) {
            ssize_t n = sendfile(out, fd, &at, length - done);
            if (n < 0) return -1;
            if (n == 0) break;
            done += (size_t)n;
        }
        if (pread(out, buffer, done, 0) != (ssize_t)done) return -1;
    } else if (!strcmp(method, "splice")) {
        int ends[2];
        if (pipe(ends) < 0) return -1;
        off_t at = offset;
        while (done < length) {
            ssize_t n = splice(fd, &at, ends[1], NULL, length - done < 65536 ? length - done : 65536, 0);
            if (n < 0) return -1;
            if (n == 0) break;
            for (ssize_t taken = 0; taken < n;) {
                ssize_t got = read(ends[0], buffer + done, (size_t)(n - taken));
                if (got <= 0) return -1;
                taken += got;
                done += (size_t)got;
            }
        }
    } else {
        errno = ENOSYS;
        return -1;
    }
    return (ssize_t)done;
}

static int reading(const char *method, const char *file, const char *original, off_t offset, size_t length) {
    unsigned char *want = NULL, *got;
    if (posix_memalign((void **)&got, 4096, length + 4096)) return 2;
    memset(got, 0xa5, length + 4096);
    if (strcmp(original, "-")) {
        int fd = open(original, O_RDONLY);
        want = malloc(length);
        if (fd < 0 || !want || pread(fd, want, length, offset) != (ssize_t)length) return fail("original");
        close(fd);
    }
    signal(SIGBUS, on_bus);
    start_alarm();
    printf("ready\n");
    int fd = open(file, O_RDONLY | (strcmp(method, "direct") ? 0 : O_DIRECT));
    if (fd < 0) return fail("open");
    ssize_t n = get(method, fd, got, offset, length);
    struct itimerval off = {{0, 0}, {0, 0}};
    int error = errno;
    setitimer(ITIMER_REAL, &off, NULL);
    errno = error;
    if (n < 0) return fail(method);
    if (has_alarm) printf("alarms %d\n", (int)alarms);
    if ((size_t)n != length) { printf("short at %zd\n", n); return 1; }
    for (size_t i = 0; want && i < length; i++)
        if (want[i] != got[i]) { printf("differs at %zu\n", i + (size_t)offset); return 1; }
    printf("same\n");
    return 0;
}

static int seek(const char *file) {
    int fd = open(file, O_RDONLY);
    if (fd < 0) return fail("open");
    for (off_t at = 0;;) {
        off_t data = lseek(fd, at, SEEK_DATA);
        if (data < 0) return errno == ENXIO ? 0 : fail("SEEK_DATA");
        at = lseek(fd, data, SEEK_HOLE);
        if (at < 0) return fail("SEEK_HOLE");
        printf("%lld-%lld\n", (long long)data, (long long)at);
    }
}

// Anything that is not refused with EROFS is printed.
static void refused(const char *what, long result) {
    if (result >= 0) printf("%s: allowed\n", what);
    else if (errno != EROFS) printf("%s: %s\n", what, strerrorname_np(errno));
}

static int readonly(const char *directory, const char *file) {
    char new[4096];
    snprintf(new, sizeof new, "%s/new name", directory);
    refused("open for writing", open(file, O_WRONLY));
    refused("open for both", open(file, O_RDWR));
    refused("open and truncate", open(file, O_WRONLY | O_TRUNC));
    refused("create", open(new, O_WRONLY | O_CREAT, 0644));
    refused("unlink", unlink(file));
    refused("rename", rename(file, new));
    refused("mkdir", mkdir(new, 0755));
    refused("rmdir", rmdir(directory));
    refused("truncate", truncate(file, 0));
    refused("chmod", chmod(file, 0600));
    refused("chown", chown(file, 1, 1));
    refused("utimens", utimensat(AT_FDCWD, file, NULL, 0));
    refused("link", link(file, new));
    refused("symlink", symlink("target", new));
    refused("mknod", mknod(new, S_IFIFO | 0644, 0));
    refused("setxattr", setxattr(file, "user.x", "1", 1, 0));
    refused("removexattr", removexattr(file, "user.x"));
    int fd = open(file, O_RDONLY);
    if (fd < 0) return fail("open");
    errno = 0;
    if (write(fd, "x", 1) >= 0 || errno != EBADF) printf("write: %s\n", strerrorname_np(errno));
    if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED) printf("shared writable mapping: allowed\n");
    printf("done\n");
    return 0;
}

static int facts(const char *file) {
    char value[64];
    printf("list %zd\n", listxattr(file, NULL, 0));
    ssize_t n = getxattr(file, "user.none", value, sizeof value);
    printf("get %s\n", n < 0 ? strerrorname_np(errno) : "found");
    struct statfs fs;
    if (statfs(file, &fs) < 0) return fail("statfs");
    printf("type %lx block %ld free %ld names %ld blocks %ld files %ld\n", (long)fs.f_type, (long)fs.f_bsize, (long)fs.f_bavail, (long)fs.f_namelen,
           (long)fs.f_blocks, (long)fs.f_files);
    return 0;
}

static int pushed(const char *file, off_t offset, size_t length) {
    int fd = open(file, O_RDONLY);
    if (fd < 0) return fail("open");
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    void *map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, offset);
    if (map == MAP_FAILED) return fail("mmap");
    unsigned char pages[4096] = {0}, page[4096];
    size_t before = 0, after = 0;
    if (mincore(map, length, pages)) return fail("mincore");
    for (size_t i = 0; i < (length + 4095) / 4096; i++) before += pages[i] & 1;
    if (pread(fd, page, sizeof page, offset) < 0) return fail("pread");
    if (mincore(map, length, pages)) return fail("mincore");
    for (size_t i = 0; i < (length + 4095) / 4096; i++) after += pages[i] & 1;
    printf("%zu then %zu\n", before, after);
    return 0;
}

// posix_fadvise skips a page that anybody holds at that moment (threads of the kernel look at pages too): until none is left.
static int forget(const char *file) {
    struct stat facts;
    int fd = open(file, O_RDONLY);
    if (fd < 0 || fstat(fd, &facts)) return fail("forget");
    size_t length = (size_t)facts.st_size, count = (length + 4095) / 4096, left = count;
    if (length == 0) return 0;
    void *map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
    unsigned char *pages = malloc(count);
    if (map == MAP_FAILED || !pages) return fail("forget");
    for (int i = 0; i < 10000 && left > 0; i++) {
        if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) || mincore(map, length, pages)) return fail("forget");
        left = 0;
        for (size_t page = 0; page < count; page++) left += pages[page] & 1;
        if (left > 0) sched_yield();
    }
    errno = EBUSY;
    return left > 0 ? fail("forget") : 0;
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IONBF, 0);
    // Linked with a runtime that catches what dumps core, to print a trace.
    for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
    if (count < 3) return 2;
    const char *method = arguments[1], *file = arguments[2];
    if (!strcmp(method, "exec")) {
        printf("ready\n");
        execv(file, arguments + 2);
        return fail("exec");
    }
    if (!strcmp(method, "seek")) return seek(file);
    if (!strcmp(method, "facts")) return facts(file);
    if (!strcmp(method, "readonly") && count == 4) return readonly(file, arguments[3]);
    if (!strcmp(method, "pushed") && count == 5) return pushed(file, atoll(arguments[3]), (size_t)atoll(arguments[4]));
    if (!strcmp(method, "forget")) return forget(file);
    if (count != 6) return 2;
    return reading(method, file, arguments[3], atoll(arguments[4]), (size_t)atoll(arguments[5]));
}
