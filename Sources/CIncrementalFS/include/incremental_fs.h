/* Licensed under the Apache License, Version 2.0. See LICENSE.
 *
 * Incremental FS for loaders in C: one header, nothing to link.
 *
 * A loader mounts a backing directory, creates files of which no data is there yet, hears which blocks somebody waits for, and
 * stores blocks. Works on every implementation of the published interface: ours and the kernel's.
 *
 *   struct incfs_control control;
 *   incfs_mount("/data/backing", "/data/mount", &(struct incfs_mount_options){.read_timeout_ms = 10000}, &control);
 *   incfs_make_file(&control, "app/program", 0555, id, &(struct incfs_new_file){.size = size});
 *   int fd = incfs_open_to_fill(&control, id);
 *   struct incfs_read reads[64];
 *   int count = incfs_wait_for_pending_reads(&control, 1000, reads, 64);
 *   incfs_write_blocks(&(struct incfs_block){.fd = fd, .index = reads[0].block, .size = 4096, .data = data}, 1);
 *
 * Results: 0 or a count; a negative errno where something failed. What waits gives -ETIMEDOUT when nothing came. Functions of
 * a struct incfs_control may be called from several threads, except incfs_open, incfs_mount and incfs_close; two threads
 * that wait for pending reads on one control share one cursor.
 */
#ifndef INCREMENTAL_FS_H
#define INCREMENTAL_FS_H

/* In Swift the C library is a module already, made without it: fd_set would have two definitions. */
#if !defined(_GNU_SOURCE) && !defined(__swift__)
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#ifndef O_PATH
#define O_PATH 010000000
#endif
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 1
extern int fallocate(int fd, int mode, off_t offset, off_t length);
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define INCFS_UNUSED __attribute__((unused))

/* MARK: Constants */

enum {
    INCFS_BLOCK_SIZE = 4096,
    INCFS_ID_SIZE = 16,
    INCFS_ID_TEXT_SIZE = 33, /* 32 hexadecimal digits and a NUL */
    INCFS_METADATA_LIMIT = 512,
    INCFS_SIGNATURE_LIMIT = 8096,
    INCFS_TIMEOUTS_LIMIT = 256,
    INCFS_BATCH = 128, /* blocks for each FILL_BLOCKS */
    INCFS_DEFAULT_READ_TIMEOUT_MS = 10000,
    INCFS_DEFAULT_LOG_PAGES = 4,
};

/* Feature bits of incfs_features(). */
enum { INCFS_CORE = 1, INCFS_V2 = 2 };

/* How a block's bytes are stored. */
enum incfs_compression { INCFS_RAW = 0, INCFS_LZ4 = 1, INCFS_ZSTD = 2 };
enum incfs_block_kind { INCFS_DATA = 0, INCFS_HASH = 1 };

/* A file's identity, chosen by whoever creates it. */
struct incfs_id {
    uint8_t bytes[INCFS_ID_SIZE];
};

/* MARK: The interface as the system sees it (private) */

struct incfs_raw_create { uint8_t id[16]; uint64_t size; uint16_t mode, r1; uint32_t r2; uint64_t directory, name, attribute; uint32_t attribute_size, r4; uint64_t signature, signature_size, r6; };
struct incfs_raw_mapped { uint64_t size; uint16_t mode, r1; uint32_t r2; uint64_t directory, name; uint8_t source[16]; uint64_t offset; };
struct incfs_raw_block { uint32_t index, size; uint64_t data; uint8_t compression, flags; uint16_t r1; uint32_t r2; uint64_t r3; };
struct incfs_raw_fill { uint64_t count, blocks; };
struct incfs_raw_filled { uint64_t ranges; uint32_t ranges_size, start, end, total, data, ranges_out, reached, padding; };
struct incfs_raw_count { uint32_t data_total, data_filled, hash_total, hash_filled; };
struct incfs_raw_buffer { uint64_t buffer; uint32_t size, size_out; };
struct incfs_raw_error { uint8_t id[16]; uint64_t time; uint32_t page; int32_t error; uint32_t uid, r1; uint64_t r2; };

#define INCFS_IOC_CREATE_FILE 0xC058671EUL
#define INCFS_IOC_READ_SIGNATURE 0x8010671FUL
#define INCFS_IOC_FILL_BLOCKS 0x80106720UL
#define INCFS_IOC_PERMIT_FILL 0x40046721UL
#define INCFS_IOC_GET_FILLED 0x80286722UL
#define INCFS_IOC_CREATE_MAPPED 0xC0386723UL
#define INCFS_IOC_BLOCK_COUNT 0x80106724UL
#define INCFS_IOC_GET_TIMEOUTS 0x80106725UL
#define INCFS_IOC_SET_TIMEOUTS 0x40106726UL
#define INCFS_IOC_LAST_ERROR 0x40306727UL
#define INCFS_MAGIC_NUMBER 0x5346434E49LL
#define INCFS_FUSE_MAGIC_NUMBER 0x65735546LL

INCFS_UNUSED static inline int incfs_result(long result) { return result < 0 ? -errno : (int)result; }

/* MARK: Identities */

/* The identity that no file has: all ones. */
INCFS_UNUSED static inline struct incfs_id incfs_invalid_id(void) {
    struct incfs_id id;
    memset(id.bytes, 0xff, sizeof id.bytes);
    return id;
}

INCFS_UNUSED static inline bool incfs_id_equal(struct incfs_id a, struct incfs_id b) { return memcmp(a.bytes, b.bytes, INCFS_ID_SIZE) == 0; }
INCFS_UNUSED static inline bool incfs_id_is_valid(struct incfs_id id) { return !incfs_id_equal(id, incfs_invalid_id()); }

/* Writes 32 lower-case hexadecimal digits and a NUL. */
INCFS_UNUSED static inline void incfs_id_to_text(struct incfs_id id, char text[INCFS_ID_TEXT_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < INCFS_ID_SIZE; i++) {
        text[2 * i] = digits[id.bytes[i] >> 4];
        text[2 * i + 1] = digits[id.bytes[i] & 15];
    }
    text[2 * INCFS_ID_SIZE] = 0;
}

/* The reverse; exactly 32 digits, of either case. The invalid identity where it is something else. */
INCFS_UNUSED static inline struct incfs_id incfs_id_from_text(const char *text, size_t length) {
    struct incfs_id id = {{0}};
    if (length != 2 * INCFS_ID_SIZE) return incfs_invalid_id();
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return incfs_invalid_id();
        id.bytes[i / 2] = (uint8_t)(id.bytes[i / 2] << 4 | digit);
    }
    return id;
}

/* SHA-1 (FIPS 180-4), because that is how existing loaders make an identity of long metadata. Not for security. */
INCFS_UNUSED static inline void incfs_sha1(const void *data, size_t size, uint8_t digest[20]) {
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    const uint8_t *bytes = (const uint8_t *)data;
    uint64_t bits = (uint64_t)size * 8, whole = (size + 9 + 63) / 64;
    for (uint64_t part = 0; part < whole; part++) {
        uint32_t w[80];
        for (int i = 0; i < 16; i++) {
            w[i] = 0;
            for (int k = 0; k < 4; k++) {
                uint64_t at = part * 64 + (uint64_t)i * 4 + (uint64_t)k;
                uint8_t byte = at < size ? bytes[at] : at == size ? 0x80 : 0;
                if (at >= whole * 64 - 8) byte = (uint8_t)(bits >> (8 * (whole * 64 - 1 - at)));
                w[i] = w[i] << 8 | byte;
            }
        }
        for (int i = 16; i < 80; i++) {
            uint32_t x = w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
            w[i] = x << 1 | x >> 31;
        }
        uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
            uint32_t k = i < 20 ? 0x5A827999 : i < 40 ? 0x6ED9EBA1 : i < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
            uint32_t next = (a << 5 | a >> 27) + f + e + k + w[i];
            e = d, d = c, c = b << 30 | b >> 2, b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* The identity that loaders derive from a file's metadata: the bytes themselves, or the head of their SHA-1 where they are
 * more than 16. */
INCFS_UNUSED static inline struct incfs_id incfs_id_from_metadata(const void *metadata, size_t size) {
    struct incfs_id id = {{0}};
    if (size <= INCFS_ID_SIZE) {
        if (size > 0) memcpy(id.bytes, metadata, size);
    } else {
        uint8_t digest[20];
        incfs_sha1(metadata, size, digest);
        memcpy(id.bytes, digest, INCFS_ID_SIZE);
    }
    return id;
}

/* MARK: Where it is */

/* One line of /proc/self/mountinfo that is a mount of an incremental file system. */
struct incfs_place {
    char root[PATH_MAX];    /* the mount point */
    char backing[PATH_MAX]; /* the backing directory */
};

/* Undoes the octal escapes of mountinfo. */
INCFS_UNUSED static inline void incfs_unescape(char *text) {
    char *out = text;
    for (char *in = text; *in; out++) {
        if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] && in[3]) {
            *out = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
            in += 4;
        } else {
            *out = *in++;
        }
    }
    *out = 0;
}

/* Finds the mount with this device number. 0, or -ENOENT where it is not one of an incremental file system. */
INCFS_UNUSED static inline int incfs_find_mount(dev_t device, struct incfs_place *place) {
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file) return -errno;
    char *line = NULL;
    size_t capacity = 0;
    int found = -ENOENT;
    while (found != 0 && getline(&line, &capacity, file) > 0) {
        unsigned major_number, minor_number;
        char root[PATH_MAX], target[PATH_MAX], type[64], source[PATH_MAX];
        char *tail = strstr(line, " - ");
        if (!tail || sscanf(line, "%*s %*s %u:%u %4095s %4095s", &major_number, &minor_number, root, target) != 4) continue;
        if (makedev(major_number, minor_number) != device || strcmp(root, "/") != 0) continue;
        if (sscanf(tail, " - %63s %4095s", type, source) != 2) continue;
        if (strcmp(type, "incremental-fs") != 0 && strcmp(type, "fuse.incremental-fs") != 0) continue;
        incfs_unescape(target);
        incfs_unescape(source);
        if (place) {
            snprintf(place->root, sizeof place->root, "%s", target);
            snprintf(place->backing, sizeof place->backing, "%s", source);
        }
        found = 0;
    }
    free(line);
    fclose(file);
    return found;
}

/* Whether a descriptor is of an incremental file system: by the file system's magic number, or where a user-space
 * implementation cannot give that, by the mount's type. */
INCFS_UNUSED static inline bool incfs_is_fd(int fd) {
    struct statfs system;
    struct stat facts;
    if (fstatfs(fd, &system) != 0 || fstat(fd, &facts) != 0) return false;
    if ((long long)system.f_type == INCFS_MAGIC_NUMBER) return true;
    return (long long)system.f_type == INCFS_FUSE_MAGIC_NUMBER && incfs_find_mount(facts.st_dev, NULL) == 0;
}

INCFS_UNUSED static inline bool incfs_is_path(const char *path) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return false;
    bool is = incfs_is_fd(fd);
    close(fd);
    return is;
}

/* What the implementation below `counters` offers; NULL: /sys/fs/incremental-fs. 0 where there is none. */
INCFS_UNUSED static inline int incfs_features(const char *counters) {
    char path[PATH_MAX];
    int features = 0;
    const char *base = counters ? counters : "/sys/fs/incremental-fs";
    snprintf(path, sizeof path, "%s/features/corefs", base);
    if (access(path, F_OK) == 0) features |= INCFS_CORE;
    snprintf(path, sizeof path, "%s/features/v2", base);
    if (access(path, F_OK) == 0) features |= INCFS_CORE | INCFS_V2;
    return features;
}

/* MARK: Mounting and control */

/* What a loader holds of a mount. All fields are private; incfs_close gives them back. */
struct incfs_control {
    int commands, log, written, root;
    size_t record_size; /* 32, or 40 with report_uid */
};

enum { INCFS_CREATE_ONLY = 1, INCFS_TRUNCATE = 2 };

struct incfs_mount_options {
    int flags;           /* INCFS_CREATE_ONLY: the backing directory has to be empty; INCFS_TRUNCATE: it is emptied first */
    int read_timeout_ms; /* how long a read waits for a missing block; 0 is INCFS_DEFAULT_READ_TIMEOUT_MS, -1 not at all */
    int log_pages;       /* the read log's size in pages; 0 is INCFS_DEFAULT_LOG_PAGES, -1 switches it off */
    int log_wakeup;      /* unread records before the log polls readable; 0 is 1 */
    int readahead;       /* pages; what nobody asked for and waits all the same costs time: 0 */
    bool report_uid;     /* records name the reader */
    const char *counters_name; /* NULL: no counters */
};

INCFS_UNUSED static inline void incfs_options_text(const struct incfs_mount_options *options, char *text, size_t size) {
    static const struct incfs_mount_options none = {0, 0, 0, 0, 0, false, NULL};
    const struct incfs_mount_options *o = options ? options : &none;
    int timeout = o->read_timeout_ms == 0 ? INCFS_DEFAULT_READ_TIMEOUT_MS : o->read_timeout_ms < 0 ? 0 : o->read_timeout_ms;
    int pages = o->log_pages == 0 ? INCFS_DEFAULT_LOG_PAGES : o->log_pages < 0 ? 0 : o->log_pages;
    snprintf(
        text, size, "read_timeout_ms=%d,readahead=%d,rlog_pages=%d,rlog_wakeup_cnt=%d%s%s%s", timeout, o->readahead, pages, o->log_wakeup > 0 ? o->log_wakeup : 1,
        o->report_uid ? ",report_uid" : "", o->counters_name ? ",sysfs_name=" : "", o->counters_name ? o->counters_name : "");
}

INCFS_UNUSED static inline void incfs_close(struct incfs_control *control) {
    int fds[4] = {control->commands, control->log, control->written, control->root};
    for (int i = 0; i < 4; i++)
        if (fds[i] >= 0) close(fds[i]);
    control->commands = control->log = control->written = control->root = -1;
}

/* Takes over the descriptors of a mount's special files; `log` and `written` may be -1. */
INCFS_UNUSED static inline int incfs_control_from_fds(int commands, int log, int written, bool report_uid, struct incfs_control *control) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", commands);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return -errno;
    path[length] = 0;
    char *slash = strrchr(path, '/');
    if (!slash || strcmp(slash, "/.pending_reads") != 0) return -EINVAL;
    *slash = 0;
    int root = open(path[0] ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return -errno;
    control->commands = commands, control->log = log, control->written = written, control->root = root;
    control->record_size = report_uid ? 40 : 32;
    return 0;
}

/* Opens the mount at its root directory. `report_uid` as it was mounted. */
INCFS_UNUSED static inline int incfs_open_root(const char *root, bool report_uid, struct incfs_control *control) {
    int error = 0;
    control->commands = control->log = control->written = -1;
    control->record_size = report_uid ? 40 : 32;
    control->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (control->root < 0) return -errno;
    static const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
    if ((control->commands = openat(control->root, ".pending_reads", flags)) < 0) error = -errno;
    else if ((control->log = openat(control->root, ".log", flags)) < 0) error = -errno;
    else if ((control->written = openat(control->root, ".blocks_written", flags)) < 0 && errno != ENOENT) error = -errno;
    if (error) incfs_close(control);
    return error;
}

/* The mount that holds `path`: its root directory and its backing directory. -EINVAL where it is none. */
INCFS_UNUSED static inline int incfs_place_of(const char *path, struct incfs_place *place) {
    struct stat facts;
    if (stat(path, &facts) != 0) return -errno;
    return incfs_find_mount(facts.st_dev, place) == 0 ? 0 : -EINVAL;
}

/* Opens the mount that holds `directory`, as incfs_open_root does. */
INCFS_UNUSED static inline int incfs_open(const char *directory, bool report_uid, struct incfs_control *control) {
    struct incfs_place *place = (struct incfs_place *)malloc(sizeof *place);
    if (!place) return -ENOMEM;
    int error = incfs_place_of(directory, place);
    if (!error) error = incfs_open_root(place->root, report_uid, control);
    free(place);
    return error;
}

/* Runs a program to its end. Its exit status as a negative number; -ENODEV where there is no such program. */
INCFS_UNUSED static inline int incfs_execute(const char *program, char *const words[]) {
    pid_t child = fork();
    if (child < 0) return -errno;
    if (child == 0) {
        execvp(program, words);
        _exit(ENODEV);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* Runs mount.incremental-fs, for implementations that no mount(2) knows and for ordinary users. Its exit status is an errno. */
INCFS_UNUSED static inline int incfs_mount_helper(const char *backing, const char *target, const char *options) {
    const char *helper = getenv("INCFS_MOUNT_HELPER");
    char *words[] = {(char *)"mount.incremental-fs", (char *)backing, (char *)target, (char *)"-o", (char *)options, NULL};
    return incfs_execute(helper ? helper : "mount.incremental-fs", words);
}

INCFS_UNUSED static inline int incfs_mount_any(const char *backing, const char *target, unsigned long flags, const char *options) {
    struct incfs_place *place = (struct incfs_place *)malloc(sizeof *place);
    if (!place) return -ENOMEM;
    bool ours = (flags & MS_REMOUNT) && incfs_place_of(target, place) == 0;
    struct statfs system;
    /* A remount of a FUSE mount would succeed and change nothing: it has to go to the helper. */
    bool fuse = ours && statfs(target, &system) == 0 && (long long)system.f_type == INCFS_FUSE_MAGIC_NUMBER;
    free(place);
    int error = -ENODEV;
    if (!fuse) {
        if (mount(backing, target, "incremental-fs", flags, options) == 0) return 0;
        error = -errno;
        if (error != -ENODEV && error != -EPERM) return error;
    }
    char text[1024];
    snprintf(text, sizeof text, "%s%s", flags & MS_REMOUNT ? "remount," : "", options);
    int helped = incfs_mount_helper(backing, target, text);
    return helped == -ENODEV ? error : helped;
}

INCFS_UNUSED static inline int incfs_remove_tree(int parent, const char *name, bool itself) {
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        int error = -errno;
        if (fd >= 0) close(fd);
        return error;
    }
    int error = 0;
    for (struct dirent *entry; error == 0 && (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (unlinkat(fd, entry->d_name, 0) == 0) continue;
        error = errno == EISDIR ? incfs_remove_tree(fd, entry->d_name, true) : -errno;
    }
    closedir(directory);
    if (error == 0 && itself && unlinkat(parent, name, AT_REMOVEDIR) != 0) error = -errno;
    return error;
}

/* 1 if a directory is empty, 0 if not, a negative errno if it cannot be read. */
INCFS_UNUSED static inline int incfs_is_empty(const char *path) {
    DIR *directory = opendir(path);
    if (!directory) return -errno;
    int empty = 1;
    for (struct dirent *entry; empty == 1 && (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) empty = 0;
    closedir(directory);
    return empty;
}

/* Unmounts, also when it is in use: readers that wait then fail. -EINVAL where nothing of the kind is mounted. */
INCFS_UNUSED static inline int incfs_unmount(const char *target) {
    if (!incfs_is_path(target)) return -EINVAL;
    if (umount2(target, MNT_FORCE) == 0 || umount2(target, MNT_DETACH) == 0) return 0;
    if (errno != EPERM) return -errno;
    /* An ordinary user's own. Who waits in it waits on, at most for the time-out. */
    char *words[] = {(char *)"fusermount3", (char *)"-u", (char *)"-z", (char *)"--", (char *)target, NULL};
    return incfs_execute("fusermount3", words) == 0 ? 0 : -EPERM;
}

/* Mounts `backing` at the empty directory `target`, both absolute paths, and opens it.
 * -EINVAL: a path that is not absolute, or a target that is such a mount already; -ENOTEMPTY: a target, or with
 * INCFS_CREATE_ONLY a backing directory, with something in it; else what mount(2) says. */
INCFS_UNUSED static inline int incfs_mount(const char *backing, const char *target, const struct incfs_mount_options *options, struct incfs_control *control) {
    if (backing[0] != '/' || target[0] != '/' || incfs_is_path(target)) return -EINVAL;
    int empty = incfs_is_empty(target);
    if (empty <= 0) return empty < 0 ? empty : -ENOTEMPTY;
    if (options && (options->flags & INCFS_CREATE_ONLY)) {
        empty = incfs_is_empty(backing);
        if (empty <= 0) return empty < 0 ? empty : -ENOTEMPTY;
    }
    if (options && (options->flags & INCFS_TRUNCATE)) {
        int error = incfs_remove_tree(AT_FDCWD, backing, false);
        if (error) return error;
    }
    char text[1024];
    incfs_options_text(options, text, sizeof text);
    int error = incfs_mount_any(backing, target, MS_NOSUID | MS_NODEV | MS_NOATIME, text);
    if (error) return error;
    error = incfs_open_root(target, options && options->report_uid, control);
    if (error) incfs_unmount(target);
    return error;
}

/* Gives a mount other options, all of them at once; report_uid cannot change (-EOPNOTSUPP). */
INCFS_UNUSED static inline int incfs_set_options(const char *target, const struct incfs_mount_options *options) {
    struct incfs_place *place = (struct incfs_place *)malloc(sizeof *place);
    if (!place) return -ENOMEM;
    int error = incfs_place_of(target, place);
    if (!error) {
        char text[1024];
        incfs_options_text(options, text, sizeof text);
        error = incfs_mount_any(place->backing, place->root, MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOATIME, text);
    }
    free(place);
    return error;
}

/* Shows a directory of a mount at a second place. -EINVAL unless `source` lies below the root of one. */
INCFS_UNUSED static inline int incfs_bind_mount(const char *source, const char *target) {
    struct incfs_place *place = (struct incfs_place *)malloc(sizeof *place);
    char *real = realpath(source, NULL);
    int error = !place || !real ? -errno : incfs_place_of(real, place);
    if (!error && strcmp(place->root, real) == 0) error = -EINVAL;
    if (!error && mount(real, target, NULL, MS_BIND, NULL) != 0) error = -errno;
    free(place);
    free(real);
    return error;
}

/* The mount's root directory, by the path that it has now. Its length, or -ERANGE where `size` is too small. */
INCFS_UNUSED static inline int incfs_root(const struct incfs_control *control, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", control->root);
    ssize_t length = readlink(link, path, size);
    if (length < 0) return -errno;
    if ((size_t)length >= size) return -ERANGE;
    path[length] = 0;
    return (int)length;
}

/* MARK: Names */

struct incfs_new_file {
    int64_t size;
    const void *metadata; /* at most INCFS_METADATA_LIMIT bytes */
    size_t metadata_size;
    const void *signature; /* at most INCFS_SIGNATURE_LIMIT bytes; NULL: unsigned */
    size_t signature_size;
};

/* Checks a signature as the system does not: sizes that fit, SHA-256, 4 KiB blocks, no salt. 0, -EINVAL or -ERANGE. */
INCFS_UNUSED static inline int incfs_check_signature(const void *signature, size_t size) {
    const uint8_t *bytes = (const uint8_t *)signature;
    uint32_t word[3], salt, root;
    if (!signature && size == 0) return 0;
    if (!signature || size == 0) return -EINVAL;
    if (size < 49 || size > INCFS_SIGNATURE_LIMIT) return -ERANGE;
    memcpy(word, bytes, 12);
    memcpy(&salt, bytes + 13, 4);
    if (word[0] != 2 || word[2] != 1 || bytes[12] != 12 || salt != 0) return -EINVAL;
    memcpy(&root, bytes + 17, 4);
    if (root != 32 || word[1] != 45 || size < 57) return -EINVAL;
    uint32_t signing;
    memcpy(&signing, bytes + 53, 4);
    return signing == size - 57 ? 0 : -EINVAL;
}

/* Splits a path below the root: `directory` takes what is before the last component, empty in the root. */
INCFS_UNUSED static inline int incfs_split(const char *path, char directory[PATH_MAX], const char **name) {
    while (*path == '/') path++;
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (**name == 0) return -EINVAL;
    if (length >= PATH_MAX) return -ENAMETOOLONG;
    memcpy(directory, path, length);
    directory[length] = 0;
    return 0;
}

/* Creates a file whose data is still to come. `path` is relative to the mount's root.
 * -ERANGE: a negative size; -EEXIST: name or identity is taken; else as CREATE_FILE says. */
INCFS_UNUSED static inline int incfs_make_file(const struct incfs_control *control, const char *path, mode_t mode, struct incfs_id id, const struct incfs_new_file *file) {
    char directory[PATH_MAX];
    struct incfs_raw_create raw;
    const char *name;
    if (file->size < 0) return -ERANGE;
    int error = incfs_check_signature(file->signature, file->signature_size);
    if (!error) error = incfs_split(path, directory, &name);
    if (error) return error;
    memset(&raw, 0, sizeof raw);
    memcpy(raw.id, id.bytes, sizeof raw.id);
    raw.size = (uint64_t)file->size;
    raw.mode = (uint16_t)(S_IFREG | (mode & 07777));
    raw.directory = directory[0] ? (uintptr_t)directory : 0;
    raw.name = (uintptr_t)name;
    raw.attribute = (uintptr_t)file->metadata;
    raw.attribute_size = (uint32_t)file->metadata_size;
    raw.signature = (uintptr_t)file->signature;
    raw.signature_size = file->signature_size;
    return incfs_result(ioctl(control->commands, INCFS_IOC_CREATE_FILE, &raw));
}

/* Creates a file that shows `size` bytes of another from `offset` on, a multiple of the block size. */
INCFS_UNUSED static inline int incfs_make_mapped_file(
    const struct incfs_control *control, const char *path, mode_t mode, struct incfs_id source, int64_t offset, int64_t size) {
    char directory[PATH_MAX];
    struct incfs_raw_mapped raw;
    const char *name;
    if (size < 0 || offset < 0) return -ERANGE;
    int error = incfs_split(path, directory, &name);
    if (error) return error;
    memset(&raw, 0, sizeof raw);
    memcpy(raw.source, source.bytes, sizeof raw.source);
    raw.size = (uint64_t)size;
    raw.offset = (uint64_t)offset;
    raw.mode = (uint16_t)(S_IFREG | (mode & 07777));
    raw.directory = directory[0] ? (uintptr_t)directory : 0;
    raw.name = (uintptr_t)name;
    return incfs_result(ioctl(control->commands, INCFS_IOC_CREATE_MAPPED, &raw));
}

INCFS_UNUSED static inline int incfs_make_directory(const struct incfs_control *control, const char *path, mode_t mode) {
    while (*path == '/') path++;
    if (mkdirat(control->root, path, mode) != 0) return -errno;
    return fchmodat(control->root, path, mode, 0) == 0 ? 0 : -errno;
}

/* The same with all directories above it; what exists is left as it is. */
INCFS_UNUSED static inline int incfs_make_directories(const struct incfs_control *control, const char *path, mode_t mode) {
    char part[PATH_MAX];
    while (*path == '/') path++;
    if (strlen(path) >= sizeof part) return -ENAMETOOLONG;
    for (size_t i = 1; *path; i++) {
        if (path[i] != '/' && path[i] != 0) continue;
        memcpy(part, path, i);
        part[i] = 0;
        int error = incfs_make_directory(control, part, mode);
        if (error && error != -EEXIST) return error;
        if (path[i] == 0) break;
    }
    return 0;
}

INCFS_UNUSED static inline int incfs_link(const struct incfs_control *control, const char *from, const char *to) {
    return linkat(control->root, from, control->root, to, 0) == 0 ? 0 : -errno;
}

/* Removes a name, or an empty directory. */
INCFS_UNUSED static inline int incfs_unlink(const struct incfs_control *control, const char *path) {
    if (unlinkat(control->root, path, 0) == 0) return 0;
    if (errno != EISDIR) return -errno;
    return unlinkat(control->root, path, AT_REMOVEDIR) == 0 ? 0 : -errno;
}

/* MARK: Facts of a file */

INCFS_UNUSED static inline void incfs_special_path(const char *directory, struct incfs_id id, char path[64]) {
    char text[INCFS_ID_TEXT_SIZE];
    incfs_id_to_text(id, text);
    snprintf(path, 64, "%s/%s", directory, text);
}

/* Opens a file by its identity, or by its path below the root. A descriptor, or a negative errno. */
INCFS_UNUSED static inline int incfs_open_id(const struct incfs_control *control, struct incfs_id id) {
    char path[64];
    incfs_special_path(".index", id, path);
    return incfs_result(openat(control->root, path, O_RDONLY | O_CLOEXEC));
}

INCFS_UNUSED static inline int incfs_open_path(const struct incfs_control *control, const char *path) {
    while (*path == '/') path++;
    return incfs_result(openat(control->root, path, O_RDONLY | O_CLOEXEC));
}

/* The identity of a file. -ENODATA where it has none. */
INCFS_UNUSED static inline int incfs_get_id(int fd, struct incfs_id *id) {
    char text[64];
    ssize_t length = fgetxattr(fd, "user.incfs.id", text, sizeof text);
    if (length < 0) return -errno;
    *id = incfs_id_from_text(text, (size_t)length);
    return length == 2 * INCFS_ID_SIZE && incfs_id_is_valid(*id) ? 0 : -EBADMSG;
}

/* The metadata that the file was created with: how many bytes; -ERANGE where `size` is too small. */
INCFS_UNUSED static inline int incfs_get_metadata(int fd, void *buffer, size_t size) { return incfs_result(fgetxattr(fd, "user.incfs.metadata", buffer, size)); }

/* The signature that the file was created with: how many bytes, 0 for an unsigned one; -E2BIG where `size` is too small. */
INCFS_UNUSED static inline int incfs_get_signature(int fd, void *buffer, size_t size) {
    struct incfs_raw_buffer raw = {(uintptr_t)buffer, (uint32_t)(size > INCFS_SIGNATURE_LIMIT ? (size_t)INCFS_SIGNATURE_LIMIT : size), 0};
    return ioctl(fd, INCFS_IOC_READ_SIGNATURE, &raw) == 0 ? (int)raw.size_out : -errno;
}

struct incfs_block_counts {
    uint32_t data_total, data_filled, hash_total, hash_filled;
};

/* -ENOTSUP for a mapped file, which has no blocks of its own. */
INCFS_UNUSED static inline int incfs_get_block_counts(int fd, struct incfs_block_counts *counts) {
    struct incfs_raw_count raw;
    struct incfs_id id;
    if (incfs_get_id(fd, &id) == -ENODATA) return -ENOTSUP;
    if (ioctl(fd, INCFS_IOC_BLOCK_COUNT, &raw) != 0) return -errno;
    counts->data_total = raw.data_total, counts->data_filled = raw.data_filled;
    counts->hash_total = raw.hash_total, counts->hash_filled = raw.hash_filled;
    return 0;
}

/* MARK: Filling */

struct incfs_block {
    int fd; /* of incfs_open_to_fill */
    uint32_t index;
    uint32_t size; /* bytes at `data` */
    const void *data;
    enum incfs_compression compression;
    enum incfs_block_kind kind;
};

/* Lets a descriptor store blocks. */
INCFS_UNUSED static inline int incfs_permit_fill(const struct incfs_control *control, int fd) {
    uint32_t number = (uint32_t)fd;
    return incfs_result(ioctl(control->commands, INCFS_IOC_PERMIT_FILL, &number));
}

INCFS_UNUSED static inline int incfs_permitted(const struct incfs_control *control, int fd) {
    if (fd < 0) return fd;
    int error = incfs_permit_fill(control, fd);
    if (error == 0) return fd;
    close(fd);
    return error;
}

/* A descriptor that may store blocks; close(2) it in the end. */
INCFS_UNUSED static inline int incfs_open_to_fill(const struct incfs_control *control, struct incfs_id id) { return incfs_permitted(control, incfs_open_id(control, id)); }
INCFS_UNUSED static inline int incfs_open_path_to_fill(const struct incfs_control *control, const char *path) { return incfs_permitted(control, incfs_open_path(control, path)); }

/* Stores blocks, of several files if need be, and returns how many of the first were taken; the error of the first where none
 * was. What is stored already stays as it is. */
INCFS_UNUSED static inline int incfs_write_blocks(const struct incfs_block *blocks, size_t count) {
    struct incfs_raw_block raw[INCFS_BATCH];
    size_t done = 0;
    while (done < count) {
        size_t batch = 0;
        while (batch < INCFS_BATCH && done + batch < count && blocks[done + batch].fd == blocks[done].fd) {
            const struct incfs_block *block = &blocks[done + batch];
            memset(&raw[batch], 0, sizeof raw[batch]);
            raw[batch].index = block->index;
            raw[batch].size = block->size;
            raw[batch].data = (uintptr_t)block->data;
            raw[batch].compression = (uint8_t)block->compression;
            raw[batch].flags = (uint8_t)block->kind;
            batch++;
        }
        struct incfs_raw_fill fill = {batch, (uintptr_t)raw};
        int taken = ioctl(blocks[done].fd, INCFS_IOC_FILL_BLOCKS, &fill);
        if (taken < 0 && errno == EINTR) continue;
        if (taken <= 0) return done > 0 ? (int)done : taken < 0 ? -errno : 0;
        done += (size_t)taken;
        if ((size_t)taken < batch) continue; /* the next call gives the reason */
    }
    return (int)done;
}

/* MARK: Who waits for what */

struct incfs_read {
    struct incfs_id id;
    uint64_t time_us; /* CLOCK_MONOTONIC */
    uint32_t block, serial;
    uint32_t uid; /* only with report_uid */
};

INCFS_UNUSED static inline int incfs_wait(int fd, int timeout_ms) {
    struct pollfd waiting = {fd, POLLIN, 0};
    int ready = poll(&waiting, 1, timeout_ms);
    return ready < 0 ? -errno : ready == 0 ? -ETIMEDOUT : 0;
}

INCFS_UNUSED static inline int incfs_read_records(int fd, size_t record_size, int timeout_ms, struct incfs_read *reads, size_t capacity) {
    uint8_t bytes[INCFS_BLOCK_SIZE];
    if (timeout_ms != 0) {
        int error = incfs_wait(fd, timeout_ms);
        if (error) return error;
    }
    size_t wanted = sizeof bytes / record_size < capacity ? sizeof bytes / record_size : capacity;
    ssize_t count = read(fd, bytes, wanted * record_size);
    if (count < 0) return -errno;
    size_t found = (size_t)count / record_size;
    for (size_t i = 0; i < found; i++) {
        const uint8_t *record = bytes + i * record_size;
        memcpy(reads[i].id.bytes, record, INCFS_ID_SIZE);
        memcpy(&reads[i].time_us, record + 16, 8);
        memcpy(&reads[i].block, record + 24, 4);
        memcpy(&reads[i].serial, record + 28, 4);
        reads[i].uid = UINT32_MAX;
        if (record_size == 40) memcpy(&reads[i].uid, record + 32, 4);
    }
    return found > 0 ? (int)found : -ETIMEDOUT;
}

/* Waits at most so long (0: not at all, -1: without end) for reads of missing blocks that were not given out before. */
INCFS_UNUSED static inline int incfs_wait_for_pending_reads(const struct incfs_control *control, int timeout_ms, struct incfs_read *reads, size_t capacity) {
    return incfs_read_records(control->commands, control->record_size, timeout_ms, reads, capacity);
}

/* The same of the read log: blocks that were read from the volume, in order. */
INCFS_UNUSED static inline int incfs_wait_for_page_reads(const struct incfs_control *control, int timeout_ms, struct incfs_read *reads, size_t capacity) {
    return incfs_read_records(control->log, control->record_size, timeout_ms, reads, capacity);
}

/* Waits until the number of blocks stored since mount differs from `before`, and gives it. */
INCFS_UNUSED static inline int incfs_wait_for_blocks_written(const struct incfs_control *control, uint64_t before, int timeout_ms, uint64_t *now) {
    if (control->written < 0) return -ENOTSUP;
    for (;;) {
        char text[32] = {0};
        ssize_t count = read(control->written, text, sizeof text - 1);
        if (count < 0) return -errno;
        if (count > 0) {
            *now = strtoull(text, NULL, 10);
            if (*now != before) return 0;
        }
        int error = incfs_wait(control->written, timeout_ms);
        if (error) return error;
    }
}

/* MARK: Time-outs of single users */

struct incfs_uid_timeouts {
    uint32_t uid, min_time_us, min_pending_us, max_pending_us; /* max UINT32_MAX: the mount's */
};

INCFS_UNUSED static inline int incfs_set_uid_timeouts(const struct incfs_control *control, const struct incfs_uid_timeouts *timeouts, size_t count) {
    if (count > INCFS_TIMEOUTS_LIMIT) return -EINVAL;
    struct incfs_raw_buffer raw = {(uintptr_t)timeouts, (uint32_t)(count * sizeof *timeouts), 0};
    return incfs_result(ioctl(control->commands, INCFS_IOC_SET_TIMEOUTS, &raw));
}

/* How many there are; -E2BIG, with the number in `*needed` (may be NULL), where `capacity` is too small. */
INCFS_UNUSED static inline int incfs_get_uid_timeouts(const struct incfs_control *control, struct incfs_uid_timeouts *timeouts, size_t capacity, size_t *needed) {
    if (capacity > INCFS_TIMEOUTS_LIMIT) capacity = INCFS_TIMEOUTS_LIMIT;
    struct incfs_raw_buffer raw = {(uintptr_t)timeouts, (uint32_t)(capacity * sizeof *timeouts), 0};
    int result = ioctl(control->commands, INCFS_IOC_GET_TIMEOUTS, &raw);
    int error = result < 0 ? -errno : 0;
    if (needed) *needed = raw.size_out / sizeof *timeouts;
    return error ? error : (int)(raw.size_out / sizeof *timeouts);
}

/* MARK: How much is there */

struct incfs_range {
    uint32_t begin, end; /* [begin, end) */
};

struct incfs_filled {
    uint32_t data_blocks, hash_blocks; /* the file has in all */
    uint32_t next;                     /* where to go on */
    size_t data_ranges, hash_ranges;   /* found; hash ranges follow the data ranges, counted from the first hash block */
};

/* Which blocks are stored, from block `start` on. -ERANGE where `capacity` is too small, with what fitted. */
INCFS_UNUSED static inline int incfs_get_filled_ranges(int fd, uint32_t start, struct incfs_range *ranges, size_t capacity, struct incfs_filled *filled) {
    struct incfs_raw_filled raw;
    int result;
    memset(filled, 0, sizeof *filled);
    /* One is kept free: a range over data and hash blocks becomes two. */
    size_t usable = capacity > 0 ? capacity - 1 : 0;
    do {
        memset(&raw, 0, sizeof raw);
        raw.ranges = (uintptr_t)ranges;
        raw.ranges_size = (uint32_t)(usable * sizeof *ranges);
        raw.start = start;
        result = ioctl(fd, INCFS_IOC_GET_FILLED, &raw);
    } while (result < 0 && errno == EINTR);
    int error = result < 0 ? -errno : 0;
    if (error && error != -ERANGE) return error;
    size_t count = raw.ranges_out / sizeof *ranges;
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].begin < raw.data && ranges[i].end > raw.data) {
            memmove(&ranges[i + 1], &ranges[i], (count - i) * sizeof *ranges);
            ranges[i].end = ranges[i + 1].begin = raw.data;
            count++;
        }
        if (ranges[i].begin < raw.data) filled->data_ranges++;
        else ranges[i].begin -= raw.data, ranges[i].end -= raw.data, filled->hash_ranges++;
    }
    filled->data_blocks = raw.data;
    filled->hash_blocks = raw.total - raw.data;
    filled->next = raw.reached;
    return error;
}

/* Calls `each` for every file of .index or .incomplete; it ends the walk by returning false. The number of calls. */
INCFS_UNUSED static inline int incfs_for_each_in(const struct incfs_control *control, const char *name, bool (*each)(struct incfs_id id, void *context), void *context) {
    int fd = openat(control->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        int error = -errno;
        if (fd >= 0) close(fd);
        return error;
    }
    int count = 0;
    bool more = true;
    for (struct dirent *entry; more && (entry = readdir(directory));) {
        struct incfs_id id = incfs_id_from_text(entry->d_name, strlen(entry->d_name));
        if (entry->d_type != DT_REG || !incfs_id_is_valid(id)) continue;
        more = each(id, context);
        count++;
    }
    closedir(directory);
    return count;
}

INCFS_UNUSED static inline int incfs_for_each_file(const struct incfs_control *control, bool (*each)(struct incfs_id, void *), void *context) { return incfs_for_each_in(control, ".index", each, context); }
INCFS_UNUSED static inline int incfs_for_each_incomplete_file(const struct incfs_control *control, bool (*each)(struct incfs_id, void *), void *context) {
    return incfs_for_each_in(control, ".incomplete", each, context);
}

/* 0 if every data block of the file is stored, -ENODATA if not. */
INCFS_UNUSED static inline int incfs_is_fully_loaded(const struct incfs_control *control, struct incfs_id id) {
    char path[64];
    struct stat facts;
    incfs_special_path(".incomplete", id, path);
    if (fstatat(control->root, path, &facts, AT_SYMLINK_NOFOLLOW) == 0) return -ENODATA;
    if (errno != ENOENT) return -errno;
    incfs_special_path(".index", id, path);
    return fstatat(control->root, path, &facts, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

INCFS_UNUSED static inline bool incfs_stop_at_first(struct incfs_id id, void *context) { (void)id, (void)context; return false; }

/* 0 if nothing of the mount is incomplete, -ENODATA if something is. */
INCFS_UNUSED static inline int incfs_is_everything_fully_loaded(const struct incfs_control *control) {
    int count = incfs_for_each_incomplete_file(control, incfs_stop_at_first, NULL);
    return count < 0 ? count : count == 0 ? 0 : -ENODATA;
}

/* Waits at most so long (-1: without end) until everything is there. */
INCFS_UNUSED static inline int incfs_wait_for_loading_complete(const struct incfs_control *control, int timeout_ms) {
    char path[64];
    struct timespec now;
    snprintf(path, sizeof path, "/proc/self/fd/%d/.incomplete", control->root);
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch < 0) return -errno;
    int result = inotify_add_watch(watch, path, IN_DELETE) < 0 ? -errno : -ENODATA;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t end = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + timeout_ms;
    while (result == -ENODATA && (result = incfs_is_everything_fully_loaded(control)) == -ENODATA) {
        int left = -1;
        if (timeout_ms >= 0) {
            clock_gettime(CLOCK_MONOTONIC, &now);
            int64_t rest = end - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
            left = rest > 0 ? (int)rest : 0;
        }
        int error = incfs_wait(watch, left);
        if (error && error != -EINTR) result = error;
        char events[4096];
        while (read(watch, events, sizeof events) > 0) {}
    }
    close(watch);
    return result;
}

/* Sets room aside on the disk for a file of `size` bytes, as it is stored; -1 gives back what is not used. The name below the
 * backing directory. -EPERM where the file is larger already. */
INCFS_UNUSED static inline int incfs_reserve_space(const struct incfs_control *control, struct incfs_id id, int64_t size) {
    struct stat facts;
    struct incfs_place *place = (struct incfs_place *)malloc(sizeof *place);
    if (!place) return -ENOMEM;
    char name[64], path[PATH_MAX + 64];
    int error = fstat(control->commands, &facts) != 0 ? -errno : incfs_find_mount(facts.st_dev, place);
    incfs_special_path(".index", id, name);
    int fd = -1;
    if (!error) {
        snprintf(path, sizeof path, "%s/%s", place->backing, name);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &facts) != 0) error = -errno;
    }
    if (!error && size < 0) {
        if (ftruncate(fd, facts.st_size) != 0) error = -errno;
    } else if (!error) {
        int64_t room = (int64_t)((double)size * 1.015) + 16384;
        if (room < facts.st_size) error = -EPERM;
        else if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, room) != 0) error = -errno;
    }
    if (fd >= 0) close(fd);
    free(place);
    return error;
}

/* MARK: What went wrong, and how long it took */

struct incfs_metrics {
    uint64_t failed_timed_out, failed_hash_verification, failed_other, delayed_pending, delayed_pending_us, delayed_min, delayed_min_us;
};

/* The counters of a mount that was given `counters_name`; `counters` NULL: /sys/fs/incremental-fs. */
INCFS_UNUSED static inline int incfs_get_metrics(const char *counters, const char *name, struct incfs_metrics *metrics) {
    static const char *const names[7] = {
        "reads_failed_timed_out", "reads_failed_hash_verification", "reads_failed_other", "reads_delayed_pending", "reads_delayed_pending_us", "reads_delayed_min", "reads_delayed_min_us"};
    uint64_t *values[7] = {
        &metrics->failed_timed_out, &metrics->failed_hash_verification, &metrics->failed_other, &metrics->delayed_pending, &metrics->delayed_pending_us, &metrics->delayed_min, &metrics->delayed_min_us};
    for (int i = 0; i < 7; i++) {
        char path[PATH_MAX], text[32] = {0};
        snprintf(path, sizeof path, "%s/instances/%s/%s", counters ? counters : "/sys/fs/incremental-fs", name, names[i]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) return -errno;
        ssize_t count = read(fd, text, sizeof text - 1);
        int error = -errno;
        close(fd);
        if (count <= 0) return count < 0 ? error : -EIO;
        *values[i] = strtoull(text, NULL, 10);
    }
    return 0;
}

struct incfs_read_error {
    struct incfs_id id;
    uint64_t time_us;
    uint32_t block;
    int error; /* a positive errno; 0: nothing has failed yet */
    uint32_t uid;
};

INCFS_UNUSED static inline int incfs_get_last_read_error(const struct incfs_control *control, struct incfs_read_error *error) {
    struct incfs_raw_error raw;
    memset(&raw, 0, sizeof raw);
    if (ioctl(control->commands, INCFS_IOC_LAST_ERROR, &raw) != 0) return -errno;
    memcpy(error->id.bytes, raw.id, INCFS_ID_SIZE);
    error->time_us = raw.time, error->block = raw.page, error->error = -raw.error, error->uid = raw.uid;
    return 0;
}

#ifdef __cplusplus
}
#endif
#endif
