#define _GNU_SOURCE
#include "CLinuxBeneath.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

int64_t clinux_open_beneath(int dirfd, const char *path, int flags) {
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long result = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
    return result < 0 ? -(int64_t)errno : result;
}
