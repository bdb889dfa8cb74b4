/* Reads files in every way a program can, and watches how readers end. Linked statically: it runs in the emulator as well.
 *
 *   probe compare WAY FILE EXPECTED        every byte of FILE, read in WAY, against EXPECTED
 *   probe trees WAY TREE EXPECTED LIST     the same for all files named in LIST, a path from the top in each line
 *   probe outcome WAY FILE OFFSET          reads one page; prints "data", "errno NAME-NUMBER" or "signal NUMBER", and the time
 *   probe kill WAY FILE OFFSET AFTER BOUND a child reads a page; if it still waits after AFTER ms it is killed with SIGKILL
 *                                          and must be gone within BOUND ms
 *   probe loop TREE EXPECTED LIST SEED     reads pieces of random files in random ways until SIGTERM; prints one line with counts
 *                                          at the end, and each stall of more than 100 ms as it happens
 *
 * WAY: read, random, mmap, fault, direct, sendfile, exec (outcome and kill only).
 * Exit status: 0 as wanted, 1 not, 2 wrong usage. Offsets in bytes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096, most = 1 << 20 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const char *path) {
    fprintf(stderr, "probe: %s %s: %s\n", what, path, strerror(errno));
    exit(2);
}

/* A fault on a page that cannot be had is SIGBUS: here it becomes an error like any other. */
static sigjmp_buf jump;
static volatile sig_atomic_t jumping;
static void bus(int number) {
    if (jumping) siglongjmp(jump, 1);
    signal(number, SIG_DFL);
    raise(number);
}

/* Copies out of a mapping; -EFAULT when a page cannot be had. Backwards: no readahead helps. */
static ssize_t copy_mapped(const char *memory, size_t length, int backwards, char *buffer) {
    if (sigsetjmp(jump, 1)) {
        jumping = 0;
        return -EFAULT;
    }
    jumping = 1;
    if (!backwards) memcpy(buffer, memory, length);
    for (size_t end = backwards ? length : 0; end > 0;) {
        size_t begin = (end - 1) / page * page;
        memcpy(buffer + begin, memory + begin, end - begin);
        end = begin;
    }
    jumping = 0;
    return (ssize_t)length;
}

/* Up to `length` bytes at `offset` of `path`, read in one way. The count, or -errno; a fault is -EFAULT. */
static ssize_t get(const char *way, const char *path, uint64_t offset, size_t length, void *buffer) {
    int direct = !strcmp(way, "direct");
    int file = open(path, O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
    if (file < 0) return -errno;
    struct stat status;
    if (fstat(file, &status)) { int e = errno; close(file); return -e; }
    if (offset >= (uint64_t)status.st_size) { close(file); return 0; }
    if (length > (uint64_t)status.st_size - offset && !direct) length = (uint64_t)status.st_size - offset;
    ssize_t done = 0;
    if (!strcmp(way, "read") || !strcmp(way, "random") || direct) {
        while ((size_t)done < length) {
            ssize_t n = pread(file, (char *)buffer + done, length - (size_t)done, (off_t)offset + done);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) { done = -errno; break; }
            if (n == 0) break;
            done += n;
            if (direct && done % page) break;
        }
    } else if (!strcmp(way, "mmap") || !strcmp(way, "fault")) {
        uint64_t start = offset & ~(uint64_t)(page - 1);
        size_t span = length + (size_t)(offset - start);
        int flags = !strcmp(way, "mmap") ? MAP_PRIVATE : MAP_SHARED;
        char *memory = mmap(NULL, span, PROT_READ, flags, file, (off_t)start);
        if (memory == MAP_FAILED) {
            done = -errno;
        } else {
            done = copy_mapped(memory + (offset - start), length, !strcmp(way, "fault"), buffer);
            munmap(memory, span);
        }
    } else if (!strcmp(way, "sendfile")) {
        int pipes[2];
        if (pipe(pipes)) { int e = errno; close(file); return -e; }
        off_t at = (off_t)offset;
        while ((size_t)done < length) {
            size_t want = length - (size_t)done < page ? length - (size_t)done : page;
            ssize_t n = sendfile(pipes[1], file, &at, want);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) { done = -errno; break; }
            if (n == 0) break;
            for (ssize_t have = 0; have < n;) {
                ssize_t m = read(pipes[0], (char *)buffer + done + have, (size_t)(n - have));
                if (m <= 0) die("cannot read the pipe of", path);
                have += m;
            }
            done += n;
        }
        close(pipes[0]);
        close(pipes[1]);
    } else {
        fprintf(stderr, "probe: there is no way of reading called %s\n", way);
        exit(2);
    }
    close(file);
    return done;
}

/* What must be there. Local files only: an error is ours. */
static size_t expect(const char *path, uint64_t offset, size_t length, void *buffer) {
    ssize_t n = get("read", path, offset, length, buffer);
    if (n < 0) { errno = (int)-n; die("cannot read", path); }
    return (size_t)n;
}

static void *buffer_of(size_t size) {
    void *memory = NULL;
    if (posix_memalign(&memory, page, size)) die("no memory for", "a buffer");
    return memory;
}

static int compare(const char *way, const char *path, const char *expected) {
    struct stat ours, theirs;
    if (stat(path, &ours)) { printf("%s: %s\n", path, strerror(errno)); return 1; }
    if (stat(expected, &theirs)) die("cannot look at", expected);
    if (ours.st_size != theirs.st_size) { printf("%s: %lld bytes instead of %lld\n", path, (long long)ours.st_size, (long long)theirs.st_size); return 1; }
    size_t step = !strcmp(way, "random") ? 3 * page : 64 * page;
    uint64_t pieces = ((uint64_t)ours.st_size + step - 1) / step;
    static char *a, *b;
    if (!a) { a = buffer_of(64 * page); b = buffer_of(64 * page); }
    for (uint64_t i = 0; i < pieces; i++) {
        /* 2654435761 is prime: with fewer pieces than that each comes once, far from the one before. */
        uint64_t piece = strcmp(way, "random") ? i : i * 2654435761u % pieces;
        uint64_t offset = piece * step;
        size_t want = expect(expected, offset, step, b);
        ssize_t n = get(way, path, offset, step, a);
        if (n < 0) { printf("%s at %llu, %s: %s\n", path, (unsigned long long)offset, way, strerror((int)-n)); return 1; }
        if ((size_t)n != want || memcmp(a, b, want)) { printf("%s at %llu, %s: other bytes than published\n", path, (unsigned long long)offset, way); return 1; }
    }
    return 0;
}

/* In a child: one page. Never returns. The exit status says how it went: 0 data, 1 an error, whose number is on `report`. */
static void read_page(const char *way, const char *path, uint64_t offset, int report) {
    if (!strcmp(way, "exec")) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        execl(path, path, "true", NULL);
        int e = errno;
        if (write(report, &e, sizeof e) != sizeof e) _exit(3);
        _exit(1);
    }
    char *memory = buffer_of(page);
    jumping = 0;
    signal(SIGBUS, SIG_DFL);
    ssize_t n;
    if (!strcmp(way, "fault") || !strcmp(way, "mmap")) {
        /* The signal itself is the outcome here. */
        int file = open(path, O_RDONLY);
        if (file < 0) { n = -errno; } else {
            volatile char *m = mmap(NULL, page, PROT_READ, !strcmp(way, "mmap") ? MAP_PRIVATE : MAP_SHARED, file, (off_t)(offset & ~(uint64_t)(page - 1)));
            if (m == MAP_FAILED) n = -errno; else { *memory = m[0]; n = 1; }
        }
    } else {
        n = get(way, path, offset, page, memory);
    }
    if (n >= 0) _exit(0);
    int e = (int)-n;
    if (write(report, &e, sizeof e) != sizeof e) _exit(3);
    _exit(1);
}

static int outcome(const char *way, const char *path, uint64_t offset) {
    int report[2];
    if (pipe2(report, O_CLOEXEC)) die("no pipe for", path);
    double begin = now();
    pid_t child = fork();
    if (child == 0) read_page(way, path, offset, report[1]);
    int status, e = 0;
    waitpid(child, &status, 0);
    double took = (now() - begin) * 1000;
    if (WIFSIGNALED(status)) { printf("signal %d after %.0f ms\n", WTERMSIG(status), took); return 0; }
    if (WEXITSTATUS(status) == 0) { printf("data after %.0f ms\n", took); return 0; }
    fcntl(report[0], F_SETFL, O_NONBLOCK);
    if (read(report[0], &e, sizeof e) != sizeof e) { printf("exit %d after %.0f ms\n", WEXITSTATUS(status), took); return 0; }
    printf("errno %s-%d after %.0f ms\n", strerrorname_np(e) ? strerrorname_np(e) : "?", e, took);
    return 0;
}

static int kill_waiting(const char *way, const char *path, uint64_t offset, int after, int bound) {
    int report[2];
    if (pipe2(report, O_CLOEXEC)) die("no pipe for", path);
    pid_t child = fork();
    if (child == 0) read_page(way, path, offset, report[1]);
    int status;
    for (double end = now() + after / 1000.0; now() < end; usleep(2000)) {
        if (waitpid(child, &status, WNOHANG) == child) { printf("%s did not wait: status %d\n", way, status); return 1; }
    }
    double begin = now();
    kill(child, SIGKILL);
    while (waitpid(child, &status, WNOHANG) != child) {
        if ((now() - begin) * 1000 > bound) { printf("%s: not gone %d ms after SIGKILL\n", way, bound); return 1; }
        usleep(500);
    }
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) { printf("%s: ended otherwise: status %d\n", way, status); return 1; }
    printf("%s ended %.0f ms after SIGKILL\n", way, (now() - begin) * 1000);
    return 0;
}

/* The loop */

static volatile sig_atomic_t stopping;
static void stop(int number) { (void)number; stopping = 1; }
static uint64_t state;
static uint64_t next(void) {  /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static char *names[1 << 17];
/* The lines of `list`. */
static size_t read_names(const char *list) {
    size_t count = 0;
    char line[4096];
    FILE *input = fopen(list, "r");
    if (!input) die("cannot open", list);
    while (count < sizeof names / sizeof *names && fgets(line, sizeof line, input)) {
        line[strcspn(line, "\n")] = 0;
        if (*line) names[count++] = strdup(line);
    }
    fclose(input);
    if (count == 0) { fprintf(stderr, "probe: %s names no files\n", list); exit(2); }
    return count;
}

static void join(char *path, size_t size, const char *tree, const char *name) {
    if ((size_t)snprintf(path, size, "%s/%s", tree, name) >= size) { errno = ENAMETOOLONG; die("cannot use", name); }
}

static int trees(const char *way, const char *tree, const char *expected, const char *list) {
    char path[8192], other[8192];
    size_t count = read_names(list);
    for (size_t i = 0; i < count; i++) {
        join(path, sizeof path, tree, names[i]);
        join(other, sizeof other, expected, names[i]);
        if (compare(way, path, other)) return 1;
    }
    return 0;
}

static int loop(const char *tree, const char *expected, const char *list, uint64_t seed) {
    size_t count = read_names(list);
    signal(SIGTERM, stop);
    static const char *ways[] = { "read", "mmap", "fault", "direct", "sendfile" };
    state = seed * 0x9E3779B97F4A7C15u + 1;
    char *a = buffer_of(most), *b = buffer_of(most);
    uint64_t reads = 0, bytes = 0, errors = 0, wrong = 0;
    double worst = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (!stopping) {
        const char *name = names[next() % count];
        char path[8192], other[8192];
        join(path, sizeof path, tree, name);
        join(other, sizeof other, expected, name);
        struct stat status;
        if (stat(other, &status)) die("cannot look at", other);
        const char *way = ways[next() % 5];
        uint64_t pages = ((uint64_t)status.st_size + page - 1) / page;
        uint64_t offset = pages ? next() % pages * page : 0;
        size_t length = (size_t)(1 + next() % (next() % 8 ? 16 : most / page)) * page;
        if (!strcmp(way, "read") && next() % 2) { offset = offset + next() % page; length = 1 + (size_t)(next() % length); }
        size_t want = expect(other, offset, length, b);
        double begin = now();
        /* The page cache is dropped for this file now and then, so that the daemon is asked again. */
        if (next() % 4 == 0) {
            int file = open(path, O_RDONLY);
            if (file >= 0) { posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED); close(file); }
        }
        ssize_t n = get(way, path, offset, length, a);
        double end = now();
        reads++;
        if (n < 0) {
            errors++;
            printf("error %.3f %s %s at %llu: %s\n", end, way, name, (unsigned long long)offset, strerror((int)-n));
        } else if ((size_t)n != want || memcmp(a, b, want)) {
            wrong++;
            printf("wrong %.3f %s %s at %llu: %zd bytes, %zu expected\n", end, way, name, (unsigned long long)offset, n, want);
        } else {
            bytes += (uint64_t)n;
        }
        if (end - begin > worst) worst = end - begin;
        if (end - begin > 0.1) printf("stall %.3f %.3f %s %s at %llu\n", begin, end, way, name, (unsigned long long)offset);
    }
    printf("total %llu reads %llu bytes %llu errors %llu wrong %.3f worst\n", (unsigned long long)reads, (unsigned long long)bytes, (unsigned long long)errors, (unsigned long long)wrong, worst);
    return errors || wrong;
}

int main(int count, char **arguments) {
    signal(SIGBUS, bus);
    const char *what = count > 1 ? arguments[1] : "";
    if (!strcmp(what, "compare") && count == 5) return compare(arguments[2], arguments[3], arguments[4]);
    if (!strcmp(what, "trees") && count == 6) return trees(arguments[2], arguments[3], arguments[4], arguments[5]);
    if (!strcmp(what, "outcome") && count == 5) return outcome(arguments[2], arguments[3], strtoull(arguments[4], NULL, 10));
    if (!strcmp(what, "kill") && count == 7) return kill_waiting(arguments[2], arguments[3], strtoull(arguments[4], NULL, 10), atoi(arguments[5]), atoi(arguments[6]));
    if (!strcmp(what, "loop") && count == 6) return loop(arguments[2], arguments[3], arguments[4], strtoull(arguments[5], NULL, 10));
    fprintf(stderr, "usage: probe compare WAY FILE EXPECTED | trees WAY TREE EXPECTED LIST | outcome WAY FILE OFFSET | kill WAY FILE OFFSET AFTER BOUND | loop TREE EXPECTED LIST SEED\n");
    return 2;
}
