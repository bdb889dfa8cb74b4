// The nine tests of 2019.
#define _GNU_SOURCE
#include "fixture.h"
#include "rows.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Whether a directory lists exactly these names with their inodes and kinds.
static bool lists(const char *path, int count, const char *const *names, const uint64_t *inodes, const uint8_t *types) {
    DIR *directory = opendir(path);
    if (!directory) return false;
    int found = 0;
    bool good = true;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        int i = 0;
        while (i < count && strcmp(names[i], entry->d_name)) i++;
        if (i == count || entry->d_ino != inodes[i] || entry->d_type != types[i]) {
            printf("# %s has %s, inode %llu, type %d\n", path, entry->d_name, (unsigned long long)entry->d_ino, entry->d_type);
            good = false;
        }
        found++;
    }
    closedir(directory);
    return good && found == count;
}

bool row_directory_structure(void) {
    CHECK(mount_new(50));
    int command = open_command();
    CHECK(command >= 0);
    struct stat status;
    CHECK(stat(MOUNT, &status) == 0 && status.st_ino == ROOT_INODE && status.st_mode == (S_IFDIR | 0555) && status.st_nlink == 2);
    CHECK(stat(MOUNT "/.cmd", &status) == 0 && status.st_ino == COMMAND_INODE && status.st_mode == (S_IFREG | 0666));

    uint64_t outer, inner, file;
    CHECK_EQUAL(new_node(command, 0, S_IFDIR | 0755, &outer), 0);
    // It exists, and has no name.
    CHECK(lists(MOUNT, 1, (const char *[]){".cmd"}, (uint64_t[]){COMMAND_INODE}, (uint8_t[]){DT_REG}));
    CHECK_EQUAL(add_name(command, ROOT_INODE, outer, "outer"), 0);
    CHECK_EQUAL(new_node(command, 12345, S_IFDIR | 0555, &inner), 0);
    CHECK_EQUAL(add_name(command, outer, inner, "inner"), 0);
    CHECK_EQUAL(new_node(command, 0, S_IFREG | 0754, &file), 0);
    CHECK_EQUAL(add_name(command, inner, file, "file"), 0);
    CHECK(lists(MOUNT, 2, (const char *[]){".cmd", "outer"}, (uint64_t[]){COMMAND_INODE, outer}, (uint8_t[]){DT_REG, DT_DIR}));
    CHECK(lists(MOUNT "/outer", 1, (const char *[]){"inner"}, &inner, (uint8_t[]){DT_DIR}));
    CHECK(lists(MOUNT "/outer/inner", 1, (const char *[]){"file"}, &file, (uint8_t[]){DT_REG}));
    CHECK(stat(MOUNT "/outer/inner/file", &status) == 0 && status.st_ino == file && status.st_size == 0 && status.st_mode == (S_IFREG | 0754) && status.st_nlink == 1);
    CHECK(stat(MOUNT "/outer", &status) == 0 && status.st_ino == outer && status.st_mode == (S_IFDIR | 0755) && status.st_nlink == 3);

    // A hard link: the same file under two names, and under one when the other goes.
    CHECK_EQUAL(add_name(command, ROOT_INODE, file, "link"), 0);
    CHECK(stat(MOUNT "/link", &status) == 0 && status.st_ino == file && status.st_nlink == 2);
    CHECK_EQUAL(remove_name(command, inner, file, "file"), 0);
    CHECK(lists(MOUNT "/outer/inner", 0, NULL, NULL, NULL));
    CHECK(access(MOUNT "/outer/inner/file", F_OK) == -1 && errno == ENOENT);
    CHECK(stat(MOUNT "/link", &status) == 0 && status.st_nlink == 1);
    int open_one = open(MOUNT "/link", O_RDONLY);
    CHECK(open_one >= 0);
    CHECK_EQUAL(remove_name(command, ROOT_INODE, file, "link"), 0);
    // Open files stay, and so does the inode, which can have a name again.
    CHECK(fstat(open_one, &status) == 0 && status.st_ino == file && status.st_nlink == 0);
    CHECK_EQUAL(add_name(command, outer, file, "again"), 0);
    CHECK(stat(MOUNT "/outer/again", &status) == 0 && status.st_ino == file && status.st_nlink == 1);
    close(open_one);
    close(command);
    CHECK(unmount());
    return true;
}

bool row_corner_cases_of_directories(void) {
    CHECK(mount_new(50));
    int command = open_command();
    CHECK(command >= 0);
    uint64_t one, two, file, unused;
    CHECK_EQUAL(new_node(command, 0, S_IFDIR | 0555, &one), 0);
    CHECK_EQUAL(new_node(command, 0, S_IFDIR | 0555, &two), 0);
    CHECK_EQUAL(new_node(command, 5, S_IFREG | 0555, &file), 0);
    CHECK_EQUAL(new_node(command, 0, 0555, &unused), -EINVAL);
    CHECK_EQUAL(new_node(command, 0, S_IFLNK | 0777, &unused), -EINVAL);
    CHECK_EQUAL(new_node(command, 0, S_IFCHR | 0666, &unused), -EINVAL);
    // Into itself; the root into a directory.
    CHECK_EQUAL(add_name(command, one, one, "one"), -EINVAL);
    CHECK_EQUAL(add_name(command, one, ROOT_INODE, "root"), -EINVAL);
    CHECK_EQUAL(add_name(command, ROOT_INODE, ROOT_INODE, "root"), -EINVAL);
    // Inodes that are not there, and one that is no directory.
    CHECK_EQUAL(add_name(command, ROOT_INODE, 999, "x"), -ENOENT);
    CHECK_EQUAL(add_name(command, 999, one, "x"), -ENOENT);
    CHECK_EQUAL(add_name(command, ROOT_INODE, 0, "x"), -ENOENT);
    CHECK_EQUAL(add_name(command, UINT64_MAX, one, "x"), -ENOENT);
    CHECK_EQUAL(add_name(command, file, one, "x"), -ENOTDIR);
    CHECK_EQUAL(remove_name(command, 999, one, "x"), -ENOENT);
    CHECK_EQUAL(remove_name(command, ROOT_INODE, one, "x"), -ENOENT);
    // Names that are none.
    CHECK_EQUAL(add_name(command, ROOT_INODE, one, ""), -EINVAL);
    CHECK_EQUAL(add_name(command, ROOT_INODE, one, "."), -EINVAL);
    CHECK_EQUAL(add_name(command, ROOT_INODE, one, ".."), -EINVAL);
    CHECK_EQUAL(add_name(command, ROOT_INODE, one, "a/b"), -EINVAL);
    CHECK_EQUAL(add_name(command, ROOT_INODE, file, ".cmd"), -EEXIST);
    char longest[4200];
    memset(longest, 'n', sizeof longest);
    longest[4097] = 0;
    CHECK_EQUAL(add_name(command, ROOT_INODE, one, longest), -E2BIG);
    longest[256] = 0;
    CHECK_EQUAL(add_name(command, ROOT_INODE, file, longest), -ENAMETOOLONG);
    longest[255] = 0;
    CHECK_EQUAL(add_name(command, ROOT_INODE, file, longest), 0);
    char path[4300];
    snprintf(path, sizeof path, MOUNT "/%s", longest);
    CHECK(access(path, F_OK) == 0);
    CHECK_EQUAL(remove_name(command, ROOT_INODE, file, longest), 0);

    CHECK_EQUAL(add_name(command, ROOT_INODE, one, "one"), 0);
    CHECK_EQUAL(add_name(command, one, two, "two"), 0);
    struct stat status;
    CHECK(stat(MOUNT "/one", &status) == 0 && status.st_ino == one);
    CHECK(stat(MOUNT "/one/two", &status) == 0 && status.st_ino == two);
    // A directory has one name: a loop would be a second.
    CHECK_EQUAL(add_name(command, two, one, "one"), -EMLINK);
    CHECK_EQUAL(add_name(command, ROOT_INODE, two, "other"), -EMLINK);
    CHECK_EQUAL(add_name(command, ROOT_INODE, file, "one"), -EEXIST);
    // Only empty ones go.
    CHECK_EQUAL(remove_name(command, ROOT_INODE, one, "one"), -ENOTEMPTY);
    CHECK_EQUAL(remove_name(command, one, two, "two"), 0);
    CHECK_EQUAL(remove_name(command, one, two, "two"), -ENOENT);
    CHECK_EQUAL(remove_name(command, ROOT_INODE, one, "one"), 0);
    CHECK(access(MOUNT "/one", F_OK) == -1);
    // Below itself while neither has a name.
    CHECK_EQUAL(add_name(command, one, two, "two"), 0);
    CHECK_EQUAL(add_name(command, two, one, "one"), -EINVAL);
    close(command);
    CHECK(unmount());
    return true;
}

bool row_number_of_files(void) {
    CHECK(mount_new(50));
    int command = open_command();
    CHECK(command >= 0);
    struct stat status;
    char name[32], path[64];
    // The root is one of the thousand.
    for (int i = 0; i < MOST_INODES - 1; i++) {
        snprintf(name, sizeof name, "file_%d", i);
        struct test_file file = {name, 0, 0};
        CHECK_EQUAL(make_file(command, &file), 0);
        snprintf(path, sizeof path, MOUNT "/%s", name);
        CHECK(stat(path, &status) == 0 && status.st_ino == file.inode);
    }
    uint64_t unused;
    CHECK_EQUAL(new_node(command, 0, S_IFREG | 0555, &unused), -ENFILE);
    CHECK_EQUAL(new_node(command, 0, S_IFDIR | 0555, &unused), -ENFILE);
    // Without a name it counts all the same: nothing is collected.
    CHECK_EQUAL(remove_name(command, ROOT_INODE, 0, "file_7"), 0);
    CHECK_EQUAL(new_node(command, 0, S_IFREG | 0555, &unused), -ENFILE);
    close(command);
    CHECK(unmount());
    CHECK(mount_again(50));
    command = open_command();
    CHECK(command >= 0);
    for (int i = 0; i < MOST_INODES - 1; i++) {
        snprintf(path, sizeof path, MOUNT "/file_%d", i);
        CHECK_EQUAL(access(path, F_OK), i == 7 ? -1 : 0);
    }
    CHECK_EQUAL(new_node(command, 0, S_IFREG | 0555, &unused), -ENFILE);
    close(command);
    CHECK(unmount());
    return true;
}

bool row_work_after_remount(void) {
    CHECK(mount_new(50));
    for (int round = 0; round < 2; round++) {
        if (round == 1) CHECK(mount_again(50));
        int command = open_command();
        CHECK(command >= 0);
        for (int i = round * FILES / 2; i < (round + 1) * FILES / 2; i++) {
            CHECK_EQUAL(make_file(command, &files[i]), 0);
            CHECK_EQUAL(give_all(command, &files[i]), 0);
        }
        close(command);
        if (round == 0) CHECK(unmount());
    }
    int command = open_command(), made = 2 * FILES / 2;
    CHECK(command >= 0);
    for (int i = 0; i < made; i++) CHECK_EQUAL(read_file(MOUNT, &files[i]), 0);
    for (int i = 0; i < made; i++) {
        CHECK_EQUAL(remove_name(command, ROOT_INODE, files[i].inode, files[i].name), 0);
        CHECK_EQUAL(read_file(MOUNT, &files[i]), -ENOENT);
    }
    close(command);
    CHECK(unmount());
    CHECK(mount_again(50));
    for (int i = 0; i < made; i++) CHECK_EQUAL(read_file(MOUNT, &files[i]), -ENOENT);
    // What has no name is still there, and comes back with one.
    command = open_command();
    CHECK(command >= 0);
    for (int i = 0; i < made; i++) {
        CHECK_EQUAL(add_name(command, ROOT_INODE, files[i].inode, files[i].name), 0);
        CHECK_EQUAL(read_file(MOUNT, &files[i]), 0);
    }
    close(command);
    CHECK(unmount());
    return true;
}

bool row_children_waiting_for_data(void) {
    CHECK(mount_new(20000));
    int command = open_command();
    CHECK(command >= 0);
    pid_t children[FILES];
    for (int i = 0; i < FILES; i++) CHECK_EQUAL(make_file(command, &files[i]), 0);
    fflush(stdout);
    for (int i = 0; i < FILES; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) _exit(-read_file(MOUNT, &files[i]));
    }
    // Each of them waits, for the first block of its file.
    bool waits[FILES] = {false};
    for (int waiting = 0; waiting < FILES;) {
        struct pending_read reads[FILES];
        int count = next_reads(command, 20000, reads, FILES);
        CHECK(count > 0);
        for (int j = 0; j < count; j++) {
            for (int i = 0; i < FILES; i++) {
                if (files[i].inode != reads[j].inode || waits[i]) continue;
                CHECK_EQUAL(reads[j].block, 0);
                waits[i] = true;
                waiting++;
            }
        }
    }
    for (int i = 0; i < FILES; i++) CHECK_EQUAL(give_all(command, &files[i]), 0);
    for (int i = 0; i < FILES; i++) CHECK_EQUAL(wait_for(children[i]), 0);
    close(command);
    CHECK(unmount());
    return true;
}

bool row_errors_on_overwrite(void) {
    CHECK(mount_new(50));
    int command = open_command();
    CHECK(command >= 0);
    for (int i = 0; i < FILES; i++) {
        CHECK_EQUAL(make_file(command, &files[i]), 0);
        CHECK_EQUAL(give_all(command, &files[i]), 0);
    }
    uint8_t other[BLOCK];
    memset(other, 0xEE, sizeof other);
    struct stat before, after;
    CHECK(stat(IMAGE, &before) == 0);
    for (int i = 0; i < FILES; i++) {
        for (uint32_t block = 0; block < blocks_of(&files[i]); block++) {
            struct block repeated = {files[i].inode, block, BLOCK, (uint64_t)(uintptr_t)other, RAW, 0, 0};
            // Passed over, without an error.
            CHECK_EQUAL(write_blocks(command, &repeated, 1), sizeof repeated);
        }
        CHECK_EQUAL(give_all(command, &files[i]), 0);
    }
    CHECK(stat(IMAGE, &after) == 0);
    CHECK_EQUAL(after.st_size, before.st_size);
    for (int i = 0; i < FILES; i++) CHECK_EQUAL(read_file(MOUNT, &files[i]), 0);
    // The same block twice in one write: the first counts.
    struct test_file twice = {"twice", BLOCK, 0};
    CHECK_EQUAL(make_file(command, &twice), 0);
    uint8_t right[BLOCK];
    content(&twice, 0, right);
    struct block both[2] = {{twice.inode, 0, BLOCK, (uint64_t)(uintptr_t)right, RAW, 0, 0}, {twice.inode, 0, BLOCK, (uint64_t)(uintptr_t)other, RAW, 0, 0}};
    CHECK_EQUAL(write_blocks(command, both, 2), sizeof both);
    CHECK_EQUAL(read_file(MOUNT, &twice), 0);
    close(command);
    CHECK(unmount());
    CHECK(mount_again(50));
    for (int i = 0; i < FILES; i++) CHECK_EQUAL(read_file(MOUNT, &files[i]), 0);
    CHECK_EQUAL(read_file(MOUNT, &twice), 0);
    CHECK(unmount());
    return true;
}

// `readers` processes for each file, fed by `producers` that share one descriptor of `.cmd`.
static bool readers_and_producers(int readers, int producers) {
    CHECK(mount_new(20000));
    int command = open_command();
    CHECK(command >= 0);
    for (int i = 0; i < FILES; i++) CHECK_EQUAL(make_file(command, &files[i]), 0);
    bool *stop = shared_memory(sizeof *stop);
    pid_t reading[64], producing[16];
    CHECK(readers * FILES <= 64 && producers <= 16);
    fflush(stdout);
    for (int i = 0; i < readers * FILES; i++) {
        reading[i] = fork();
        CHECK(reading[i] >= 0);
        if (reading[i] == 0) _exit(-read_file(MOUNT, &files[i % FILES]));
    }
    for (int i = 0; i < producers; i++) {
        producing[i] = fork();
        CHECK(producing[i] >= 0);
        if (producing[i] == 0) _exit(-provide(command, stop));
    }
    bool good = true;
    for (int i = 0; i < readers * FILES; i++) {
        int status = wait_for(reading[i]);
        if (status != 0) good = is_not(__FILE__, __LINE__, files[i % FILES].name, status, 0);
    }
    *stop = true;
    for (int i = 0; i < producers; i++) {
        int status = wait_for(producing[i]);
        if (status != 0) good = is_not(__FILE__, __LINE__, "a producer", status, 0);
    }
    struct pending_read left;
    CHECK_EQUAL(next_reads(command, 0, &left, 1), 0);
    close(command);
    CHECK(unmount());
    return good;
}

bool row_concurrent_reads_and_writes(void) { return readers_and_producers(3, 1); }
bool row_several_providers(void) { return readers_and_producers(1, 5); }

bool row_dynamic_files_and_data(void) {
    CHECK(mount_new(100));
    int command = open_command();
    CHECK(command >= 0);
    for (int i = 0; i < FILES; i++) {
        CHECK_EQUAL(read_file(MOUNT, &files[i]), -ENOENT);
        CHECK_EQUAL(make_file(command, &files[i]), 0);
        uint32_t last = blocks_of(&files[i]) - 1;
        // Nothing is there: the time is over, and not before it is.
        uint64_t start = now_ms();
        CHECK_EQUAL(read_block(MOUNT, &files[i], 0), -ETIME);
        CHECK(now_ms() - start >= 99);
        CHECK_EQUAL(give(command, &files[i], &last, 1), 0);
        CHECK_EQUAL(read_block(MOUNT, &files[i], last), 0);
        if (last > 0) {
            CHECK_EQUAL(read_block(MOUNT, &files[i], 0), -ETIME);
            // A read that begins in what is there and goes on into what is not brings what is there.
            uint32_t before = last - 1;
            CHECK_EQUAL(give(command, &files[i], &before, 1), 0);
            CHECK_EQUAL(read_block(MOUNT, &files[i], before), 0);
        }
        CHECK_EQUAL(give_all(command, &files[i]), 0);
        CHECK_EQUAL(read_file(MOUNT, &files[i]), 0);
    }
    close(command);
    CHECK(unmount());
    // Without a time nobody waits.
    CHECK(mount_again(0));
    command = open_command();
    CHECK(command >= 0);
    struct test_file late = {"late", BLOCK, 0};
    CHECK_EQUAL(make_file(command, &late), 0);
    CHECK_EQUAL(read_block(MOUNT, &late, 0), -ETIME);
    struct pending_read none;
    CHECK_EQUAL(next_reads(command, 0, &none, 1), 0);
    close(command);
    CHECK(unmount());
    return true;
}
