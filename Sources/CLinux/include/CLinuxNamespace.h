// A mount namespace for one program (mount_namespaces(7), user_namespaces(7)).
#ifndef INCFS_CLINUX_NAMESPACE_H
#define INCFS_CLINUX_NAMESPACE_H

#include <stdint.h>

// Enters a mount namespace of its own whose mounts nobody else sees; without CAP_SYS_ADMIN in a user namespace of its own where
// user and group stay what they are. The caller must have one thread. Each returns 0 or -errno.
int64_t clinux_enter_mount_namespace(int with_user_namespace);
// Shows `source` at `target` as well (mount(2), MS_BIND | MS_REC).
int64_t clinux_bind_mount(const char *source, const char *target);
// An empty memory file system at `target`.
int64_t clinux_mount_tmpfs(const char *target);
// `upper` over `lower` at `target` (overlayfs); `options` as in mount(8). Always nosuid and nodev: an overlay does not have these of what lies
// below it.
int64_t clinux_mount_overlay(const char *target, const char *options, int no_exec);

#endif
