// Processes, signals and Unix sockets: what Swift's Glibc module does not export.
// Each function returns its result or -errno, taken in the same frame as the call.
#ifndef INCFS_CLINUX_PROCESS_H
#define INCFS_CLINUX_PROCESS_H

#include <poll.h>
#include <stdint.h>

// Blocks `signals` in the calling thread and returns a non-blocking descriptor that reports them (signalfd(2)).
int64_t clinux_signalfd(const int *signals, int count);
// The next signal's number, 0 when none is there.
int64_t clinux_signalfd_read(int fd);
// A child without descriptors that calls statfs(2) and ends with its errno, 0 for success. Its process id.
int64_t clinux_statfs_child(const char *path);
// pidfd_open(2): readable when the process has ended.
int64_t clinux_pidfd_open(int pid);
// Linux 6.9; EINVAL before.
int64_t clinux_pidfd_open_thread(int tid);
// close_range(2) from `first` to the end.
int64_t clinux_close_range(unsigned first);
int64_t clinux_poll(struct pollfd *entries, unsigned count, int timeout_ms);
// A listening stream socket at `path`, mode 0600; ENAMETOOLONG past 107 bytes (unix(7)).
int64_t clinux_unix_listen(const char *path, int backlog);
int64_t clinux_unix_connect(const char *path);

#endif
