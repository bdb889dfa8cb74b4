#ifndef INCFS_CLINUX_COMMANDS_H
#define INCFS_CLINUX_COMMANDS_H

#include <signal.h>
#include <stdint.h>

// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS and O_CLOEXEC: nothing outside of `dirfd`,
// neither by "..", nor by an absolute path, nor by a symbolic link. Returns the descriptor or -errno.
int64_t clinux_open_beneath(int dirfd, const char *path, int flags);
// The same with RESOLVE_IN_ROOT: `dirfd` is the root for "..", absolute paths and symbolic links (chroot(2) without one).
int64_t clinux_open_in_root(int dirfd, const char *path, int flags);

// sigtimedwait(2) on `signals`; a negative time-out waits for ever. Returns the number, 0 on time-out or when a
// signal of another kind came, or -errno. *code is si_code: SI_KERNEL (0x80) for what a terminal sends.
int64_t clinux_signal_wait(const int *signals, int count, int timeout_ms, int *code);

// pipe2(2) with O_CLOEXEC: ends[0] reads, ends[1] writes. Returns 0 or -errno.
int64_t clinux_pipe(int *ends);

#endif
