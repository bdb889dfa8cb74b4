#define _GNU_SOURCE
#include "CLinuxCommands.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t open_resolved(int dirfd, const char *path, int flags, uint64_t resolve) {
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC), .resolve = resolve};
    long result = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
    return result < 0 ? -(int64_t)errno : result;
}

int64_t clinux_open_beneath(int dirfd, const char *path, int flags) {
    return open_resolved(dirfd, path, flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

int64_t clinux_open_in_root(int dirfd, const char *path, int flags) {
    return open_resolved(dirfd, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int64_t clinux_signal_wait(const int *signals, int count, int timeout_ms, int *code) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    struct timespec time = {.tv_sec = timeout_ms / 1000, .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    siginfo_t info;
    int result = timeout_ms < 0 ? sigwaitinfo(&set, &info) : sigtimedwait(&set, &info, &time);
    if (result < 0) return errno == EAGAIN || errno == EINTR ? 0 : -(int64_t)errno;
    *code = info.si_code;
    return result;
}

int64_t clinux_pipe(int *ends) { return pipe2(ends, O_CLOEXEC) < 0 ? -(int64_t)errno : 0; }
