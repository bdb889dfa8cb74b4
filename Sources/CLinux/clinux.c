#define _GNU_SOURCE
#include <malloc.h>
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stdio.h>

#define RESULT(expression) do { int64_t r_ = (int64_t)(expression); return r_ < 0 ? -(int64_t)errno : r_; } while (0)

int64_t clinux_openat(int dirfd, const char *path, int flags, unsigned mode) { RESULT(openat(dirfd, path, flags | O_CLOEXEC, mode)); }
int64_t clinux_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags) { RESULT(preadv2(fd, iov, count, offset, flags)); }
int64_t clinux_pread(int fd, void *buffer, size_t count, off_t offset) { RESULT(pread(fd, buffer, count, offset)); }
int64_t clinux_pwrite(int fd, const void *buffer, size_t count, off_t offset) { RESULT(pwrite(fd, buffer, count, offset)); }
int64_t clinux_read(int fd, void *buffer, size_t count) { RESULT(read(fd, buffer, count)); }
int64_t clinux_write(int fd, const void *buffer, size_t count) { RESULT(write(fd, buffer, count)); }
int64_t clinux_writev(int fd, const struct iovec *iov, int count) { RESULT(writev(fd, iov, count)); }
int64_t clinux_pwritev(int fd, const struct iovec *iov, int count, off_t offset) { RESULT(pwritev(fd, iov, count, offset)); }
int64_t clinux_fallocate(int fd, int mode, off_t offset, off_t length) { RESULT(fallocate(fd, mode, offset, length)); }
int64_t clinux_renameat2(int olddir, const char *oldpath, int newdir, const char *newpath, unsigned flags) {
    RESULT(renameat2(olddir, oldpath, newdir, newpath, flags));
}
int64_t clinux_syncfs(int fd) { RESULT(syncfs(fd)); }
int64_t clinux_memfd_create(const char *name) { RESULT(memfd_create(name, MFD_CLOEXEC)); }
int64_t clinux_ioctl_u32(int fd, unsigned long request, uint32_t *value) { RESULT(ioctl(fd, request, value)); }
int64_t clinux_ioctl_ptr(int fd, unsigned long request, void *value) { RESULT(ioctl(fd, request, value)); }
int64_t clinux_flock(int fd) { RESULT(flock(fd, LOCK_EX | LOCK_NB)); }

int64_t clinux_flock_ofd(int fd, int exclusive) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = exclusive ? F_WRLCK : F_UNLCK;
    lock.l_whence = SEEK_SET;
    RESULT(fcntl(fd, F_OFD_SETLK, &lock));
}
int64_t clinux_is_locked(int fd) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(fd, F_OFD_GETLK, &lock) < 0) return -(int64_t)errno;
    return lock.l_type != F_UNLCK;
}
int64_t clinux_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    RESULT(mount(source, target, type, flags, data));
}
int64_t clinux_umount2(const char *target, int flags) { RESULT(umount2(target, flags)); }
int64_t clinux_gettid(void) { RESULT(syscall(SYS_gettid)); }
int64_t clinux_fd_limit_raise(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -(int64_t)errno;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return -(int64_t)errno;
    return (int64_t)limit.rlim_cur;
}
int64_t clinux_sync_file_range(int fd, off_t offset, off_t length, unsigned flags) { RESULT(sync_file_range(fd, offset, length, flags)); }

enum { MAX_FDS = 64 };

int64_t clinux_send_fds(int sock, const void *data, size_t length, const int *fds, int count) {
    if (count < 0 || count > MAX_FDS) return -EINVAL;
    struct iovec iov = { (void *)data, length };
    union { char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)]; struct cmsghdr align; } control;
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &iov;
    message.msg_iovlen = 1;
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)count);
    }
    RESULT(sendmsg(sock, &message, MSG_NOSIGNAL));
}

int64_t clinux_recv_fds(int sock, void *data, size_t length, int *fds, int *count) {
    int room = *count;
    *count = 0;
    struct iovec iov = { data, length };
    union { char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)]; struct cmsghdr align; } control;
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &iov;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    ssize_t n = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
    if (n < 0) return -(int64_t)errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        int received = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < received; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + sizeof(int) * (size_t)i, sizeof fd);
            if (*count < room) fds[(*count)++] = fd; else close(fd);
        }
    }
    return n;
}

extern char **environ;

int64_t clinux_spawn(const char *path, char *const argv[], char *const envp[], const int *fds, int count, int new_session) {
    // vfork semantics are not needed: the parent is small where this is used, and between
    // fork and exec only async-signal-safe calls are made.
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) return -(int64_t)errno;
    pid_t pid = fork();
    if (pid < 0) { int e = errno; close(report[0]); close(report[1]); return -(int64_t)e; }
    if (pid == 0) {
        int status = 0;
        int temporary[MAX_FDS];
        if (count > MAX_FDS) { status = EINVAL; goto fail; }
        if (new_session) setsid();
        // Move every source above the target range first so that no dup2 overwrites a later source.
        int keep = fcntl(report[1], F_DUPFD_CLOEXEC, count + MAX_FDS);
        if (keep < 0) { status = errno; goto fail; }
        report[1] = keep;
        for (int i = 0; i < count; i++) {
            temporary[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, count + MAX_FDS);
            if (fds[i] >= 0 && temporary[i] < 0) { status = errno; goto fail; }
        }
        for (int i = 0; i < count; i++) {
            if (temporary[i] < 0) { close(i); continue; }
            if (dup2(temporary[i], i) < 0) { status = errno; goto fail; }
        }
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        for (int signal_number = 1; signal_number < 32; signal_number++) {
            if (signal_number != SIGKILL && signal_number != SIGSTOP) signal(signal_number, SIG_DFL);
        }
        execve(path, argv, envp ? envp : environ);
        status = errno;
    fail:
        (void)!write(report[1], &status, sizeof status);
        _exit(127);
    }
    close(report[1]);
    int status = 0;
    ssize_t n;
    do { n = read(report[0], &status, sizeof status); } while (n < 0 && errno == EINTR);
    close(report[0]);
    if (n == (ssize_t)sizeof status) return -(int64_t)status;
    return pid;
}

int64_t clinux_fstat(int fd, struct stat *out) { RESULT(fstat(fd, out)); }
int64_t clinux_fstatat(int dirfd, const char *path, struct stat *out, int flags) { RESULT(fstatat(dirfd, path, out, flags)); }
int64_t clinux_eventfd(void) { RESULT(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
void clinux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

void clinux_keep_freed(int largest, int most) {
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, largest);
    mallopt(M_TRIM_THRESHOLD, most);
#endif
}
