// What contract volumes need of the kernel: the memory and descriptors of callers, names relative to descriptors, the new mount
// interface. Each function returns its result or -errno, taken in the same frame as the call.
#ifndef INCFS_CLINUX_CONTRACT_H
#define INCFS_CLINUX_CONTRACT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

// process_vm_readv(2), process_vm_writev(2) with one local range.
int64_t clinux_process_read(int pid, void *local, size_t length, const struct iovec *remote, int count);
int64_t clinux_process_write(int pid, const void *local, size_t length, const struct iovec *remote, int count);
// pidfd_getfd(2).
int64_t clinux_pidfd_getfd(int pidfd, int descriptor);

// statx(2) of a descriptor with AT_EMPTY_PATH | AT_STATX_DONT_SYNC: asks no server of a FUSE or network file system.
struct clinux_quiet_status {
    uint32_t mode, device_major, device_minor;
    uint64_t inode, mount;
};
int64_t clinux_quiet_status(int descriptor, struct clinux_quiet_status *out);

// setfsuid(2), setfsgid(2) and setgroups(2) of the calling thread alone.
int64_t clinux_set_fs_identity(uint32_t uid, uint32_t gid, const uint32_t *groups, int count);

int64_t clinux_mknodat(int directory, const char *name, unsigned mode, uint64_t device);
int64_t clinux_mkdirat(int directory, const char *name, unsigned mode);
int64_t clinux_unlinkat(int directory, const char *name, int flags);
// Gives the file of a descriptor a name: linkat(2) of /proc/self/fd/N.
int64_t clinux_link_descriptor(int descriptor, int directory, const char *name);
int64_t clinux_umask(unsigned mask);
// A negative nanoseconds value of -1 leaves a time, of -2 sets it to now.
int64_t clinux_set_times(const char *path, int64_t atime, int64_t atime_ns, int64_t mtime, int64_t mtime_ns);

// strerrorname_np(3), or NULL.
const char *clinux_error_name(int error);

// xattr(7), by path.
int64_t clinux_getxattr(const char *path, const char *name, void *value, size_t size);
int64_t clinux_setxattr(const char *path, const char *name, const void *value, size_t size, int flags);
int64_t clinux_listxattr(const char *path, void *names, size_t size);
int64_t clinux_removexattr(const char *path, const char *name);

// The next entry of an open directory stream (readdir(3)): 1, 0 at the end, or -errno.
struct clinux_entry {
    uint64_t inode;
    uint8_t type;
    uint16_t length;
    char name[256];
};
void *clinux_directory_open(int descriptor);
int64_t clinux_directory_next(void *stream, struct clinux_entry *out);
void clinux_directory_close(void *stream);

int64_t clinux_fsopen(const char *type);
int64_t clinux_fsconfig_string(int context, const char *key, const char *value);
int64_t clinux_fsconfig_flag(int context, const char *key);
int64_t clinux_fsconfig_create(int context);
int64_t clinux_fsmount(int context, unsigned attributes);
int64_t clinux_move_mount(int mount, const char *target);
// open_tree(2) with OPEN_TREE_CLONE of the mount of a descriptor.
int64_t clinux_clone_mount(int mount);
// mount_setattr(2) of the mount whose root the descriptor is: `set` and `clear` are MOUNT_ATTR_*.
int64_t clinux_mount_setattr(int mount, uint64_t set, uint64_t clear);
// The calling thread gets a descriptor table of its own, with nothing but 0, 1 and 2 in it (close_range(2), CLOSE_RANGE_UNSHARE).
int64_t clinux_leave_descriptors(void);

#endif
