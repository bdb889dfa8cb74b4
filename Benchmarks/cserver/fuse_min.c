// A minimal FUSE server on raw /dev/fuse over one file: what C can do with the same kernel, the same INIT flags and the same
// way of waiting. It exists to be measured against.
//
//   fuse_min BACKING MOUNTPOINT [--threads N] [--hash] [--no-spin] [--device /dev/fuse]
//
// Mounts MOUNTPOINT (root, read-only) with one file, `data`, whose bytes are pread from BACKING and written with one writev.
// Prints "ready" when the kernel has been answered. Runs until unmounted. --hash computes the SHA-256 of each 4 KiB block
// before mounting and checks every block of every reply against it.
//
//   cc -O2 -Wall -o fuse_min fuse_min.c -lcrypto -lpthread
#define _GNU_SOURCE
#define OPENSSL_SUPPRESS_DEPRECATED
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <openssl/sha.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, MAX_READ = 1 << 20, REQUEST = MAX_READ + 4096, SPIN_NS = 50000, MAX_THREADS = 32 };

// The system's header may be older than the kernel.
#define INIT_MINOR 40
#define WANT_FLAGS (FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES | FUSE_CACHE_SYMLINKS | FUSE_NO_OPENDIR_SUPPORT | (1u << 30 /* INIT_EXT */))
#define WANT_FLAGS2 (1u << 7 /* HAS_RESEND */)

static int backing = -1;
static uint64_t size;
static struct stat backing_stat;
static unsigned char (*table)[SHA256_DIGEST_LENGTH];
static int check_hash, spin = 1;
static atomic_int ready;

static void die(const char *what) {
    fprintf(stderr, "fuse_min: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void hash_block(const void *data, size_t length, unsigned char *digest) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, data, length);
    // The last block counts as filled up with zeros.
    static const unsigned char zeros[BLOCK];
    if (length < BLOCK) SHA256_Update(&context, zeros, BLOCK - length);
    SHA256_Final(digest, &context);
}

static void make_table(void) {
    uint64_t blocks = (size + BLOCK - 1) / BLOCK;
    table = calloc(blocks ? blocks : 1, sizeof *table);
    unsigned char *buffer = malloc(MAX_READ);
    if (!table || !buffer) die("memory");
    for (uint64_t offset = 0; offset < size;) {
        ssize_t n = pread(backing, buffer, MAX_READ, (off_t)offset);
        if (n <= 0) die("reading the backing file");
        for (ssize_t i = 0; i < n; i += BLOCK) hash_block(buffer + i, (size_t)(n - i < BLOCK ? n - i : BLOCK), table[(offset + (uint64_t)i) / BLOCK]);
        offset += (uint64_t)n;
    }
    free(buffer);
}

static int blocks_are_right(const unsigned char *data, size_t length, uint64_t offset) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    for (size_t i = 0; i < length; i += BLOCK) {
        hash_block(data + i, length - i < BLOCK ? length - i : BLOCK, digest);
        if (memcmp(digest, table[(offset + i) / BLOCK], sizeof digest) != 0) return 0;
    }
    return 1;
}

static void reply(int fd, uint64_t unique, int error, const void *data, size_t length) {
    struct fuse_out_header header = { (uint32_t)(sizeof header + length), -error, unique };
    struct iovec parts[2] = { { &header, sizeof header }, { (void *)data, length } };
    // ENOENT: the request was interrupted or the connection has ended.
    ssize_t written = writev(fd, parts, length ? 2 : 1);
    (void)written;
}

static void fill_attr(uint64_t node, struct fuse_attr *attr) {
    memset(attr, 0, sizeof *attr);
    attr->ino = node;
    attr->blksize = BLOCK;
    attr->mode = node == 1 ? S_IFDIR | 0555 : S_IFREG | 0555;
    attr->nlink = node == 1 ? 2 : 1;
    if (node == 2) { attr->size = size; attr->blocks = (size + 511) / 512; attr->mtime = (uint64_t)backing_stat.st_mtime; }
}

static void read_dir(int fd, const struct fuse_in_header *in, const struct fuse_read_in *arg) {
    _Alignas(8) char out[256];
    size_t used = 0;
    static const char *const names[] = { ".", "..", "data" };
    for (uint64_t i = arg->offset; i < 3; i++) {
        struct fuse_dirent *entry = (struct fuse_dirent *)(out + used);
        size_t length = strlen(names[i]), whole = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
        if (used + whole > arg->size || used + whole > sizeof out) break;
        memset(entry, 0, whole);
        entry->ino = i == 2 ? 2 : 1;
        entry->off = i + 1;
        entry->namelen = (uint32_t)length;
        entry->type = i == 2 ? DT_REG : DT_DIR;
        memcpy(entry->name, names[i], length);
        used += whole;
    }
    reply(fd, in->unique, 0, out, used);
}

static void do_read(int fd, const struct fuse_in_header *in, const struct fuse_read_in *arg, unsigned char *buffer) {
    uint32_t want = arg->size > MAX_READ ? MAX_READ : arg->size;
    ssize_t n = pread(backing, buffer, want, (off_t)arg->offset);
    if (n < 0) return reply(fd, in->unique, EIO, NULL, 0);
    if (check_hash && !blocks_are_right(buffer, (size_t)n, arg->offset)) return reply(fd, in->unique, EIO, NULL, 0);
    reply(fd, in->unique, 0, buffer, (size_t)n);
}

static void handle(int fd, const char *request, unsigned char *buffer) {
    const struct fuse_in_header *in = (const void *)request;
    const void *arg = request + sizeof *in;
    switch (in->opcode) {
    case FUSE_INIT: {
        const struct fuse_init_in *init = arg;
        struct fuse_init_out out = { .major = 7, .minor = INIT_MINOR };
        out.max_readahead = init->max_readahead > MAX_READ ? MAX_READ : init->max_readahead;
        out.flags = init->flags & WANT_FLAGS;
        // flags2 is the word behind flags; older headers have no name for it.
        uint32_t offered2 = 0;
        if (init->flags & (1u << 30)) memcpy(&offered2, (const char *)init + 16, sizeof offered2);
        uint32_t flags2 = offered2 & WANT_FLAGS2;
        memcpy((char *)&out + 32, &flags2, sizeof flags2);
        out.max_background = out.congestion_threshold = 60000;
        out.max_write = MAX_READ;
        out.max_pages = MAX_READ / 4096;
        out.time_gran = 1;
        reply(fd, in->unique, 0, &out, sizeof out);
        atomic_store(&ready, 1);
        return;
    }
    case FUSE_LOOKUP: {
        if (in->nodeid != 1 || strcmp(arg, "data") != 0) return reply(fd, in->unique, ENOENT, NULL, 0);
        struct fuse_entry_out out = { .nodeid = 2, .entry_valid = 1000000, .attr_valid = 1000000 };
        fill_attr(2, &out.attr);
        return reply(fd, in->unique, 0, &out, sizeof out);
    }
    case FUSE_GETATTR: {
        struct fuse_attr_out out = { .attr_valid = 1000000 };
        fill_attr(in->nodeid, &out.attr);
        return reply(fd, in->unique, 0, &out, sizeof out);
    }
    case FUSE_OPEN: {
        struct fuse_open_out out = { .open_flags = FOPEN_KEEP_CACHE };
        return reply(fd, in->unique, 0, &out, sizeof out);
    }
    case FUSE_READ: return do_read(fd, in, arg, buffer);
    case FUSE_READDIR: return read_dir(fd, in, arg);
    case FUSE_RELEASE: case FUSE_RELEASEDIR: case FUSE_FLUSH: return reply(fd, in->unique, 0, NULL, 0);
    case FUSE_STATFS: {
        struct fuse_statfs_out out = { .st = { .bsize = BLOCK, .frsize = BLOCK, .namelen = 255 } };
        return reply(fd, in->unique, 0, &out, sizeof out);
    }
    case FUSE_FORGET: case FUSE_BATCH_FORGET: case FUSE_INTERRUPT: return;
    default: return reply(fd, in->unique, ENOSYS, NULL, 0);
    }
}

// Reads requests; after each one tries again without sleeping for as long as requests lately came closer together than that.
static void *worker(void *argument) {
    int fd = (int)(intptr_t)argument;
    char *request = mmap(NULL, REQUEST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    unsigned char *buffer = mmap(NULL, MAX_READ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (request == MAP_FAILED || buffer == MAP_FAILED) die("memory");
    (void)mlock(request, REQUEST);
    (void)mlock(buffer, MAX_READ);
    uint64_t answered = 0;
    int close_together = 0;
    for (;;) {
        ssize_t n = read(fd, request, REQUEST);
        if (n >= 0) {
            uint64_t now = now_ns();
            close_together = answered != 0 && now - answered < SPIN_NS;
            handle(fd, request, buffer);
            answered = now_ns();
            continue;
        }
        if (errno == ENODEV || errno == ENOTCONN) return NULL;
        if (errno == EINTR || errno == ENOENT) continue;
        if (errno != EAGAIN) die("reading the device");
        if (spin && close_together && now_ns() - answered < SPIN_NS) continue;
        struct pollfd entry = { fd, POLLIN, 0 };
        poll(&entry, 1, -1);
        // The first request after a sleep opens a new spell.
        if (spin) close_together = 1;
    }
}

int main(int argc, char **argv) {
    const char *device = "/dev/fuse";
    int threads = 2;
    if (argc < 3) { fprintf(stderr, "usage: fuse_min BACKING MOUNTPOINT [--threads N] [--hash] [--no-spin] [--device PATH]\n"); return 64; }
    for (int i = 3; i < argc; i++) {
        if (!strcmp(argv[i], "--threads") && i + 1 < argc) threads = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--hash")) check_hash = 1;
        else if (!strcmp(argv[i], "--no-spin")) spin = 0;
        else if (!strcmp(argv[i], "--device") && i + 1 < argc) device = argv[++i];
        else { fprintf(stderr, "fuse_min: unknown argument %s\n", argv[i]); return 64; }
    }
    if (threads < 1 || threads > MAX_THREADS) { fprintf(stderr, "fuse_min: --threads takes 1 to %d\n", MAX_THREADS); return 64; }
    // One processor has nobody to wait for while it spins.
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) spin = 0;
    backing = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (backing < 0 || fstat(backing, &backing_stat) < 0) die(argv[1]);
    size = (uint64_t)backing_stat.st_size;
    if (check_hash) make_table();

    int fds[MAX_THREADS];
    fds[0] = open(device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fds[0] < 0) die(device);
    char options[128];
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other,default_permissions,max_read=%d", fds[0], getuid(), getgid(), MAX_READ);
    if (mount("fuse_min", argv[2], "fuse.fuse_min", MS_NOSUID | MS_NODEV | MS_RDONLY, options) < 0) die("mount");
    for (int i = 1; i < threads; i++) {
        fds[i] = open(device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
        uint32_t original = (uint32_t)fds[0];
        if (fds[i] < 0 || ioctl(fds[i], FUSE_DEV_IOC_CLONE, &original) < 0) die("clone");
    }
    pthread_t ids[MAX_THREADS];
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&ids[i], NULL, worker, (void *)(intptr_t)fds[i]) != 0) die("thread");
    }
    while (!atomic_load(&ready)) { struct timespec pause = { 0, 1000000 }; nanosleep(&pause, NULL); }
    printf("ready\n");
    fflush(stdout);
    for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
    return 0;
}
