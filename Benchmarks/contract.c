// Load for measurements of contract mounts: a data loader and its readers, in C. Prints one line of JSON.
//
//   contract make MOUNT NAME MEGABYTES raw|lz4|run|tree [--call BLOCKS]   creates a file and fills it
//   contract plain FILE MEGABYTES                                     the same bytes by plain buffered writes of 4 KiB
//   contract latency MOUNT ROUNDS                                     reader blocks, loader hears of it, fills, reader has its byte
//   contract pending MOUNT READERS [--pid DAEMON] [--uid USER]        so many reads wait at once and are filled in random order
//
// make and plain time the writing alone: what is written is made before. The last call of make completes the file, which the
// daemon syncs: it is timed apart, as is the fsync of plain. A raw block is 4096 bytes that do not compress. An LZ4 block
// has a fifth of its size when it is stored: for lz4 it is made of records of 64 bytes that differ in 8; for run it is a fifth of bytes that do not
// compress and one run of zeros, the content that liblz4 is slowest to decode. tree is raw with a hash tree: its blocks are stored first.
//
//   cc -O2 -Wall -I Sources/CIncrementalFS/include -o contract contract.c -llz4 -lcrypto -lpthread
#include "incremental_fs.h"
#include <lz4.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { BLOCK = 4096, HASHES = 128, RECORD = 64, RANDOM_PART = 790 };
enum content { RANDOM, RECORDS, RUN };

static void fail(const char *what, int error) {
    fprintf(stderr, "contract: %s: %s\n", what, strerror(error < 0 ? -error : error));
    exit(1);
}

static void check(int result, const char *what) { if (result < 0) fail(what, result); }

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// splitmix64: the same bytes everywhere.
static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void make_block(uint8_t *block, uint32_t number, enum content content) {
    uint64_t state = (uint64_t)number * 1000003u + 1;
    size_t length = content == RUN ? RANDOM_PART : BLOCK, step = content == RECORDS ? RECORD : 8;
    memset(block, 0, BLOCK);
    if (content == RECORDS) for (size_t at = 0; at < BLOCK; at++) block[at] = (uint8_t)(at % RECORD * 37);
    for (size_t at = 0; at < length; at += step) {
        uint64_t word = next_random(&state);
        memcpy(block + at, &word, length - at < 8 ? length - at : 8);
    }
}

static void *memory(size_t length) {
    void *found = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (found == MAP_FAILED) fail("memory", errno);
    return found;
}

static struct incfs_id id_of(const char *name) { return incfs_id_from_metadata(name, strlen(name)); }

static struct incfs_control open_control(const char *mount) {
    struct incfs_control control;
    check(incfs_open_root(mount, false, &control), mount);
    return control;
}

// The levels of a tree, the lowest first, each padded to whole blocks; the root; and the place of each level, the top first.
struct tree { uint8_t *level[8]; size_t blocks[8]; int levels; uint8_t root[32]; };

static struct tree make_tree(const uint8_t *data, size_t blocks) {
    struct tree tree = {.levels = 0};
    const uint8_t *below = data;
    size_t count = blocks;
    while (count > 1) {
        size_t above = (count + HASHES - 1) / HASHES;
        uint8_t *level = memory(above * BLOCK);
        for (size_t i = 0; i < count; i++) SHA256(below + i * BLOCK, BLOCK, level + i * 32);
        tree.level[tree.levels] = level, tree.blocks[tree.levels++] = above;
        below = level, count = above;
    }
    SHA256(below, BLOCK, tree.root);
    return tree;
}

// version, size of the hashing information, that (algorithm 4 bytes, binary logarithm of the block size 1, size of the salt 4, size of the root 4,
// root), size of the signing information.
static size_t signature_of(const uint8_t root[32], uint8_t *bytes) {
    uint32_t version = 2, hashing = 4 + 1 + 4 + 4 + 32, algorithm = 1, salt = 0, length = 32, signing = 0;
    memcpy(bytes, &version, 4), memcpy(bytes + 4, &hashing, 4), memcpy(bytes + 8, &algorithm, 4);
    bytes[12] = 12;
    memcpy(bytes + 13, &salt, 4), memcpy(bytes + 17, &length, 4), memcpy(bytes + 21, root, 32), memcpy(bytes + 53, &signing, 4);
    return 57;
}

static void fill_all(int fd, const struct incfs_raw_block *blocks, size_t count, size_t call) {
    for (size_t done = 0; done < count;) {
        struct incfs_raw_fill fill = {count - done < call ? count - done : call, (uintptr_t)(blocks + done)};
        int taken = ioctl(fd, INCFS_IOC_FILL_BLOCKS, &fill);
        if (taken <= 0) fail("FILL_BLOCKS", errno);
        done += (size_t)taken;
    }
}

static void make(const char *mount, const char *name, size_t megabytes, const char *kind, size_t call) {
    enum content content = !strcmp(kind, "lz4") ? RECORDS : !strcmp(kind, "run") ? RUN : RANDOM;
    int lz4 = content != RANDOM, tree = !strcmp(kind, "tree");
    size_t count = (megabytes << 20) / BLOCK, stored = 0;
    uint8_t *data = memory(count * BLOCK + LZ4_compressBound(BLOCK));
    struct incfs_raw_block *blocks = memory(count * sizeof *blocks);
    for (size_t i = 0; i < count; i++) {
        uint8_t plain[BLOCK];
        uint8_t *place = lz4 ? data + stored : data + i * BLOCK;
        make_block(plain, (uint32_t)i, content);
        int length = BLOCK;
        if (lz4) length = LZ4_compress_default((char *)plain, (char *)place, BLOCK, LZ4_compressBound(BLOCK)); else memcpy(place, plain, BLOCK);
        blocks[i] = (struct incfs_raw_block){.index = (uint32_t)i, .size = (uint32_t)length, .data = (uintptr_t)place, .compression = lz4};
        stored += (size_t)length;
    }
    struct incfs_control control = open_control(mount);
    struct incfs_id id = id_of(name);
    uint8_t signature[64];
    struct incfs_new_file file = {.size = (int64_t)(count * BLOCK)};
    struct tree made = {.levels = 0};
    if (tree) {
        made = make_tree(data, count);
        file.signature = signature, file.signature_size = (uint32_t)signature_of(made.root, signature);
    }
    check(incfs_make_file(&control, name, 0555, id, &file), "CREATE_FILE");
    int fd = incfs_open_to_fill(&control, id);
    check(fd, "opening the file");
    if (tree) {
        size_t number = 0;
        for (int level = made.levels - 1; level >= 0; level--)
            for (size_t i = 0; i < made.blocks[level]; i++) {
                struct incfs_raw_block hash = {.index = (uint32_t)number++, .size = BLOCK, .data = (uintptr_t)(made.level[level] + i * BLOCK), .flags = 1};
                fill_all(fd, &hash, 1, 1);
            }
    }
    uint64_t began = now_ns();
    fill_all(fd, blocks, count - 1, call);
    uint64_t ended = now_ns();
    fill_all(fd, blocks + count - 1, 1, 1);
    uint64_t complete = now_ns();
    close(fd);
    incfs_close(&control);
    double seconds = (double)(ended - began) / 1e9;
    printf("{\"mode\":\"make\",\"kind\":\"%s\",\"blocks\":%zu,\"call\":%zu,\"stored\":%zu,\"seconds\":%.6f,\"blocks_per_s\":%.0f,\"us_per_call\":%.2f,\"complete_s\":%.6f}\n",
           kind, count, call, stored, seconds, (double)(count - 1) / seconds, seconds * 1e6 * (double)call / (double)(count - 1), (double)(complete - ended) / 1e9);
}

static void plain(const char *path, size_t megabytes) {
    size_t count = (megabytes << 20) / BLOCK;
    uint8_t *data = memory(count * BLOCK);
    for (size_t i = 0; i < count; i++) make_block(data + i * BLOCK, (uint32_t)i, RANDOM);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) fail(path, errno);
    uint64_t began = now_ns();
    for (size_t i = 0; i < count; i++) if (write(fd, data + i * BLOCK, BLOCK) != BLOCK) fail(path, errno);
    uint64_t ended = now_ns();
    if (fsync(fd) != 0) fail(path, errno);
    uint64_t complete = now_ns();
    close(fd);
    double seconds = (double)(ended - began) / 1e9;
    printf("{\"mode\":\"plain\",\"blocks\":%zu,\"seconds\":%.6f,\"blocks_per_s\":%.0f,\"complete_s\":%.6f}\n", count, seconds, (double)count / seconds, (double)(complete - ended) / 1e9);
}

// MARK: One reader, one loader

struct lone_reader { const char *path; long rounds; uint32_t *ns; sem_t go; };

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void *read_blocks(void *argument) {
    struct lone_reader *reader = argument;
    int fd = open(reader->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail(reader->path, errno);
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    uint8_t got[BLOCK], wanted[BLOCK];
    for (long i = 0; i < reader->rounds; i++) {
        // Not one behind the other, and the loader asleep in poll(2) again.
        uint32_t block = (uint32_t)((i * 7919) % reader->rounds);
        usleep(300);
        uint64_t began = now_ns();
        if (pread(fd, got, BLOCK, (off_t)block * BLOCK) != BLOCK) fail("a waiting read", errno);
        reader->ns[i] = (uint32_t)(now_ns() - began);
        make_block(wanted, block, RANDOM);
        if (memcmp(got, wanted, BLOCK)) fail("what was read", EBADMSG);
    }
    close(fd);
    return NULL;
}

static void latency(const char *mount, long rounds) {
    // 7919 is prime: with any number that is no multiple of it every block comes once.
    if (rounds % 7919 == 0) rounds++;
    struct incfs_control control = open_control(mount);
    struct incfs_id id = id_of("latency");
    struct incfs_new_file file = {.size = rounds * BLOCK};
    check(incfs_make_file(&control, "latency", 0555, id, &file), "CREATE_FILE");
    int fd = incfs_open_to_fill(&control, id);
    check(fd, "opening the file");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/latency", mount);
    struct lone_reader reader = {.path = path, .rounds = rounds, .ns = memory(sizeof(uint32_t) * (size_t)rounds)};
    pthread_t thread;
    if (pthread_create(&thread, NULL, read_blocks, &reader)) fail("a thread", EAGAIN);
    uint8_t data[BLOCK];
    for (long filled = 0; filled < rounds;) {
        struct incfs_read reads[64];
        int count = incfs_wait_for_pending_reads(&control, 20000, reads, 64);
        check(count, "waiting for a read");
        for (int i = 0; i < count; i++, filled++) {
            make_block(data, reads[i].block, RANDOM);
            struct incfs_block block = {.fd = fd, .index = reads[i].block, .size = BLOCK, .data = data};
            if (incfs_write_blocks(&block, 1) != 1) fail("FILL_BLOCKS", EIO);
        }
    }
    pthread_join(thread, NULL);
    qsort(reader.ns, (size_t)rounds, sizeof *reader.ns, by_value);
    printf("{\"mode\":\"latency\",\"rounds\":%ld,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n", rounds, reader.ns[rounds / 2] / 1e3, reader.ns[rounds * 9 / 10] / 1e3,
           reader.ns[rounds * 99 / 100] / 1e3, reader.ns[rounds - 1] / 1e3);
}

// MARK: Many readers at once

static int many_fd;
static atomic_int answered, wrong;
static uid_t reader_uid;

static void *read_one(void *argument) {
    uint32_t block = (uint32_t)(uintptr_t)argument;
    // Of this thread alone: the library would change all of them.
    if (reader_uid && syscall(SYS_setresuid, reader_uid, reader_uid, reader_uid) != 0) { atomic_fetch_add(&wrong, 1); return NULL; }
    int fd = many_fd;
    uint64_t got = 0;
    uint8_t wanted[BLOCK];
    ssize_t count = pread(fd, &got, sizeof got, (off_t)block * BLOCK);
    make_block(wanted, block, RANDOM);
    if (count != sizeof got || memcmp(&got, wanted, sizeof got)) atomic_fetch_add(&wrong, 1);
    atomic_fetch_add(&answered, 1);
    return NULL;
}

// Kilobytes that a field of /proc/PID/status gives; 0 where it cannot be read.
static long status_of(int pid, const char *field) {
    char path[64], line[256];
    long value = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    if (!file) return 0;
    while (fgets(line, sizeof line, file)) if (!strncmp(line, field, strlen(field))) value = atol(line + strlen(field));
    fclose(file);
    return value;
}

static void pending(const char *mount, uint32_t readers, int daemon) {
    struct incfs_control control = open_control(mount);
    struct incfs_id id = id_of("pending");
    struct incfs_new_file file = {.size = (int64_t)readers * BLOCK};
    check(incfs_make_file(&control, "pending", 0555, id, &file), "CREATE_FILE");
    int fd = incfs_open_to_fill(&control, id);
    check(fd, "opening the file");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/pending", mount);
    many_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (many_fd < 0) fail(path, errno);
    posix_fadvise(many_fd, 0, 0, POSIX_FADV_RANDOM);
    long before = status_of(daemon, "VmRSS:");
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 32 << 10);
    pthread_t *threads = memory(sizeof *threads * readers);
    uint32_t *seen = memory(sizeof *seen * readers);
    uint64_t began = now_ns();
    for (uint32_t i = 0; i < readers; i++) {
        int error = pthread_create(&threads[i], &small, read_one, (void *)(uintptr_t)i);
        if (error) fail("a thread", error);
    }
    uint32_t count = 0;
    while (count < readers) {
        struct incfs_read reads[128];
        int found = incfs_wait_for_pending_reads(&control, 60000, reads, 128);
        check(found, "waiting for reads");
        for (int i = 0; i < found && count < readers; i++) seen[count++] = reads[i].block;
    }
    uint64_t all = now_ns();
    long full = status_of(daemon, "VmRSS:"), waiting = (long)(readers - (uint32_t)atomic_load(&answered));
    uint64_t state = 1;
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t other = (uint32_t)(next_random(&state) % (i + 1)), kept = seen[i];
        seen[i] = seen[other], seen[other] = kept;
    }
    uint8_t data[BLOCK];
    for (uint32_t i = 0; i < count; i++) {
        make_block(data, seen[i], RANDOM);
        struct incfs_block block = {.fd = fd, .index = seen[i], .size = BLOCK, .data = data};
        if (incfs_write_blocks(&block, 1) != 1) fail("FILL_BLOCKS", EIO);
    }
    for (uint32_t i = 0; i < readers; i++) pthread_join(threads[i], NULL);
    uint64_t ended = now_ns();
    printf("{\"mode\":\"pending\",\"readers\":%u,\"waiting\":%ld,\"answered\":%d,\"wrong\":%d,\"gather_s\":%.3f,\"fill_s\":%.3f,\"rss_before_kb\":%ld,\"rss_full_kb\":%ld,\"rss_after_kb\":%ld}\n", readers,
           waiting, atomic_load(&answered), atomic_load(&wrong), (double)(all - began) / 1e9, (double)(ended - all) / 1e9, before, full, status_of(daemon, "VmRSS:"));
    if (atomic_load(&wrong)) exit(1);
}

int main(int argc, char **argv) {
    size_t call = 32;
    int daemon = 0, kept = 1;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--call") && i + 1 < argc) call = (size_t)atol(argv[++i]);
        else if (!strcmp(argv[i], "--pid") && i + 1 < argc) daemon = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--uid") && i + 1 < argc) reader_uid = (uid_t)atoi(argv[++i]);
        else argv[kept++] = argv[i];
    }
    if (kept == 6 && !strcmp(argv[1], "make") && call > 0 && atol(argv[4]) > 0) make(argv[2], argv[3], (size_t)atol(argv[4]), argv[5], call);
    else if (kept == 4 && !strcmp(argv[1], "plain") && atol(argv[3]) > 0) plain(argv[2], (size_t)atol(argv[3]));
    else if (kept == 4 && !strcmp(argv[1], "latency") && atol(argv[3]) > 0) latency(argv[2], atol(argv[3]));
    else if (kept == 4 && !strcmp(argv[1], "pending") && atol(argv[3]) > 0) pending(argv[2], (uint32_t)atol(argv[3]), daemon);
    else {
        fprintf(stderr, "usage: contract make MOUNT NAME MEGABYTES raw|lz4|run|tree [--call BLOCKS] | plain FILE MEGABYTES | latency MOUNT ROUNDS | pending MOUNT READERS [--pid DAEMON] [--uid USER]\n");
        return 64;
    }
    return 0;
}
