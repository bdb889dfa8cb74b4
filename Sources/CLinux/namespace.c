#define _GNU_SOURCE
#include "CLinuxNamespace.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t length = (ssize_t)strlen(text);
    int result = write(fd, text, (size_t)length) == length ? 0 : -errno;
    close(fd);
    return result;
}

int64_t clinux_enter_mount_namespace(int with_user_namespace) {
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWNS | (with_user_namespace ? CLONE_NEWUSER : 0)) < 0) return -(int64_t)errno;
    if (with_user_namespace) {
        char text[64];
        int error;
        snprintf(text, sizeof text, "%u %u 1", uid, uid);
        if ((error = write_file("/proc/self/uid_map", text)) < 0) return error;
        // Without setgroups(2) the group may be mapped by anybody (user_namespaces(7)).
        if ((error = write_file("/proc/self/setgroups", "deny")) < 0 && error != -ENOENT) return error;
        snprintf(text, sizeof text, "%u %u 1", gid, gid);
        if ((error = write_file("/proc/self/gid_map", text)) < 0) return error;
    }
    // What is mounted outside still appears inside; nothing of ours gets out.
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) return -(int64_t)errno;
    return 0;
}

int64_t clinux_bind_mount(const char *source, const char *target) { return mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0 ? -(int64_t)errno : 0; }
int64_t clinux_mount_tmpfs(const char *target) { return mount("tmpfs", target, "tmpfs", 0, "mode=0755") < 0 ? -(int64_t)errno : 0; }
int64_t clinux_mount_overlay(const char *target, const char *options, int no_exec) {
    unsigned long flags = MS_NOSUID | MS_NODEV | (no_exec ? MS_NOEXEC : 0);
    return mount("incfs-writable", target, "overlay", flags, options) < 0 ? -(int64_t)errno : 0;
}
