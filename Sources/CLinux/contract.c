#define _GNU_SOURCE
#include "CLinuxContract.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define RESULT(expression) do { int64_t r_ = (int64_t)(expression); return r_ < 0 ? -(int64_t)errno : r_; } while (0)

int64_t clinux_process_read(int pid, void *local, size_t length, const struct iovec *remote, int count) {
    struct iovec here = {local, length};
    RESULT(process_vm_readv(pid, &here, 1, remote, (unsigned long)count, 0));
}

int64_t clinux_process_write(int pid, const void *local, size_t length, const struct iovec *remote, int count) {
    struct iovec here = {(void *)local, length};
    RESULT(process_vm_writev(pid, &here, 1, remote, (unsigned long)count, 0));
}

int64_t clinux_pidfd_getfd(int pidfd, int descriptor) { RESULT(syscall(SYS_pidfd_getfd, pidfd, descriptor, 0)); }

int64_t clinux_quiet_status(int descriptor, struct clinux_quiet_status *out) {
    struct statx facts;
    // STATX_MNT_ID, 0x1000.
    if (statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MODE | STATX_INO | 0x1000, &facts) < 0) return -(int64_t)errno;
    out->mode = facts.stx_mode;
    out->device_major = facts.stx_dev_major;
    out->device_minor = facts.stx_dev_minor;
    out->inode = facts.stx_ino;
    out->mount = facts.stx_mnt_id;
    return 0;
}

int64_t clinux_set_fs_identity(uint32_t uid, uint32_t gid, const uint32_t *groups, int count) {
    // The raw call: the C library's own would change every thread.
    if (count >= 0 && syscall(SYS_setgroups, count, groups) < 0) return -(int64_t)errno;
    syscall(SYS_setfsgid, gid);
    syscall(SYS_setfsuid, uid);
    // They tell what was before; asked with an impossible value they tell what is.
    return (uint32_t)syscall(SYS_setfsuid, -1) == uid && (uint32_t)syscall(SYS_setfsgid, -1) == gid ? 0 : -(int64_t)EPERM;
}

int64_t clinux_mknodat(int directory, const char *name, unsigned mode, uint64_t device) { RESULT(mknodat(directory, name, mode, device)); }
int64_t clinux_mkdirat(int directory, const char *name, unsigned mode) { RESULT(mkdirat(directory, name, mode)); }
int64_t clinux_unlinkat(int directory, const char *name, int flags) { RESULT(unlinkat(directory, name, flags)); }

int64_t clinux_link_descriptor(int descriptor, int directory, const char *name) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    RESULT(linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW));
}

int64_t clinux_umask(unsigned mask) { return umask(mask); }

static struct timespec time_of(int64_t seconds, int64_t nanoseconds) {
    if (nanoseconds == -1) return (struct timespec){0, UTIME_OMIT};
    if (nanoseconds == -2) return (struct timespec){0, UTIME_NOW};
    return (struct timespec){seconds, nanoseconds};
}

int64_t clinux_set_times(const char *path, int64_t atime, int64_t atime_ns, int64_t mtime, int64_t mtime_ns) {
    struct timespec times[2] = {time_of(atime, atime_ns), time_of(mtime, mtime_ns)};
    RESULT(utimensat(AT_FDCWD, path, times, 0));
}

const char *clinux_error_name(int error) { return strerrorname_np(error); }

int64_t clinux_getxattr(const char *path, const char *name, void *value, size_t size) { RESULT(getxattr(path, name, value, size)); }
int64_t clinux_setxattr(const char *path, const char *name, const void *value, size_t size, int flags) { RESULT(setxattr(path, name, value, size, flags)); }
int64_t clinux_listxattr(const char *path, void *names, size_t size) { RESULT(listxattr(path, names, size)); }
int64_t clinux_removexattr(const char *path, const char *name) { RESULT(removexattr(path, name)); }

void *clinux_directory_open(int descriptor) { return fdopendir(descriptor); }

int64_t clinux_directory_next(void *stream, struct clinux_entry *out) {
    errno = 0;
    struct dirent *entry = readdir(stream);
    if (!entry) return errno ? -(int64_t)errno : 0;
    size_t length = strlen(entry->d_name);
    if (length > 255) return -(int64_t)ENAMETOOLONG;
    out->inode = entry->d_ino;
    out->type = entry->d_type;
    out->length = (uint16_t)length;
    memcpy(out->name, entry->d_name, length + 1);
    return 1;
}

void clinux_directory_close(void *stream) { closedir(stream); }

int64_t clinux_fsopen(const char *type) { RESULT(syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */)); }
int64_t clinux_fsconfig_string(int context, const char *key, const char *value) { RESULT(syscall(SYS_fsconfig, context, 1, key, value, 0)); }
int64_t clinux_fsconfig_flag(int context, const char *key) { RESULT(syscall(SYS_fsconfig, context, 0, key, NULL, 0)); }
int64_t clinux_fsconfig_create(int context) { RESULT(syscall(SYS_fsconfig, context, 6, NULL, NULL, 0)); }
int64_t clinux_fsmount(int context, unsigned attributes) { RESULT(syscall(SYS_fsmount, context, 1 /* FSMOUNT_CLOEXEC */, attributes)); }
int64_t clinux_move_mount(int mount, const char *target) {
    // MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS.
    RESULT(syscall(SYS_move_mount, mount, "", AT_FDCWD, target, 0x4 | 0x10));
}
int64_t clinux_clone_mount(int mount) { RESULT(syscall(SYS_open_tree, mount, "", 1 /* OPEN_TREE_CLONE */ | 02000000 /* OPEN_TREE_CLOEXEC */ | AT_EMPTY_PATH)); }
int64_t clinux_mount_setattr(int mount, uint64_t set, uint64_t clear) {
    // struct mount_attr: the last two are the propagation and the user namespace.
    uint64_t attributes[4] = {set, clear, 0, 0};
    RESULT(syscall(442 /* SYS_mount_setattr */, mount, "", AT_EMPTY_PATH, attributes, sizeof attributes));
}
int64_t clinux_leave_descriptors(void) { RESULT(syscall(436 /* SYS_close_range */, 3, ~0U, 2 /* CLOSE_RANGE_UNSHARE */)); }
