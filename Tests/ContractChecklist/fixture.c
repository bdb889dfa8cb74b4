#define _GNU_SOURCE
#include "fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

struct setting setting = {.slack_ms = 100, .big = 500ull << 20};

struct test_file files[FILES] = {
    {.name = "file_one_byte", .size = 1},
    {.name = "file_one_block", .size = BLOCK},
    {.name = "file_one_and_a_half_blocks", .size = BLOCK + BLOCK / 2},
    {.name = "file_three", .size = 300 * BLOCK + 3},
    {.name = "file_four", .size = 400 * BLOCK + 7},
    {.name = "file_five", .size = 500 * BLOCK + 7},
    {.name = "file_six", .size = 600 * BLOCK + 7},
    {.name = "file_seven", .size = 700 * BLOCK + 7},
    {.name = "file_eight", .size = 800 * BLOCK + 7},
    {.name = "file_nine", .size = 900 * BLOCK + 7},
    {.name = "file_big", .size = 0},
};

bool did_not_hold(const char *file, int line, const char *condition) {
    printf("# %s:%d: does not hold: %s (errno %d, %s)\n", file, line, condition, errno, strerror(errno));
    return false;
}

bool is_not(const char *file, int line, const char *what, long long is, const char *other, long long should) {
    printf("# %s:%d: %s is %lld, not %s = %lld (errno %d, %s)\n", file, line, what, is, other, should, errno, strerror(errno));
    return false;
}

bool failed_otherwise(const char *file, int line, const char *call, long long result, const char *error) {
    printf("# %s:%d: %s gave %lld with errno %d (%s), not %s\n", file, line, call, result, errno, strerror(errno), error);
    return false;
}

void hex_of(const uint8_t identity[IDENTITY], char out[33]) {
    for (int i = 0; i < IDENTITY; i++) sprintf(out + 2 * i, "%02x", identity[i]);
}

void identity_of(const char *name, uint8_t out[IDENTITY]) {
    unsigned length = 0;
    uint8_t digest[EVP_MAX_MD_SIZE];
    EVP_Digest(name, strlen(name), digest, &length, EVP_md5(), NULL);
    memcpy(out, digest, IDENTITY);
}

void prepare_files(void) {
    files[FILES - 1].size = setting.big;
    for (int i = 0; i < FILES; i++) {
        files[i].index = i;
        identity_of(files[i].name, files[i].identity);
        hex_of(files[i].identity, files[i].hex);
    }
}

uint32_t block_count_of(uint64_t size) { return (uint32_t)((size + BLOCK - 1) / BLOCK); }
uint32_t blocks_of(const struct test_file *file) { return block_count_of(file->size); }

uint32_t length_of_block(const struct test_file *file, uint32_t block) {
    uint64_t left = file->size - (uint64_t)block * BLOCK;
    return left < BLOCK ? (uint32_t)left : BLOCK;
}

void content_of(const struct test_file *file, uint32_t block, uint8_t out[BLOCK]) {
    uint32_t state = 7919u * (uint32_t)file->index + block, length = length_of_block(file, block);
    memset(out, 0, BLOCK);
    for (uint32_t i = 0; i < length; i++) {
        state = state * 1103515245u + 12345u;
        out[i] = (uint8_t)(state >> (i % 13));
    }
}

// MARK: Mounting

static bool run_helper(const char *backing, const char *target, const char *options) {
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) return false;
    if (child == 0) {
        execl(setting.helper, "mount.incremental-fs", backing, target, "-o", options, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child) return false;
    errno = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool mount_at(const char *backing, const char *target, const char *options) { return run_helper(backing, target, *options ? options : "rw"); }
bool mount_volume(const char *options) { return mount_at(BACKING, MOUNT, options); }

bool remount_at(const char *target, const char *options) {
    char text[512];
    snprintf(text, sizeof text, "remount%s%s", *options ? "," : "", options);
    return run_helper(BACKING, target, text);
}

bool unmount_at(const char *target, int flags) {
    if (umount2(target, flags) == 0) return true;
    if (errno != EPERM) return false;
    // An ordinary user's.
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) return false;
    if (child == 0) {
        if (flags & MNT_DETACH) execlp("fusermount3", "fusermount3", "-q", "-u", "-z", "--", target, (char *)NULL);
        else execlp("fusermount3", "fusermount3", "-u", "--", target, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && status == 0;
}
bool unmount_volume(void) { return unmount_at(MOUNT, 0); }

static const char *joined(const char *first, const char *second, const char *third) {
    static char ring[8][512];
    static int next;
    char *text = ring[next++ % 8];
    snprintf(text, sizeof ring[0], "%s/%s%s%s", first, second, third ? "/" : "", third ? third : "");
    return text;
}

const char *on_mount(const char *name) { return joined(MOUNT, name, NULL); }
const char *in_backing(const char *name) { return joined(BACKING, name, NULL); }
const char *in_index(const struct test_file *file) { return joined(MOUNT, ".index", file->hex); }
const char *in_incomplete(const struct test_file *file) { return joined(MOUNT, ".incomplete", file->hex); }
int open_special(const char *name, int flags) { return open(on_mount(name), flags | O_CLOEXEC); }
int fill_flags(void) { return geteuid() == 0 ? O_RDWR | O_CLOEXEC : O_RDONLY | O_CLOEXEC; }
int open_commands(void) { return open_special(".pending_reads", O_RDONLY); }

// MARK: Creating and filling

static void put32(uint8_t *at, uint32_t value) { memcpy(at, &value, 4); }

void make_blob(struct blob *blob, const uint8_t root[DIGEST], const char *signing) {
    uint32_t length = (uint32_t)strlen(signing) + 1;
    uint8_t *bytes = blob->bytes;
    put32(bytes, 2);
    put32(bytes + 4, 45);
    put32(bytes + 8, 1);
    bytes[12] = 12;
    put32(bytes + 13, 0);
    put32(bytes + 17, DIGEST);
    memcpy(bytes + 21, root, DIGEST);
    put32(bytes + 53, length);
    memcpy(bytes + 57, signing, length);
    blob->size = 57 + length;
}

int create(int commands, const struct test_file *file, const char *directory, const char *attribute, const struct blob *signature) {
    struct create_file arguments = {.size = file->size, .mode = S_IFREG | 0555};
    memcpy(arguments.identity, file->identity, IDENTITY);
    arguments.directory = (uintptr_t)directory;
    arguments.name = (uintptr_t)file->name;
    arguments.attribute = (uintptr_t)attribute;
    arguments.attribute_length = attribute ? (uint32_t)strlen(attribute) : 0;
    arguments.signature = signature ? (uintptr_t)signature->bytes : 0;
    arguments.signature_size = signature ? signature->size : 0;
    return ioctl(commands, REQUEST_CREATE_FILE, &arguments);
}

int create_named(int commands, const char *name, const uint8_t identity[IDENTITY], uint64_t size, const char *directory) {
    struct test_file file = {.name = name, .size = size};
    memcpy(file.identity, identity, IDENTITY);
    return create(commands, &file, directory, NULL, NULL);
}

int permit(int commands, int descriptor) {
    uint32_t number = (uint32_t)descriptor;
    return ioctl(commands, REQUEST_PERMIT_FILL, &number);
}

int fill(int descriptor, struct fill_block *blocks, uint64_t count) {
    struct fill_blocks arguments = {.count = count, .blocks = (uintptr_t)blocks};
    return ioctl(descriptor, REQUEST_FILL_BLOCKS, &arguments);
}

int filled(int descriptor, struct filled_blocks *arguments, struct filled_range *ranges, uint32_t capacity, uint32_t start, uint32_t end) {
    memset(arguments, 0, sizeof *arguments);
    arguments->ranges = (uintptr_t)ranges;
    arguments->ranges_size = capacity * (uint32_t)sizeof *ranges;
    arguments->start = start;
    arguments->end = end;
    return ioctl(descriptor, REQUEST_GET_FILLED_BLOCKS, arguments);
}

int open_to_fill(int commands, const struct test_file *file) {
    int descriptor = open(in_index(file), fill_flags());
    if (descriptor >= 0 && permit(commands, descriptor) != 0) {
        int error = errno;
        close(descriptor);
        errno = error;
        return -1;
    }
    return descriptor;
}

enum { BATCH = 32, ENCODED = 8192 };

static void encode(const struct test_file *file, uint32_t block, uint8_t *out, struct fill_block *described) {
    uint8_t plain[BLOCK];
    content_of(file, block, plain);
    uint32_t length = length_of_block(file, block);
    *described = (struct fill_block){.index = block, .data = (uintptr_t)out};
    switch (((uint32_t)file->index + block) % 4) {
    case 0:
        described->length = (uint32_t)LZ4_compress_default((const char *)plain, (char *)out, (int)length, ENCODED);
        described->compression = COMPRESSION_LZ4;
        break;
    case 2:
        described->length = (uint32_t)ZSTD_compress(out, ENCODED, plain, length, 1);
        described->compression = COMPRESSION_ZSTD;
        break;
    default:
        memcpy(out, plain, length);
        described->length = length;
    }
}

// One batch; the number of blocks that were stored, or -1.
static int emit_batch(int commands, const struct test_file *file, const uint32_t *blocks, uint32_t count) {
    static uint8_t encoded[BATCH][ENCODED];
    struct fill_block described[BATCH];
    for (uint32_t i = 0; i < count; i++) encode(file, blocks[i], encoded[i], &described[i]);
    int plain = open(in_index(file), fill_flags());
    if (plain < 0) return -1;
    uint32_t number = (uint32_t)plain;
    // The permission is asked of .pending_reads, not of the file; and without it nothing is stored.
    bool refused = ioctl(plain, REQUEST_PERMIT_FILL, &number) < 0 && fill(plain, described, count) < 0 && errno == EPERM;
    close(plain);
    if (!refused) {
        printf("# blocks of %s were taken without permission\n", file->name);
        return -1;
    }
    int permitted = open_to_fill(commands, file);
    if (permitted < 0) return -1;
    int stored = fill(permitted, described, count);
    close(permitted);
    return stored;
}

bool emit_blocks(int commands, const struct test_file *file, const uint32_t *blocks, uint32_t count) {
    for (uint32_t done = 0; done < count;) {
        uint32_t batch = count - done < BATCH ? count - done : BATCH;
        int stored = emit_batch(commands, file, blocks + done, batch);
        CHECK(stored > 0);
        CHECK(stored <= (int)batch);
        done += (uint32_t)stored;
    }
    return true;
}

uint32_t *shuffled_blocks(const struct test_file *file, uint32_t seed) {
    uint32_t count = blocks_of(file), *order = malloc(sizeof(uint32_t) * count);
    for (uint32_t i = 0; i < count; i++) order[i] = i;
    for (uint32_t k = 0; k < count; k++) {
        seed = seed * 1103515245u + 12345u;
        uint32_t other = k + seed % (count - k), kept = order[k];
        order[k] = order[other];
        order[other] = kept;
    }
    return order;
}

bool emit_file(int commands, const struct test_file *file) {
    uint32_t *order = shuffled_blocks(file, (uint32_t)file->index);
    bool good = emit_blocks(commands, file, order, blocks_of(file));
    free(order);
    return good;
}

// MARK: Comparing

// A block through an open of its own. 0, or the errno of the read, or -1 for other bytes.
static int compare_block(const struct test_file *file, uint32_t block) {
    uint8_t wanted[BLOCK], found[BLOCK];
    content_of(file, block, wanted);
    int descriptor = open(on_mount(file->name), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return errno;
    size_t have = 0, length = length_of_block(file, block);
    int result = 0;
    if (lseek(descriptor, (off_t)block * BLOCK, SEEK_SET) < 0) result = errno;
    while (result == 0 && have < BLOCK) {
        ssize_t count = read(descriptor, found + have, BLOCK - have);
        if (count < 0) result = errno;
        if (count <= 0) break;
        have += (size_t)count;
    }
    close(descriptor);
    if (result == 0 && (have != length || memcmp(wanted, found, length) != 0)) {
        printf("# block %u of %s: %zu of %zu bytes%s\n", block, file->name, have, length, have == length ? ", other ones" : "");
        result = -1;
    }
    return result;
}

bool same_content(const struct test_file *file, bool shuffled, int *error) {
    if (error) *error = 0;
    struct stat facts;
    CHECK(stat(on_mount(file->name), &facts) == 0);
    CHECK_EQUAL(facts.st_size, file->size);
    uint32_t *order = shuffled ? shuffled_blocks(file, (uint32_t)getpid()) : NULL;
    int result = 0;
    for (uint32_t i = 0; i < blocks_of(file) && result == 0; i++) {
        result = compare_block(file, order ? order[i] : i);
        if (result > 0 && !error) printf("# block %u of %s: %s\n", order ? order[i] : i, file->name, strerror(result));
    }
    free(order);
    if (error && result > 0) *error = result;
    return result == 0;
}

// MARK: Loaders

int take_pending(int descriptor, int milliseconds, struct read_record *records, int capacity, size_t record_size) {
    uint8_t bytes[BLOCK * 4];
    if (milliseconds > 0) {
        struct pollfd waiting = {.fd = descriptor, .events = POLLIN};
        int ready = poll(&waiting, 1, milliseconds);
        if (ready <= 0) return ready;
    }
    size_t wanted = record_size * (size_t)capacity;
    if (wanted > sizeof bytes) wanted = sizeof bytes / record_size * record_size;
    ssize_t count = read(descriptor, bytes, wanted);
    if (count < 0 || (size_t)count % record_size != 0) return -1;
    int found = (int)((size_t)count / record_size);
    memset(records, 0, sizeof *records * (size_t)found);
    for (int i = 0; i < found; i++) memcpy(&records[i], bytes + record_size * (size_t)i, record_size);
    return found;
}

bool produce(size_t record_size) {
    int commands = open_commands();
    CHECK(commands >= 0);
    struct read_record records[100];
    while (true) {
        int count = take_pending(commands, 1000, records, 100, record_size);
        CHECK(count >= 0);
        if (count == 0) break;
        for (int i = 0; i < count; i++) {
            int index = 0;
            while (index < FILES && memcmp(files[index].identity, records[i].identity, IDENTITY) != 0) index++;
            CHECK(index < FILES);
            CHECK(emit_blocks(commands, &files[index], &records[i].block, 1));
        }
    }
    close(commands);
    return true;
}

// MARK: Processes and time

pid_t in_child(bool (*body)(void *), void *argument) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bool good = body(argument);
        fflush(NULL);
        _exit(good ? 0 : 1);
    }
    return child;
}

bool ended_well(pid_t child) {
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQUAL(status, 0);
    return true;
}

uint64_t milliseconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void pause_milliseconds(unsigned milliseconds) {
    struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&time, &time) != 0 && errno == EINTR) {}
}

// MARK: Hash trees

void sha256(const void *bytes, size_t count, uint8_t out[DIGEST]) {
    unsigned length = 0;
    uint8_t digest[EVP_MAX_MD_SIZE];
    EVP_Digest(bytes, count, digest, &length, EVP_sha256(), NULL);
    memcpy(out, digest, DIGEST);
}

bool build_tree(const struct test_file *file, struct tree *tree) {
    uint32_t counts[8], levels = 0, total = 0;
    memset(tree, 0, sizeof *tree);
    for (uint32_t count = blocks_of(file); count > 1;) {
        count = (count + 127) / 128;
        counts[levels++] = count;
        total += count;
    }
    tree->blocks = total;
    uint8_t plain[BLOCK];
    if (levels == 0) {
        content_of(file, 0, plain);
        sha256(plain, BLOCK, tree->root);
        return true;
    }
    tree->bytes = calloc(total, BLOCK);
    CHECK(tree->bytes != NULL);
    // The leaves lie last, the top first.
    uint32_t at = total - counts[0];
    tree->leaves_at = at;
    for (uint32_t i = 0; i < blocks_of(file); i++) {
        content_of(file, i, plain);
        sha256(plain, BLOCK, tree->bytes + (size_t)at * BLOCK + (size_t)i * DIGEST);
    }
    for (uint32_t level = 1; level < levels; level++) {
        uint32_t below = at;
        at -= counts[level];
        for (uint32_t i = 0; i < counts[level - 1]; i++)
            sha256(tree->bytes + (size_t)(below + i) * BLOCK, BLOCK, tree->bytes + (size_t)at * BLOCK + (size_t)i * DIGEST);
    }
    sha256(tree->bytes, BLOCK, tree->root);
    return true;
}

int load_hashes(int descriptor, const struct tree *tree) {
    struct fill_block *blocks = calloc(tree->blocks, sizeof *blocks);
    for (uint32_t i = 0; i < tree->blocks; i++)
        blocks[i] = (struct fill_block){.index = i, .length = BLOCK, .data = (uintptr_t)(tree->bytes + (size_t)i * BLOCK), .flags = FILL_HASH};
    int stored = fill(descriptor, blocks, tree->blocks);
    int error = errno;
    free(blocks);
    errno = error;
    return stored;
}
