// Unix sockets beyond connect and listen, and the type of a file system. Same rules as clinux.c.
#define _GNU_SOURCE
#include "include/CLinux.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <unistd.h>

int64_t clinux_unix_name(int sock, char *path, size_t size) {
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    memset(&address, 0, sizeof address);
    if (getsockname(sock, (struct sockaddr *)&address, &length) < 0) return -(int64_t)errno;
    size_t count = strnlen(address.sun_path, sizeof address.sun_path);
    if (address.sun_family != AF_UNIX || count == 0) return -ENOENT;
    if (count >= size) return -ENAMETOOLONG;
    memcpy(path, address.sun_path, count);
    path[count] = 0;
    return (int64_t)count;
}

int64_t clinux_unix_connect_type(const char *path, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int sock = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (sock < 0) return -(int64_t)errno;
    if (connect(sock, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(sock);
        return -(int64_t)error;
    }
    return sock;
}

int64_t clinux_send_datagram(int sock, const void *bytes, size_t count) {
    ssize_t sent = send(sock, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? -(int64_t)errno : (int64_t)sent;
}

int64_t clinux_fs_type(const char *path) {
    struct statfs info;
    return statfs(path, &info) < 0 ? -(int64_t)errno : (int64_t)(uint32_t)info.f_type;
}
