// Load for measurements: reads one file and prints one line of JSON.
//
//   readers seq  FILE [--block BYTES] [--direct] [--keep-cache] [--bytes N]
//   readers rand FILE [--threads N] [--reads N] [--direct] [--keep-cache] [--seed N]
//
// seq reads from start to end (default 128 KiB at a time) and gives MB/s. rand preads 4 KiB at random aligned offsets, --reads
// per thread, and gives p50, p99 and the rate of all threads together. Before the round, FILE's pages are dropped from the
// page cache with posix_fadvise(DONTNEED), unless --keep-cache; a FUSE mount's pages and its data file's are different pages.
//
//   cc -O2 -Wall -o readers readers.c -lpthread
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 4096, MAX_THREADS = 64 };

static const char *file;
static uint64_t size;
static long reads = 20000;
static uint64_t seed = 1;
static int direct;
static pthread_barrier_t start;

static void die(const char *what) {
    fprintf(stderr, "readers: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int open_file(void) {
    int fd = open(file, O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
    if (fd < 0) die(file);
    return fd;
}

static void *aligned(size_t length) {
    void *memory = NULL;
    if (posix_memalign(&memory, 4096, length) != 0) die("memory");
    memset(memory, 0, length);
    return memory;
}

// splitmix64: the same offsets for the same seed, everywhere.
static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

struct reader { pthread_t id; int number; uint32_t *latencies; uint64_t began, ended; };

static void *random_reader(void *argument) {
    struct reader *reader = argument;
    int fd = open_file();
    // No readahead: each read is one request.
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    void *buffer = aligned(SMALL);
    uint64_t state = seed * 1000003u + (uint64_t)reader->number, blocks = size / SMALL;
    pthread_barrier_wait(&start);
    reader->began = now_ns();
    uint64_t before = reader->began;
    for (long i = 0; i < reads; i++) {
        ssize_t n = pread(fd, buffer, SMALL, (off_t)(next_random(&state) % blocks * SMALL));
        if (n != SMALL) die("pread");
        uint64_t after = now_ns();
        uint64_t spent = after - before;
        reader->latencies[i] = spent > UINT32_MAX ? UINT32_MAX : (uint32_t)spent;
        before = after;
    }
    reader->ended = before;
    close(fd);
    free(buffer);
    return NULL;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void run_random(int threads) {
    if (size < SMALL) { fprintf(stderr, "readers: %s is smaller than a block\n", file); exit(1); }
    struct reader readers[MAX_THREADS];
    uint32_t *latencies = malloc(sizeof *latencies * (size_t)reads * (size_t)threads);
    if (!latencies) die("memory");
    memset(latencies, 0, sizeof *latencies * (size_t)reads * (size_t)threads);
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        readers[i] = (struct reader){ .number = i, .latencies = latencies + (size_t)i * (size_t)reads };
        if (pthread_create(&readers[i].id, NULL, random_reader, &readers[i]) != 0) die("thread");
    }
    uint64_t began = UINT64_MAX, ended = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(readers[i].id, NULL);
        if (readers[i].began < began) began = readers[i].began;
        if (readers[i].ended > ended) ended = readers[i].ended;
    }
    size_t count = (size_t)reads * (size_t)threads;
    qsort(latencies, count, sizeof *latencies, by_value);
    double seconds = (double)(ended - began) / 1e9;
    printf("{\"mode\":\"rand\",\"threads\":%d,\"reads\":%zu,\"direct\":%s,\"seconds\":%.6f,\"iops\":%.0f,\"p50_us\":%.2f,\"p99_us\":%.2f,\"max_us\":%.2f}\n",
           threads, count, direct ? "true" : "false", seconds, (double)count / seconds, latencies[count / 2] / 1e3,
           latencies[count * 99 / 100] / 1e3, latencies[count - 1] / 1e3);
    free(latencies);
}

static void run_sequential(size_t block, uint64_t limit) {
    int fd = open_file();
    void *buffer = aligned(block);
    uint64_t total = 0, began = now_ns();
    while (total < limit) {
        ssize_t n = read(fd, buffer, block);
        if (n < 0) die("read");
        if (n == 0) break;
        total += (uint64_t)n;
    }
    double seconds = (double)(now_ns() - began) / 1e9;
    printf("{\"mode\":\"seq\",\"bytes\":%llu,\"block\":%zu,\"direct\":%s,\"seconds\":%.6f,\"mb_per_s\":%.1f}\n", (unsigned long long)total, block,
           direct ? "true" : "false", seconds, (double)total / 1e6 / seconds);
    close(fd);
    free(buffer);
}

int main(int argc, char **argv) {
    if (argc < 3 || (strcmp(argv[1], "seq") && strcmp(argv[1], "rand"))) {
        fprintf(stderr, "usage: readers seq|rand FILE [--threads N] [--reads N] [--block BYTES] [--bytes N] [--direct] [--keep-cache] [--seed N]\n");
        return 64;
    }
    file = argv[2];
    int threads = 1, keep = 0;
    size_t block = 128 << 10;
    uint64_t limit = UINT64_MAX;
    for (int i = 3; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--threads")) { threads = atoi(value); i++; }
        else if (!strcmp(argv[i], "--reads")) { reads = atol(value); i++; }
        else if (!strcmp(argv[i], "--block")) { block = strtoull(value, NULL, 10); i++; }
        else if (!strcmp(argv[i], "--bytes")) { limit = strtoull(value, NULL, 10); i++; }
        else if (!strcmp(argv[i], "--seed")) { seed = strtoull(value, NULL, 10); i++; }
        else if (!strcmp(argv[i], "--direct")) direct = 1;
        else if (!strcmp(argv[i], "--keep-cache")) keep = 1;
        else { fprintf(stderr, "readers: unknown argument %s\n", argv[i]); return 64; }
    }
    if (threads < 1 || threads > MAX_THREADS || reads < 1 || block < 1 || (direct && block % 4096)) {
        fprintf(stderr, "readers: 1 to %d threads, at least one read, blocks of whole 4096 bytes with --direct\n", MAX_THREADS);
        return 64;
    }
    struct stat status;
    if (stat(file, &status) < 0) die(file);
    size = (uint64_t)status.st_size;
    if (!keep) {
        int fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0) die("dropping the cache");
        close(fd);
    }
    if (!strcmp(argv[1], "rand")) run_random(threads); else run_sequential(block, limit);
    return 0;
}
