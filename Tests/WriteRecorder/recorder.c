#define _GNU_SOURCE
#include "WriteRecorder.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_EVENTS = 1 << 14, MOST_BYTES = 1 << 24 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int on;
static uint64_t device;
static struct write_event events[MOST_EVENTS];
static size_t count, used;
static uint8_t bytes[MOST_BYTES];

void write_recorder_begin(uint64_t wanted) {
    pthread_mutex_lock(&lock);
    device = wanted; count = 0; used = 0; __atomic_store_n(&on, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&lock);
}
void write_recorder_end(void) { __atomic_store_n(&on, 0, __ATOMIC_SEQ_CST); }
size_t write_recorder_count(void) { return count; }
const struct write_event *write_recorder_event(size_t index) { return &events[index]; }
const uint8_t *write_recorder_bytes(void) { return bytes; }

// Raw calls: these must not come back here.
static int status_at(int directory, const char *path, struct stat *status, int flags) {
    return (int)syscall(SYS_newfstatat, directory, path, status, flags);
}
static uint64_t inode(int directory, const char *path, int flags) {
    struct stat status;
    return status_at(directory, path, &status, flags) == 0 && status.st_dev == device ? status.st_ino : 0;
}
static uint64_t inode_of(int descriptor) { return inode(descriptor, "", AT_EMPTY_PATH); }

static void record(struct write_event event, const char *name, const char *other, const void *data, size_t length) {
    pthread_mutex_lock(&lock);
    if (on && count < MOST_EVENTS && length <= MOST_BYTES - used) {
        if (name) strncpy(event.name, name, sizeof event.name - 1);
        if (other) strncpy(event.other_name, other, sizeof event.other_name - 1);
        event.start = used; event.length = length;
        if (length) memcpy(bytes + used, data, length);
        used += length;
        events[count++] = event;
    }
    pthread_mutex_unlock(&lock);
}
#define IS_ON __atomic_load_n(&on, __ATOMIC_RELAXED)

static uint64_t failing;
static int fail_index = -1, fail_error, fail_count;

int write_recorder_fail(uint64_t file, int index, int error) {
    pthread_mutex_lock(&lock);
    int before = fail_count;
    fail_index = index; fail_error = error; fail_count = 0;
    __atomic_store_n(&failing, index < 0 ? 0 : file, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&lock);
    return before;
}

// The bytes that a write may have; -1 for none, with errno.
static ssize_t allowed(int fd, size_t length) {
    struct stat status;
    uint64_t file = __atomic_load_n(&failing, __ATOMIC_RELAXED);
    if (!file || status_at(fd, "", &status, AT_EMPTY_PATH) != 0 || status.st_ino != file) return (ssize_t)length;
    pthread_mutex_lock(&lock);
    int number = fail_count++;
    ssize_t result = (ssize_t)length;
    // A write of one byte has no half.
    if (number == fail_index && length > 1) result = (ssize_t)(length / 2);
    else if (number == fail_index || (number == fail_index + 1 && fail_index >= 0)) { result = -1; fail_index = -2; }
    pthread_mutex_unlock(&lock);
    if (result < 0) errno = fail_error;
    return result;
}

ssize_t pwrite64(int fd, const void *buffer, size_t length, off64_t offset) {
    ssize_t may = allowed(fd, length);
    if (may < 0) return -1;
    length = (size_t)may;
    uint64_t file = IS_ON ? inode_of(fd) : 0;
    ssize_t result = syscall(SYS_pwrite64, fd, buffer, length, offset);
    if (result > 0 && file) record((struct write_event){.kind = WRITE_DATA, .inode = file, .offset = (uint64_t)offset}, NULL, NULL, buffer, (size_t)result);
    return result;
}
ssize_t pwrite(int fd, const void *buffer, size_t length, off_t offset) { return pwrite64(fd, buffer, length, offset); }

int ftruncate64(int fd, off64_t size) {
    uint64_t file = IS_ON ? inode_of(fd) : 0;
    int result = (int)syscall(SYS_ftruncate, fd, size);
    if (result == 0 && file) record((struct write_event){.kind = WRITE_SIZE, .inode = file, .offset = (uint64_t)size}, NULL, NULL, NULL, 0);
    return result;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int synced(int fd, long number) {
    uint64_t file = IS_ON ? inode_of(fd) : 0;
    int result = (int)syscall(number, fd);
    if (result == 0 && file) record((struct write_event){.kind = WRITE_SYNC, .inode = file}, NULL, NULL, NULL, 0);
    return result;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int chmod(const char *path, mode_t mode) {
    uint64_t file = IS_ON ? inode(AT_FDCWD, path, 0) : 0;
    int result = (int)syscall(SYS_fchmodat, AT_FDCWD, path, mode);
    if (result == 0 && file) record((struct write_event){.kind = WRITE_MODE, .inode = file, .offset = mode}, NULL, NULL, NULL, 0);
    return result;
}

int setxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
    uint64_t file = IS_ON ? inode(AT_FDCWD, path, 0) : 0;
    int result = (int)syscall(SYS_setxattr, path, name, value, size, flags);
    if (result == 0 && file) record((struct write_event){.kind = WRITE_ATTRIBUTE, .inode = file}, name, NULL, value, size);
    return result;
}

int linkat(int from, const char *path, int directory, const char *name, int flags) {
    uint64_t file = IS_ON ? inode(from, path, 0) : 0;
    int result = (int)syscall(SYS_linkat, from, path, directory, name, flags);
    if (result == 0 && file) record((struct write_event){.kind = WRITE_LINK, .inode = file, .parent = inode_of(directory)}, name, NULL, NULL, 0);
    return result;
}

int unlinkat(int directory, const char *name, int flags) {
    uint64_t parent = IS_ON ? inode_of(directory) : 0;
    int result = (int)syscall(SYS_unlinkat, directory, name, flags);
    if (result == 0 && parent) record((struct write_event){.kind = WRITE_UNLINK, .parent = parent, .offset = flags != 0}, name, NULL, NULL, 0);
    return result;
}

int mkdirat(int directory, const char *name, mode_t mode) {
    uint64_t parent = IS_ON ? inode_of(directory) : 0;
    int result = (int)syscall(SYS_mkdirat, directory, name, mode);
    // The umask has its say.
    if (result == 0 && parent) {
        struct stat status;
        status_at(directory, name, &status, 0);
        record((struct write_event){.kind = WRITE_MKDIR, .inode = status.st_ino, .parent = parent, .offset = status.st_mode & 07777}, name, NULL, NULL, 0);
    }
    return result;
}

int renameat2(int directory, const char *name, int target, const char *other, unsigned flags) {
    uint64_t parent = IS_ON ? inode_of(directory) : 0;
    int result = (int)syscall(SYS_renameat2, directory, name, target, other, flags);
    if (result == 0 && parent) record((struct write_event){.kind = WRITE_RENAME, .parent = parent, .other_parent = inode_of(target), .offset = flags}, name, other, NULL, 0);
    return result;
}
