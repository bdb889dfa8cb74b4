#define _GNU_SOURCE
#include "CLinuxProcess.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#define RESULT(expression) do { int64_t r_ = (int64_t)(expression); return r_ < 0 ? -(int64_t)errno : r_; } while (0)

int64_t clinux_signalfd(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error != 0) return -(int64_t)error;
    RESULT(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int64_t clinux_signalfd_read(int fd) {
    struct signalfd_siginfo info;
    ssize_t n = read(fd, &info, sizeof info);
    if (n < 0) return errno == EAGAIN ? 0 : -(int64_t)errno;
    return n == (ssize_t)sizeof info ? (int64_t)info.ssi_signo : 0;
}

int64_t clinux_statfs_child(const char *path) {
    pid_t child = fork();
    if (child < 0) return -(int64_t)errno;
    if (child > 0) return child;
    // Nothing but system calls: the other threads are not here.
    struct statfs unused;
    syscall(436 /* SYS_close_range */, 0, ~0U, 0);
    _exit(statfs(path, &unused) < 0 ? errno : 0);
}

int64_t clinux_pidfd_open(int pid) { RESULT(syscall(SYS_pidfd_open, pid, 0)); }

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
int64_t clinux_pidfd_open_thread(int tid) { RESULT(syscall(SYS_pidfd_open, tid, PIDFD_THREAD)); }

int64_t clinux_close_range(unsigned first) { RESULT(syscall(SYS_close_range, first, ~0U, 0)); }

int64_t clinux_poll(struct pollfd *entries, unsigned count, int timeout_ms) { RESULT(poll(entries, count, timeout_ms)); }

static int64_t unix_address(const char *path, struct sockaddr_un *address) {
    size_t length = strlen(path);
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (length == 0 || length >= sizeof address->sun_path) return -(int64_t)ENAMETOOLONG;
    memcpy(address->sun_path, path, length);
    return 0;
}

int64_t clinux_unix_listen(const char *path, int backlog) {
    struct sockaddr_un address;
    int64_t result = unix_address(path, &address);
    if (result < 0) return result;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -(int64_t)errno;
    // The mode is taken away before listen(2): nobody can connect in between.
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0600) < 0 || listen(fd, backlog) < 0) {
        int error = errno;
        close(fd);
        return -(int64_t)error;
    }
    return fd;
}

int64_t clinux_unix_connect(const char *path) {
    struct sockaddr_un address;
    int64_t result = unix_address(path, &address);
    if (result < 0) return result;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -(int64_t)errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        return -(int64_t)error;
    }
    return fd;
}
