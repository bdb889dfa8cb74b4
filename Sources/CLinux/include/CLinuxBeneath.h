#ifndef INCFS_CLINUX_BENEATH_H
#define INCFS_CLINUX_BENEATH_H

#include <stdint.h>

// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS and O_CLOEXEC: nothing outside of `dirfd`,
// neither by "..", nor by an absolute path, nor by a symbolic link. Returns the descriptor or -errno.
int64_t clinux_open_beneath(int dirfd, const char *path, int flags);

#endif
