// What the nine tests do not look at.
#define _GNU_SOURCE
#include "fixture.h"
#include "rows.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static pid_t reader(const struct test_file *file, uint32_t block) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(-read_block(MOUNT, file, block));
    return child;
}

bool row_command_file(void) {
    CHECK(mount_new(20000));
    int one = open_command(), two = open_command();
    CHECK(one >= 0 && two >= 0);
    struct instruction instruction = {.version = 1, .type = INSTRUCTION_NOOP};
    CHECK_EQUAL(instruct(one, &instruction), 0);
    instruction.version = 2;
    CHECK_EQUAL(instruct(one, &instruction), -NOT_SUPPORTED);
    instruction = (struct instruction){.version = 1, .type = 2};
    CHECK_EQUAL(instruct(one, &instruction), -NOT_SUPPORTED);
    CHECK(ioctl(one, _IO('g', 31)) == -1 && errno == EINVAL);
    instruction = (struct instruction){.version = 1, .type = INSTRUCTION_ADD_DIR_ENTRY, .entry = {ROOT_INODE, ROOT_INODE, 5, 0, 8}};
    CHECK_EQUAL(instruct(one, &instruction), -EFAULT);

    struct test_file file = {"file", 8 * BLOCK, 0};
    CHECK_EQUAL(make_file(one, &file), 0);
    struct pollfd entry = {.fd = one, .events = POLLIN};
    struct pending_read reads[8];
    CHECK_EQUAL(poll(&entry, 1, 0), 0);
    CHECK_EQUAL(read(one, reads, sizeof reads), 0);
    CHECK(read(one, reads, 15) == -1 && errno == EINVAL);

    // A sleeper is woken by a read that begins to wait.
    pid_t first = reader(&file, 5);
    CHECK_EQUAL(next_reads(one, 20000, reads, 8), 1);
    CHECK(reads[0].inode == file.inode && reads[0].block == 5);
    uint32_t serial = reads[0].serial;
    // Once for each description: this one has seen it, the other has not.
    CHECK_EQUAL(poll(&entry, 1, 0), 0);
    CHECK_EQUAL(read(one, reads, sizeof reads), 0);
    pid_t second = reader(&file, 2);
    CHECK_EQUAL(next_reads(one, 20000, reads, 8), 1);
    CHECK(reads[0].block == 2 && reads[0].serial > serial);
    // Oldest first, and what does not fit comes next.
    CHECK_EQUAL(next_reads(two, 20000, reads, 1), 1);
    CHECK(reads[0].block == 5 && reads[0].serial == serial);
    CHECK_EQUAL(next_reads(two, 20000, reads, 1), 1);
    CHECK(reads[0].block == 2);
    // What was answered is pending no more.
    int three = open_command();
    uint32_t block = 5;
    CHECK_EQUAL(give(one, &file, &block, 1), 0);
    CHECK_EQUAL(wait_for(first), 0);
    CHECK_EQUAL(next_reads(three, 0, reads, 8), 1);
    CHECK(reads[0].block == 2);
    // A reader that is killed is let go at once. Its page is read all the same, and stays wanted.
    uint64_t start = now_ms();
    CHECK(kill(second, SIGKILL) == 0);
    CHECK_EQUAL(wait_for(second), -1);
    CHECK(now_ms() - start < 10000);
    block = 2;
    CHECK_EQUAL(give(one, &file, &block, 1), 0);
    int four = open_command();
    CHECK_EQUAL(next_reads(four, 0, reads, 8), 0);
    CHECK_EQUAL(read_block(MOUNT, &file, 2), 0);
    close(one);
    close(two);
    close(three);
    close(four);
    CHECK(unmount());
    return true;
}

bool row_refused_blocks(void) {
    CHECK(mount_new(50));
    int command = open_command();
    CHECK(command >= 0);
    struct test_file file = {"file", 3 * BLOCK + 7, 0};
    CHECK_EQUAL(make_file(command, &file), 0);
    uint64_t directory;
    CHECK_EQUAL(new_node(command, 0, S_IFDIR | 0555, &directory), 0);
    uint8_t bytes[3 * BLOCK];
    content(&file, 0, bytes);
    uint64_t data = (uint64_t)(uintptr_t)bytes;
    const struct block good = {file.inode, 0, BLOCK, data, RAW, 0, 0};
    struct { struct block block; int error; } wrong[] = {
        {{999, 0, BLOCK, data, RAW, 0, 0}, ENOENT}, {{COMMAND_INODE, 0, BLOCK, data, RAW, 0, 0}, ENOENT}, {{directory, 0, BLOCK, data, RAW, 0, 0}, EISDIR},
        {{file.inode, 4, BLOCK, data, RAW, 0, 0}, ERANGE}, {{file.inode, UINT32_MAX, BLOCK, data, RAW, 0, 0}, ERANGE}, {{file.inode, 1, 0, data, RAW, 0, 0}, EINVAL},
        {{file.inode, 1, BLOCK - 1, data, RAW, 0, 0}, EINVAL}, {{file.inode, 1, BLOCK, data, 2, 0, 0}, EINVAL}, {{file.inode, 1, BLOCK + 1, data, RAW, 0, 0}, E2BIG},
        {{file.inode, 1, 2 * BLOCK + 1, data, LZ4, 0, 0}, E2BIG}, {{file.inode, 1, UINT32_MAX, data, LZ4, 0, 0}, E2BIG}, {{file.inode, 1, BLOCK, 8, RAW, 0, 0}, EFAULT},
        {{file.inode, 1, BLOCK, UINT64_MAX, RAW, 0, 0}, EFAULT},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQUAL(write_blocks(command, &wrong[i].block, 1), -wrong[i].error);
        // What comes before it is taken, it and what comes behind it are not.
        struct test_file next = {"next", 2 * BLOCK, 0};
        CHECK_EQUAL(make_file(command, &next), 0);
        content(&next, 0, bytes);
        struct block three[3] = {good, wrong[i].block, good};
        three[0].inode = three[2].inode = next.inode;
        three[2].index = 1;
        CHECK_EQUAL(write_blocks(command, three, 3), sizeof three[0]);
        CHECK_EQUAL(read_block(MOUNT, &next, 0), 0);
        CHECK_EQUAL(read_block(MOUNT, &next, 1), -ETIME);
        CHECK_EQUAL(remove_name(command, ROOT_INODE, next.inode, next.name), 0);
    }
    CHECK(write(command, &good, 39) == -1 && errno == EINVAL);
    CHECK_EQUAL(write(command, &good, 0), 0);
    // A descriptor in part behind whole ones is not looked at.
    struct block two[2] = {good, good};
    content(&file, 0, bytes);
    CHECK_EQUAL(write(command, two, 79), 40);
    CHECK_EQUAL(read_block(MOUNT, &file, 0), 0);
    CHECK_EQUAL(read_block(MOUNT, &file, 1), -ETIME);
    close(command);
    CHECK(unmount());
    return true;
}

bool row_ordinary_means(void) {
    CHECK(mount_new(50));
    int command = open_command();
    CHECK(command >= 0);
    CHECK_EQUAL(make_file(command, &files[6]), 0);
    CHECK_EQUAL(give_all(command, &files[6]), 0);
    char path[128];
    snprintf(path, sizeof path, MOUNT "/%s", files[6].name);
    CHECK(open(MOUNT "/new", O_CREAT | O_WRONLY, 0644) == -1 && errno == EACCES);
    CHECK(mkdir(MOUNT "/new", 0755) == -1 && errno == EACCES);
    CHECK(open(path, O_WRONLY) == -1 && errno == EACCES);
    CHECK(open(path, O_RDWR) == -1 && errno == EACCES);
    CHECK(chmod(path, 0777) == -1 && errno == EPERM);
    // Whose permission bits say no hears of them first.
    int refusal = geteuid() == 0 ? EPERM : EACCES;
    CHECK(truncate(path, 0) == -1 && errno == refusal);
    CHECK(unlink(path) == -1 && errno == refusal);
    CHECK(rename(path, MOUNT "/other") == -1 && errno == refusal);
    CHECK(link(path, MOUNT "/other") == -1 && errno == refusal);
    CHECK(symlink("x", MOUNT "/other") == -1 && errno == refusal);
    CHECK(unlink(MOUNT "/.cmd") == -1 && errno == refusal);
    CHECK(setxattr(path, "user.a", "b", 1, 0) == -1 && errno == (geteuid() == 0 ? EOPNOTSUPP : EACCES));
    // A shell opens what it writes to with O_TRUNC.
    int truncating = open(MOUNT "/.cmd", O_WRONLY | O_TRUNC);
    CHECK(truncating >= 0);
    close(truncating);
    // A mapping has the same bytes.
    int descriptor = open(path, O_RDONLY);
    CHECK(descriptor >= 0);
    uint8_t *mapped = mmap(NULL, files[6].size, PROT_READ, MAP_PRIVATE, descriptor, 0), should[BLOCK];
    CHECK(mapped != MAP_FAILED);
    for (uint32_t block = 0; block < blocks_of(&files[6]); block++) {
        uint32_t length = content(&files[6], block, should);
        CHECK(memcmp(mapped + (size_t)block * BLOCK, should, length) == 0);
    }
    munmap(mapped, files[6].size);
    close(descriptor);
    CHECK_EQUAL(read_file(MOUNT, &files[6]), 0);
    close(command);
    CHECK(unmount());
    return true;
}

bool row_damaged_data(void) {
    CHECK(mount_new(50));
    int command = open_command();
    CHECK(command >= 0);
    struct test_file file = {"file", 4 * BLOCK, 0};
    CHECK_EQUAL(make_file(command, &file), 0);
    uint32_t some[] = {0, 2};
    CHECK_EQUAL(give(command, &file, some, 2), 0);
    struct stat status;
    CHECK(stat(IMAGE, &status) == 0);
    // LZ4 that is none.
    uint8_t bytes[64];
    memset(bytes, 0xFF, sizeof bytes);
    struct block none = {file.inode, 1, sizeof bytes, (uint64_t)(uintptr_t)bytes, LZ4, 0, 0};
    CHECK_EQUAL(write_blocks(command, &none, 1), sizeof none);
    CHECK_EQUAL(read_block(MOUNT, &file, 1), -EBADMSG);
    close(command);
    CHECK(unmount());
    // The last byte of block 2.
    int image = open(IMAGE, O_RDWR);
    uint8_t byte;
    CHECK(image >= 0 && pread(image, &byte, 1, status.st_size - 1) == 1);
    byte ^= 1;
    CHECK(pwrite(image, &byte, 1, status.st_size - 1) == 1);
    close(image);
    CHECK(mount_again(50));
    CHECK_EQUAL(read_block(MOUNT, &file, 0), 0);
    CHECK_EQUAL(read_block(MOUNT, &file, 2), -EBADMSG);
    CHECK(unmount());
    return true;
}

// A write is read in the writer's memory: not for somebody who has less than the writer.
bool row_writers_with_more(void) {
    enum { NOBODY = 65534 };
    CHECK(mount_new(50));
    CHECK(chmod(".", 0755) == 0);
    int command = open_command();
    CHECK(command >= 0);
    struct test_file file = {"file", 3 * BLOCK, 0};
    CHECK_EQUAL(make_file(command, &file), 0);
    uint32_t block = 0;
    // Opened by an ordinary user, written to by root.
    CHECK(seteuid(NOBODY) == 0);
    int theirs = open_command();
    CHECK(theirs >= 0);
    CHECK(seteuid(0) == 0);
    CHECK_EQUAL(give(theirs, &file, &block, 1), -EPERM);
    // By another group.
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(setresgid(1, 1, 1) || setresuid(NOBODY, NOBODY, NOBODY) ? 1 : -give(theirs, &file, &block, 1));
    CHECK_EQUAL(wait_for(child), EPERM);
    CHECK_EQUAL(read_block(MOUNT, &file, 0), -ETIME);
    // Opened by root, and by somebody who gave it up: a loader that needs no more.
    fflush(stdout);
    child = fork();
    if (child == 0) _exit(setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY) ? 1 : -give(command, &file, &block, 1));
    CHECK_EQUAL(wait_for(child), 0);
    CHECK_EQUAL(read_block(MOUNT, &file, 0), 0);
    // By an ordinary user for himself.
    block = 1;
    int said[2];
    CHECK(pipe(said) == 0);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)) _exit(1);
        int own = open_command();
        int result = own < 0 ? -errno : give(own, &file, &block, 1);
        if (write(said[1], &own, sizeof own) != sizeof own || result < 0) _exit(1);
        for (;;) pause();
    }
    int number;
    CHECK(read(said[0], &number, sizeof number) == sizeof number);
    CHECK_EQUAL(read_block(MOUNT, &file, 1), 0);
    // And that descriptor in a process of the same user that has capabilities.
    int process = (int)syscall(SYS_pidfd_open, child, 0), handed = (int)syscall(SYS_pidfd_getfd, process, number, 0);
    CHECK(handed >= 0);
    block = 2;
    fflush(stdout);
    pid_t able = fork();
    if (able == 0) _exit(prctl(PR_SET_KEEPCAPS, 1) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY) ? 1 : -give(handed, &file, &block, 1));
    CHECK_EQUAL(wait_for(able), EPERM);
    CHECK_EQUAL(read_block(MOUNT, &file, 2), -ETIME);
    CHECK(kill(child, SIGKILL) == 0);
    CHECK_EQUAL(wait_for(child), -1);
    close(process);
    close(handed);
    close(said[0]);
    close(said[1]);
    close(theirs);
    close(command);
    CHECK(unmount());
    return true;
}

// What was answered before the daemon was killed is there afterwards, and nothing else is wrong.
bool row_killed_daemon(void) {
    enum { ROUNDS = 12 };
    CHECK(mount_new(20));
    struct test_file file = {"file", 4000 * BLOCK, 0};
    int command = open_command();
    CHECK(command >= 0);
    CHECK_EQUAL(make_file(command, &file), 0);
    close(command);
    // Blocks and names that were answered.
    struct { volatile uint32_t blocks, names; } *done = shared_memory(sizeof *done);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t first = done->blocks;
        fflush(stdout);
        pid_t loader = fork();
        CHECK(loader >= 0);
        if (loader == 0) {
            int own = open_command();
            for (; done->blocks + 8 <= 4000; done->blocks += 8) {
                uint32_t blocks[8];
                for (uint32_t i = 0; i < 8; i++) blocks[i] = done->blocks + i;
                if (give(own, &file, blocks, 8) < 0) _exit(1);
                if (done->blocks % 32 != 0) continue;
                char name[32];
                snprintf(name, sizeof name, "name_%u", done->names);
                if (add_name(own, ROOT_INODE, file.inode, name) < 0) _exit(2);
                done->names++;
            }
            _exit(0);
        }
        uint32_t wanted = first + 40 + (uint32_t)round * 24;
        uint64_t start = now_ms();
        while (done->blocks < wanted) CHECK(now_ms() - start < 30000);
        pid_t daemon = daemon_of_image();
        CHECK(daemon > 0);
        CHECK(kill(daemon, SIGKILL) == 0);
        CHECK(wait_for(loader) > 0);
        // The mount is dead, and says so.
        CHECK_EQUAL(read_block(MOUNT, &file, 0), -ENOTCONN);
        CHECK(unmount());
        CHECK(mount_again(20));
        for (uint32_t block = 0; block < done->blocks; block++) CHECK_EQUAL(read_block(MOUNT, &file, block), 0);
        // What was under way is there, or is not.
        for (uint32_t block = done->blocks; block < done->blocks + 8; block++) {
            int result = read_block(MOUNT, &file, block);
            if (result != -ETIME) CHECK_EQUAL(result, 0);
        }
        for (uint32_t number = 0; number < done->names; number++) {
            char path[64];
            snprintf(path, sizeof path, MOUNT "/name_%u", number);
            CHECK(access(path, F_OK) == 0);
        }
        char next[64];
        snprintf(next, sizeof next, MOUNT "/name_%u", done->names);
        if (access(next, F_OK) == 0) done->names++;
    }
    CHECK(unmount());
    return true;
}
