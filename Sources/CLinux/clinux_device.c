#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

int64_t clinux_wait_create(int device, int stop) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    if (set < 0) return -(int64_t)errno;
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    // Exclusive: a request wakes one of the waiting threads, not all of them.
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    event.data.u32 = CLINUX_WAIT_DEVICE;
    int failed = epoll_ctl(set, EPOLL_CTL_ADD, device, &event);
    if (!failed) {
        event.events = EPOLLIN;
        event.data.u32 = CLINUX_WAIT_STOP;
        failed = epoll_ctl(set, EPOLL_CTL_ADD, stop, &event);
    }
    if (failed) {
        int64_t error = -(int64_t)errno;
        close(set);
        return error;
    }
    return set;
}

int64_t clinux_wait(int set, int timeout_ms) {
    struct epoll_event events[2];
    int count = epoll_wait(set, events, 2, timeout_ms);
    if (count < 0) return errno == EINTR ? 0 : -(int64_t)errno;
    int64_t ready = 0;
    for (int i = 0; i < count; i++) ready |= events[i].data.u32;
    return ready;
}
