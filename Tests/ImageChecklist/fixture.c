#define _GNU_SOURCE
#include "fixture.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <lz4.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *helper;
struct test_file files[FILES] = {
    {"one_byte", 1, 0}, {"one_block", BLOCK, 0}, {"one_block_and_a_byte", BLOCK + 1, 0}, {"twelve", 12, 0}, {"two_hundred_blocks", 200 * BLOCK, 0},
    {"a_mebibyte_and_a_bit", (1 << 20) + 1234, 0}, {"prime", 99991, 0},
};

bool did_not_hold(const char *file, int line, const char *condition) {
    printf("# %s:%d: %s does not hold (errno %d)\n", file, line, condition, errno);
    return false;
}

bool is_not(const char *file, int line, const char *what, long long is, long long should) {
    printf("# %s:%d: %s is %lld, not %lld\n", file, line, what, is, should);
    return false;
}

int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool mount_again(int timeout_ms) {
    char options[64];
    snprintf(options, sizeof options, "read_timeout_ms=%d", timeout_ms);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        execl(helper, helper, "mount-image", IMAGE, MOUNT, "-o", options, NULL);
        _exit(127);
    }
    return child > 0 && wait_for(child) == 0;
}

bool mount_new(int timeout_ms) {
    int image = open(IMAGE, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (image < 0) return false;
    close(image);
    mkdir(MOUNT, 0755);
    return mount_again(timeout_ms);
}

bool unmount_with(int flags) {
    if (umount2(MOUNT, flags) == 0) return true;
    if (errno != EPERM) return false;
    // An ordinary user's.
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) return false;
    if (child == 0) {
        if (flags & MNT_DETACH) execlp("fusermount3", "fusermount3", "-q", "-u", "-z", "--", MOUNT, (char *)NULL);
        else execlp("fusermount3", "fusermount3", "-u", "--", MOUNT, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && status == 0;
}
bool unmount(void) { return unmount_with(0); }
int open_command(void) { return open(MOUNT "/.cmd", O_RDWR | O_CLOEXEC); }

int instruct(int command, struct instruction *instruction) { return ioctl(command, INSTRUCT, instruction) == 0 ? 0 : -errno; }

int new_node(int command, uint64_t size, int mode, uint64_t *inode) {
    struct instruction instruction = {.version = 1, .type = INSTRUCTION_NEW_FILE, .file = {.size = size, .mode = (uint16_t)mode}};
    int result = instruct(command, &instruction);
    *inode = instruction.file.inode_out;
    return result;
}

static int entry(int command, uint32_t type, uint64_t directory, uint64_t child, const char *name) {
    struct instruction instruction = {
        .version = 1, .type = type, .entry = {.directory = directory, .child = child, .name_length = (uint32_t)strlen(name), .name = (uint64_t)(uintptr_t)name}};
    return instruct(command, &instruction);
}
int add_name(int command, uint64_t directory, uint64_t child, const char *name) { return entry(command, INSTRUCTION_ADD_DIR_ENTRY, directory, child, name); }
int remove_name(int command, uint64_t directory, uint64_t child, const char *name) { return entry(command, INSTRUCTION_REMOVE_DIR_ENTRY, directory, child, name); }

int make_file(int command, struct test_file *file) {
    int result = new_node(command, file->size, S_IFREG | 0555, &file->inode);
    return result < 0 ? result : add_name(command, ROOT_INODE, file->inode, file->name);
}

uint32_t blocks_of(const struct test_file *file) { return (uint32_t)((file->size + BLOCK - 1) / BLOCK); }

uint32_t content(const struct test_file *file, uint32_t block, uint8_t *bytes) {
    uint64_t start = (uint64_t)block * BLOCK, left = file->size - start;
    uint32_t length = left < BLOCK ? (uint32_t)left : BLOCK, seed = (uint32_t)(file->size * 2654435761u) ^ (block * 40503u);
    // Halves that can be compressed, and halves that cannot.
    for (uint32_t i = 0; i < length; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = i % 512 < 256 ? (uint8_t)(block + i / 512) : (uint8_t)(seed >> 24);
    }
    return length;
}

ssize_t write_blocks(int command, const struct block *blocks, int count) {
    ssize_t written = write(command, blocks, (size_t)count * sizeof *blocks);
    return written < 0 ? -errno : written;
}

int give(int command, const struct test_file *file, const uint32_t *indices, int count) {
    enum { AT_ONCE = 64, ROOM = 2 * BLOCK };
    static _Thread_local uint8_t room[AT_ONCE][ROOM];
    uint8_t plain[BLOCK];
    while (count > 0) {
        struct block blocks[AT_ONCE] = {0};
        int now = count < AT_ONCE ? count : AT_ONCE;
        for (int i = 0; i < now; i++) {
            uint32_t length = content(file, indices[i], plain);
            bool packs = indices[i] % 2 == 1;
            int stored = packs ? LZ4_compress_default((const char *)plain, (char *)room[i], (int)length, ROOM) : (int)length;
            if (!packs) memcpy(room[i], plain, length);
            blocks[i] = (struct block){file->inode, indices[i], (uint32_t)stored, (uint64_t)(uintptr_t)room[i], packs ? LZ4 : RAW, 0, 0};
        }
        ssize_t written = write_blocks(command, blocks, now);
        if (written < 0) return (int)written;
        if (written != (ssize_t)(now * sizeof *blocks)) return -EIO;
        indices += now;
        count -= now;
    }
    return 0;
}

int give_all(int command, const struct test_file *file) {
    for (uint32_t block = 0; block < blocks_of(file); block++) {
        int result = give(command, file, &block, 1);
        if (result < 0) return result;
    }
    return 0;
}

static int open_file(const char *directory, const struct test_file *file) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, file->name);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

static int compare(int descriptor, const struct test_file *file, uint32_t block) {
    uint8_t should[BLOCK], is[BLOCK];
    uint32_t length = content(file, block, should);
    ssize_t got = pread(descriptor, is, BLOCK, (off_t)block * BLOCK);
    if (got < 0) return -errno;
    return got == (ssize_t)length && memcmp(is, should, length) == 0 ? 0 : -EILSEQ;
}

int read_block(const char *directory, const struct test_file *file, uint32_t block) {
    int descriptor = open_file(directory, file);
    if (descriptor < 0) return descriptor;
    int result = compare(descriptor, file, block);
    close(descriptor);
    return result;
}

int read_file(const char *directory, const struct test_file *file) {
    int descriptor = open_file(directory, file), result = 0;
    if (descriptor < 0) return descriptor;
    struct stat status;
    if (fstat(descriptor, &status) < 0 || (uint64_t)status.st_size != file->size || status.st_ino != file->inode) result = -ESTALE;
    for (uint32_t block = 0; block < blocks_of(file) && result == 0; block++) result = compare(descriptor, file, block);
    close(descriptor);
    return result;
}

int next_reads(int command, int timeout_ms, struct pending_read *reads, int count) {
    struct pollfd entry = {.fd = command, .events = POLLIN};
    int ready = poll(&entry, 1, timeout_ms);
    if (ready <= 0) return ready < 0 ? -errno : 0;
    ssize_t got = read(command, reads, (size_t)count * sizeof *reads);
    return got < 0 ? -errno : (int)(got / (ssize_t)sizeof *reads);
}

int provide(int command, const volatile bool *stop) {
    struct pending_read reads[100];
    while (!*stop) {
        int count = next_reads(command, 50, reads, 100);
        if (count < 0) return count;
        for (int i = 0; i < count; i++) {
            for (int j = 0; j < FILES; j++) {
                if (files[j].inode != reads[i].inode) continue;
                uint32_t block = reads[i].block;
                int result = give(command, &files[j], &block, 1);
                if (result < 0) return result;
            }
        }
    }
    return 0;
}

pid_t daemon_of_image(void) {
    char image[PATH_MAX];
    if (!realpath(IMAGE, image)) return 0;
    DIR *processes = opendir("/proc");
    pid_t found = 0;
    for (struct dirent *entry; processes && !found && (entry = readdir(processes));) {
        pid_t pid = atoi(entry->d_name);
        if (pid <= 0 || pid == getpid()) continue;
        char path[64], target[PATH_MAX];
        snprintf(path, sizeof path, "/proc/%d/fd/5", pid);
        ssize_t length = readlink(path, target, sizeof target - 1);
        if (length <= 0) continue;
        target[length] = 0;
        if (strcmp(target, image) == 0) found = pid;
    }
    if (processes) closedir(processes);
    return found;
}

void *shared_memory(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    return memory;
}

uint64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}
