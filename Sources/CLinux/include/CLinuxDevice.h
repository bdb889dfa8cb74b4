// Waiting for a device whose requests several threads serve (epoll(7)).
#ifndef INCFS_CLINUX_DEVICE_H
#define INCFS_CLINUX_DEVICE_H

#include <stdint.h>

// An epoll set over a FUSE device (waited for exclusively) and a stop descriptor. Returns its descriptor or -errno.
enum { CLINUX_WAIT_DEVICE = 1, CLINUX_WAIT_STOP = 2 };
int64_t clinux_wait_create(int device, int stop);
// Waits; returns the ready ones as a mask, 0 on time-out or a signal, or -errno.
int64_t clinux_wait(int set, int timeout_ms);

#endif
