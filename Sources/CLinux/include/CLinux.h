// Declarations that Swift's Glibc module does not export: flags, system calls and
// function-like macros. No logic lives here beyond what a macro or a struct layout forces.
#ifndef INCFS_CLINUX_H
#define INCFS_CLINUX_H

#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/uio.h>

// Flags missing from the Glibc module, by their man-page names (open(2), lseek(2), fallocate(2)).
enum {
    INCFS_O_DIRECT = 040000,
    INCFS_O_PATH = 010000000,
    INCFS_O_TMPFILE = 020200000,
    INCFS_SEEK_DATA = 3,
    INCFS_SEEK_HOLE = 4,
    INCFS_FALLOC_FL_KEEP_SIZE = 1,
    INCFS_FALLOC_FL_PUNCH_HOLE = 2,
    INCFS_RENAME_NOREPLACE = 1,
};

// Each wrapper returns the result or -errno, taken in the same frame as the call.
int64_t clinux_openat(int dirfd, const char *path, int flags, unsigned mode);
int64_t clinux_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags);
int64_t clinux_pread(int fd, void *buffer, size_t count, off_t offset);
int64_t clinux_pwrite(int fd, const void *buffer, size_t count, off_t offset);
int64_t clinux_read(int fd, void *buffer, size_t count);
int64_t clinux_write(int fd, const void *buffer, size_t count);
int64_t clinux_writev(int fd, const struct iovec *iov, int count);
int64_t clinux_pwritev(int fd, const struct iovec *iov, int count, off_t offset);
int64_t clinux_fallocate(int fd, int mode, off_t offset, off_t length);
int64_t clinux_renameat2(int olddir, const char *oldpath, int newdir, const char *newpath, unsigned flags);
int64_t clinux_syncfs(int fd);
int64_t clinux_memfd_create(const char *name);
int64_t clinux_ioctl_u32(int fd, unsigned long request, uint32_t *value);
int64_t clinux_ioctl_ptr(int fd, unsigned long request, void *value);
int64_t clinux_flock_ofd(int fd, int exclusive);
// flock(2), exclusive, without waiting: also of a directory.
int64_t clinux_flock(int fd);
// 1 if another open file description has a lock on it.
int64_t clinux_is_locked(int fd);
int64_t clinux_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
int64_t clinux_umount2(const char *target, int flags);
int64_t clinux_gettid(void);
int64_t clinux_fd_limit_raise(void);
int64_t clinux_sync_file_range(int fd, off_t offset, off_t length, unsigned flags);

// The path that a Unix socket is bound to; its length. -ENOENT where it has none.
int64_t clinux_unix_name(int sock, char *path, size_t size);
// A close-on-exec Unix socket of this type, connected to `path`.
int64_t clinux_unix_connect_type(const char *path, int type);
// Sends one datagram without waiting.
int64_t clinux_send_datagram(int sock, const void *bytes, size_t count);
// f_type of statfs(2).
int64_t clinux_fs_type(const char *path);

// Sends `length` bytes and up to 64 descriptors in one SCM_RIGHTS message (unix(7)).
int64_t clinux_send_fds(int sock, const void *data, size_t length, const int *fds, int count);
// Receives one message; *count is the room on entry and the number received on return.
// All received descriptors are close-on-exec.
int64_t clinux_recv_fds(int sock, void *data, size_t length, int *fds, int *count);

// posix_spawn with a descriptor map: child descriptor i is fds[i] for i in 0..<count
// (all others are closed-on-exec as opened); new_session calls setsid. Returns the pid or -errno.
int64_t clinux_spawn(const char *path, char *const argv[], char *const envp[], const int *fds, int count, int new_session);

int64_t clinux_eventfd(void);
void clinux_name_thread(const char *name);
// mallopt(3): M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
void clinux_keep_freed(int largest, int most);

int64_t clinux_fstat(int fd, struct stat *out);
int64_t clinux_fstatat(int dirfd, const char *path, struct stat *out, int flags);

#include "CLinuxProcess.h"
#include "CLinuxCommands.h"
#include "CLinuxDevice.h"
#include "CLinuxNamespace.h"
#include "CLinuxContract.h"

#endif
