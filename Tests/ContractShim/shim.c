// Preloaded into a program that was written for the kernel implementation, it supplies what no FUSE server can:
//
//   mount(2) of type incremental-fs   goes to the helper named by INCFS_MOUNT_HELPER (default: mount.incremental-fs in PATH),
//                                     and so does a remount of one of our mounts
//   statx(2)                          shows STATX_ATTR_VERITY: in the mask of every regular file of our mounts, and as an
//                                     attribute where FS_IOC_GETFLAGS says so
//   syscall(SYS_statx, …)             the same, for programs whose C library does not know statx
//   /proc/keys, by fopen(3)           ends with a key ring .fs-verity, if INCFS_TRUSTED_CERTIFICATES names a directory (a kernel without
//                                     built-in signatures has no such ring, and no file system but the kernel's could ask it)
//   syscall(SYS_add_key, …) to it     puts the certificate (DER) into that directory, where our mounts look for it (PEM)
//
// umount(2) and everything else are the kernel's. Build: cc -shared -fPIC -o shim.so shim.c -ldl; use: LD_PRELOAD=./shim.so PROGRAM.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FUSE_MAGIC = 0x65735546, GETFLAGS_VERITY = 0x00100000 };
// The number of the key ring: the kernel gives none below 3.
enum { VERITY_RING = 2 };
#define GETFLAGS 0x80086601u

typedef long (*syscall_function)(long, ...);

// The C library's own, which this file stands in front of.
static syscall_function next_syscall(void) {
    static syscall_function next;
    if (!next) next = (syscall_function)dlsym(RTLD_NEXT, "syscall");
    return next;
}

static const char *helper(void) {
    const char *path = getenv("INCFS_MOUNT_HELPER");
    return path && *path ? path : "mount.incremental-fs";
}

// The helper's exit status is an errno where it is one (see mount.incremental-fs(8)).
static int run_helper(const char *source, const char *target, const char *options) {
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) {
        // The helper is no program that this is meant for.
        unsetenv("LD_PRELOAD");
        execlp(helper(), "mount.incremental-fs", source, target, "-o", options, (char *)NULL);
        _exit(ENOENT);
    }
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return -1;
    }
    if (status == 0) return 0;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
    return -1;
}

// Whether the topmost mount at a path is one of ours.
static bool is_ours(const char *target) {
    char *real = realpath(target, NULL);
    if (!real) return false;
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    bool ours = false;
    char *line = NULL;
    size_t size = 0;
    while (mounts && getline(&line, &size, mounts) > 0) {
        char place[4096];
        const char *type = strstr(line, " - ");
        if (type && sscanf(line, "%*s %*s %*s %*s %4095s", place) == 1 && strcmp(place, real) == 0)
            ours = strncmp(type + 3, "fuse.incremental-fs ", 20) == 0;
    }
    free(line);
    if (mounts) fclose(mounts);
    free(real);
    return ours;
}

int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data) {
    const char *options = data ? data : "";
    if (!(flags & MS_REMOUNT) && type && strcmp(type, "incremental-fs") == 0) {
        return run_helper(source ? source : "", target, *options ? options : "rw");
    }
    if ((flags & MS_REMOUNT) && !(flags & MS_BIND) && is_ours(target)) {
        size_t length = strlen(options) + 16;
        char text[length];
        snprintf(text, length, "remount%s%s", *options ? "," : "", options);
        return run_helper(source ? source : "none", target, text);
    }
    return (int)next_syscall()(SYS_mount, source, target, type, flags, data);
}

static int statx_with_verity(int directory, const char *path, int flags, unsigned mask, struct statx *facts) {
    int result = (int)next_syscall()(SYS_statx, directory, path, flags, mask, facts);
    if (result != 0 || !S_ISREG(facts->stx_mode)) return result;
    int saved = errno;
    int descriptor = path && *path ? openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : dup(directory);
    struct statfs system;
    if (descriptor >= 0 && fstatfs(descriptor, &system) == 0 && system.f_type == FUSE_MAGIC) {
        uint32_t state[2] = {0, 0};
        if (ioctl(descriptor, GETFLAGS, state) == 0) {
            facts->stx_attributes_mask |= STATX_ATTR_VERITY;
            if (state[0] & GETFLAGS_VERITY) facts->stx_attributes |= STATX_ATTR_VERITY;
        }
    }
    if (descriptor >= 0) close(descriptor);
    errno = saved;
    return result;
}

int statx(int directory, const char *restrict path, int flags, unsigned mask, struct statx *restrict facts) {
    return statx_with_verity(directory, path, flags, mask, facts);
}

static const char *trusted(void) {
    const char *directory = getenv("INCFS_TRUSTED_CERTIFICATES");
    return directory && *directory ? directory : NULL;
}

// What /proc/keys says, and our key ring, in a file without a name.
static FILE *open_keys(FILE *keys) {
    FILE *copy = tmpfile();
    if (!copy) return keys;
    char line[1024];
    while (fgets(line, sizeof line, keys)) fputs(line, copy);
    fclose(keys);
    fprintf(copy, "%08x I------     1 perm 1f0b0000     0     0 keyring   .fs-verity: empty\n", VERITY_RING);
    rewind(copy);
    return copy;
}

static FILE *open_stream(const char *name, const char *path, const char *mode) {
    FILE *(*next)(const char *, const char *) = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, name);
    FILE *stream = next(path, mode);
    return stream && trusted() && strcmp(path, "/proc/keys") == 0 ? open_keys(stream) : stream;
}

FILE *fopen(const char *restrict path, const char *restrict mode) { return open_stream("fopen", path, mode); }
FILE *fopen64(const char *restrict path, const char *restrict mode) { return open_stream("fopen64", path, mode); }

// A certificate becomes trusted; returns its serial number.
static long add_certificate(const uint8_t *bytes, size_t length) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static long serial = VERITY_RING;
    if (!bytes || length == 0) {
        errno = EINVAL;
        return -1;
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/%d-%ld.pem", trusted(), (int)getpid(), ++serial);
    FILE *file = fopen(path, "we");
    if (!file) return -1;
    fputs("-----BEGIN CERTIFICATE-----\n", file);
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t word = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        fputc(digits[word >> 18], file);
        fputc(digits[word >> 12 & 63], file);
        fputc(left > 1 ? digits[word >> 6 & 63] : '=', file);
        fputc(left > 2 ? digits[word & 63] : '=', file);
        if (i % 48 == 45 || left <= 3) fputc('\n', file);
    }
    fputs("-----END CERTIFICATE-----\n", file);
    return fclose(file) == 0 ? serial : -1;
}

long syscall(long number, ...) {
    long word[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++) word[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_statx && word[4])
        return statx_with_verity((int)word[0], (const char *)word[1], (int)word[2], (unsigned)word[3], (struct statx *)word[4]);
    if (number == SYS_add_key && word[4] == VERITY_RING && trusted() && word[0] && strcmp((const char *)word[0], "asymmetric") == 0)
        return add_certificate((const uint8_t *)word[2], (size_t)word[3]);
    return next_syscall()(number, word[0], word[1], word[2], word[3], word[4], word[5]);
}
