// What the rows share: an image mounted in the working directory, files of known content, and ways to make, feed and compare them.
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include "wire.h"

// Says what did not hold and leaves the row.
#define CHECK(condition)                                                                        \
    do {                                                                                        \
        if (!(condition)) return did_not_hold(__FILE__, __LINE__, #condition);                  \
    } while (0)
// The same for a number that has to be another.
#define CHECK_EQUAL(is, should)                                                                 \
    do {                                                                                        \
        long long is_ = (long long)(is), should_ = (long long)(should);                         \
        if (is_ != should_) return is_not(__FILE__, __LINE__, #is, is_, should_);               \
    } while (0)

bool did_not_hold(const char *file, int line, const char *condition);
bool is_not(const char *file, int line, const char *what, long long is, long long should);

#define MOUNT "mount"
#define IMAGE "image"

struct test_file {
    const char *name;
    uint64_t size;
    uint64_t inode;
};
enum { FILES = 7 };
extern struct test_file files[FILES];
extern const char *helper;

// An empty image, mounted; or the one that is there. False when that fails.
bool mount_new(int timeout_ms);
bool mount_again(int timeout_ms);
bool unmount(void);
// The same with the flags of umount2(2).
bool unmount_with(int flags);
int open_command(void);

// 0, or the errno as a negative number.
int instruct(int command, struct instruction *instruction);
int new_node(int command, uint64_t size, int mode, uint64_t *inode);
int add_name(int command, uint64_t directory, uint64_t child, const char *name);
int remove_name(int command, uint64_t directory, uint64_t child, const char *name);
// A file of a size with a name in the root. Sets its inode.
int make_file(int command, struct test_file *file);

uint32_t blocks_of(const struct test_file *file);
// The content of a block, of `length` bytes.
uint32_t content(const struct test_file *file, uint32_t block, uint8_t *bytes);
// Stores blocks, every second compressed. 0, or an errno as a negative number.
int give(int command, const struct test_file *file, const uint32_t *blocks, int count);
int give_all(int command, const struct test_file *file);
// Writes descriptors; what write(2) returns, or the errno as a negative number.
ssize_t write_blocks(int command, const struct block *blocks, int count);
// One read of a block: 0 and the right bytes, or the errno as a negative number; -EILSEQ for other bytes.
int read_block(const char *directory, const struct test_file *file, uint32_t block);
// Reads a whole file as a program does, and compares it: as `read_block`.
int read_file(const char *directory, const struct test_file *file);
// Pending reads, at most `count`, waiting up to `timeout_ms` for the first. 0 when none comes, or an errno as a negative number.
int next_reads(int command, int timeout_ms, struct pending_read *reads, int count);
// Answers pending reads with the blocks of `files` until `*stop`.
int provide(int command, const volatile bool *stop);
// The exit status of a child; -1 when it was ended by a signal.
int wait_for(pid_t child);
// The daemon that has the image open; 0 when there is none.
pid_t daemon_of_image(void);
void *shared_memory(size_t size);
uint64_t now_ms(void);
