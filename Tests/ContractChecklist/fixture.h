// What the rows of the check-list share: a mount in the working directory, a set of files with known content, and ways to
// create, fill and compare them.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include "wire.h"

// Says what did not hold and leaves the row.
#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) return did_not_hold(__FILE__, __LINE__, #condition);  \
    } while (0)
// The same for a number that has to be another.
#define CHECK_EQUAL(is, should)                                                                    \
    do {                                                                                           \
        long long is_ = (long long)(is), should_ = (long long)(should);                            \
        if (is_ != should_) return is_not(__FILE__, __LINE__, #is, is_, #should, should_);         \
    } while (0)
// A call that has to fail with an errno.
#define CHECK_FAILS(call, error)                                                                   \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long long r_ = (long long)(call);                                                          \
        if (r_ >= 0 || errno != (error)) return failed_otherwise(__FILE__, __LINE__, #call, r_, #error); \
    } while (0)

bool did_not_hold(const char *file, int line, const char *condition);
bool is_not(const char *file, int line, const char *what, long long is, const char *other, long long should);
bool failed_otherwise(const char *file, int line, const char *call, long long result, const char *error);

struct test_file {
    int index;
    const char *name;
    uint64_t size;
    uint8_t identity[IDENTITY];
    char hex[33];
};

enum { FILES = 11 };
extern struct test_file files[FILES];

struct setting {
    const char *helper;     // mount.incremental-fs
    const char *counters;   // the directory that stands for /sys/fs/incremental-fs
    unsigned slack_ms;      // how much later than due something may happen
    uint64_t big;           // size of file_big
};
extern struct setting setting;

#define MOUNT "incfs-mount-dir"
#define BACKING "incfs-mount-dir-src"

void prepare_files(void);
uint32_t block_count_of(uint64_t size);
uint32_t blocks_of(const struct test_file *file);
uint32_t length_of_block(const struct test_file *file, uint32_t block);
// The bytes of a block, the rest of the 4096 zero.
void content_of(const struct test_file *file, uint32_t block, uint8_t out[BLOCK]);
void identity_of(const char *name, uint8_t out[IDENTITY]);
void hex_of(const uint8_t identity[IDENTITY], char out[33]);

// Mounting. `options` as after -o. True on success.
bool mount_volume(const char *options);
bool mount_at(const char *backing, const char *target, const char *options);
bool remount_at(const char *target, const char *options);
bool unmount_volume(void);
// Ends a mount; also one of an ordinary user. `flags` as umount2(2) has them.
bool unmount_at(const char *target, int flags);
int open_commands(void);
// How a file of the mount is opened by who fills it: only root may open it for writing.
int fill_flags(void);
int open_special(const char *name, int flags);

// A path below the mount, the backing directory, or of an entry of .index; from a small ring of static buffers.
const char *on_mount(const char *name);
const char *in_backing(const char *name);
const char *in_index(const struct test_file *file);
const char *in_incomplete(const struct test_file *file);

struct blob {
    uint8_t bytes[8096];
    uint32_t size;
};
void make_blob(struct blob *blob, const uint8_t root[DIGEST], const char *signing);

// Each returns what ioctl(2) returns.
int create(int commands, const struct test_file *file, const char *directory, const char *attribute, const struct blob *signature);
int create_named(int commands, const char *name, const uint8_t identity[IDENTITY], uint64_t size, const char *directory);
int permit(int commands, int descriptor);
int fill(int descriptor, struct fill_block *blocks, uint64_t count);
int filled(int descriptor, struct filled_blocks *arguments, struct filled_range *ranges, uint32_t capacity, uint32_t start, uint32_t end);

// Opens .index/ID with permission to fill.
int open_to_fill(int commands, const struct test_file *file);
// Stores these blocks, in batches; proves on the way that nothing is stored without permission.
bool emit_blocks(int commands, const struct test_file *file, const uint32_t *blocks, uint32_t count);
bool emit_file(int commands, const struct test_file *file);
// Compares all of a file with what it should be. `error` takes the errno of the first read that failed.
bool same_content(const struct test_file *file, bool shuffled, int *error);
// The order in which a file's blocks are taken when they are taken at random.
uint32_t *shuffled_blocks(const struct test_file *file, uint32_t seed);

// Waits for pending reads at most so long and takes them; the number, or -1.
int take_pending(int descriptor, int milliseconds, struct read_record *records, int capacity, size_t record_size);
// Answers pending reads until nothing has come for a second.
bool produce(size_t record_size);

// A child that runs `body`; its exit status is 0 if `body` says so.
pid_t in_child(bool (*body)(void *), void *argument);
bool ended_well(pid_t child);
uint64_t milliseconds_now(void);
void pause_milliseconds(unsigned milliseconds);

// The hash tree of a file, in the order of the interface: the top first.
struct tree {
    uint8_t *bytes;
    uint32_t blocks;
    uint32_t leaves_at;
    uint8_t root[DIGEST];
};
bool build_tree(const struct test_file *file, struct tree *tree);
void sha256(const void *bytes, size_t count, uint8_t out[DIGEST]);
int load_hashes(int descriptor, const struct tree *tree);
