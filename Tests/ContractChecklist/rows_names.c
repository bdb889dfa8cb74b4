// Rows about names: 1, 2, 5, 6, 15, 19, 27.
#define _GNU_SOURCE
#include "rows.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

struct raw_entry {
    uint64_t inode;
    int64_t next;
    uint16_t length;
    uint8_t type;
    char name[256];
};

// Reads a directory record by record, each with the smallest buffer that takes it.
static bool list(const char *path, bool (*each)(const char *name, uint8_t type, void *), void *context) {
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(directory >= 0);
    while (true) {
        struct raw_entry entry;
        long count = -1;
        unsigned size = 16;
        for (; size <= sizeof entry; size++) {
            count = syscall(SYS_getdents64, directory, &entry, size);
            if (count >= 0) break;
            CHECK_EQUAL(errno, EINVAL);
        }
        CHECK(count >= 0);
        if (count == 0) break;
        unsigned should = (unsigned)(19 + strlen(entry.name) + 1 + 7) / 8 * 8;
        CHECK_EQUAL(entry.length, should);
        CHECK_EQUAL(count, should);
        CHECK_EQUAL(size, should);
        CHECK(each(entry.name, entry.type, context));
    }
    close(directory);
    return true;
}

struct seen {
    int dots, commands, log, written, index, incomplete, files, directories, others;
};

static bool count_name(const char *name, uint8_t type, void *context) {
    struct seen *seen = context;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) seen->dots++;
    else if (strcmp(name, ".pending_reads") == 0) seen->commands++;
    else if (strcmp(name, ".log") == 0) seen->log++;
    else if (strcmp(name, ".blocks_written") == 0) seen->written++;
    else if (strcmp(name, ".index") == 0) seen->index++;
    else if (strcmp(name, ".incomplete") == 0) seen->incomplete++;
    else if (type == DT_DIR) seen->directories++;
    else if (type == DT_REG) seen->files++;
    else seen->others++;
    return true;
}

static bool remove_entry(const char *name, uint8_t type, void *context) {
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return true;
    char path[512];
    snprintf(path, sizeof path, "%s/%s", (const char *)context, name);
    CHECK(type == DT_REG);
    CHECK(unlink(path) == 0);
    return true;
}

bool row_basic_file_operations(void) {
    CHECK(mount_volume("read_timeout_ms=50"));
    int commands = open_commands();
    CHECK(commands >= 0);
    CHECK(mkdir(on_mount("subdir1"), 0777) == 0);
    CHECK(mkdir(on_mount("subdir2"), 0777) == 0);
    for (int i = 0; i < FILES; i++) {
        CHECK(create(commands, &files[i], "subdir1", NULL, NULL) == 0);
        struct stat facts;
        char path[512];
        snprintf(path, sizeof path, "%s/subdir1/%s", MOUNT, files[i].name);
        CHECK(stat(path, &facts) == 0);
        CHECK_EQUAL(facts.st_size, files[i].size);
    }
    struct seen seen = {0};
    CHECK(list(on_mount("subdir1"), count_name, &seen));
    CHECK_EQUAL(seen.dots, 2);
    CHECK_EQUAL(seen.files, FILES);
    CHECK_EQUAL(seen.commands + seen.log + seen.written + seen.index + seen.incomplete + seen.directories + seen.others, 0);

    char first[512], second[512];
    for (int i = 0; i < FILES; i++) {
        snprintf(first, sizeof first, "%s/subdir1/%s", MOUNT, files[i].name);
        snprintf(second, sizeof second, "%s/subdir2/%s", MOUNT, files[i].name);
        CHECK(link(first, second) == 0);
        CHECK(rename(second, on_mount(files[i].name)) == 0);
        struct stat facts;
        CHECK(stat(on_mount(files[i].name), &facts) == 0);
        CHECK_EQUAL(facts.st_size, files[i].size);
        CHECK_FAILS(stat(second, &facts), ENOENT);
    }
    memset(&seen, 0, sizeof seen);
    CHECK(list(MOUNT, count_name, &seen));
    CHECK_EQUAL(seen.dots, 2);
    CHECK_EQUAL(seen.commands, 1);
    CHECK_EQUAL(seen.log, 1);
    CHECK_EQUAL(seen.written, 1);
    CHECK_EQUAL(seen.index, 1);
    CHECK_EQUAL(seen.incomplete, 1);
    CHECK_EQUAL(seen.files, FILES);
    CHECK_EQUAL(seen.directories, 2);
    CHECK_EQUAL(seen.others, 0);
    for (int i = 0; i < FILES; i++) {
        int descriptor = open(on_mount(files[i].name), fill_flags());
        CHECK(descriptor >= 0);
        close(descriptor);
        CHECK(unlink(on_mount(files[i].name)) == 0);
    }
    CHECK(list(on_mount("subdir1"), remove_entry, (void *)on_mount("subdir1")));
    CHECK(rmdir(on_mount("subdir1")) == 0);
    CHECK(rmdir(on_mount("subdir2")) == 0);
    close(commands);
    CHECK(unmount_volume());
    return true;
}

bool row_nobody_touches_the_index(void) {
    CHECK(mount_volume("read_timeout_ms=50"));
    int commands = open_commands();
    CHECK(commands >= 0);
    uint8_t identity[IDENTITY], other[IDENTITY];
    identity_of("file", identity);
    identity_of("other", other);
    CHECK(create_named(commands, "file", identity, 123, NULL) == 0);
    struct test_file file = {.name = "file"};
    hex_of(identity, file.hex);

    CHECK_FAILS(mkdir(on_mount(".index/subdir"), 0777), EBUSY);
    CHECK_FAILS(rmdir(on_mount(".index")), EBUSY);
    CHECK_FAILS(rmdir(on_mount(".incomplete")), EBUSY);
    CHECK_FAILS(create_named(commands, "file2", other, 123, ".index"), EBUSY);
    CHECK_FAILS(create_named(commands, "file2", other, 123, ".incomplete"), EBUSY);
    CHECK_FAILS(unlink(in_index(&file)), EBUSY);
    CHECK_FAILS(unlink(in_incomplete(&file)), EBUSY);
    CHECK_FAILS(rename(in_index(&file), on_mount("out")), EBUSY);
    CHECK_FAILS(link(on_mount("file"), on_mount(".index/abc")), EBUSY);
    CHECK_FAILS(rename(on_mount(".index"), on_mount("index")), EBUSY);
    CHECK_FAILS(rename(on_mount(".incomplete"), on_mount("incomplete")), EBUSY);
    close(commands);
    CHECK(unmount_volume());
    return true;
}

bool row_attribute(void) {
    static const char text[] = "metadata123123";
    uint8_t identity[IDENTITY];
    identity_of("file", identity);
    struct test_file file = {.name = "file", .size = 12};
    memcpy(file.identity, identity, IDENTITY);
    hex_of(identity, file.hex);
    CHECK(mount_volume("read_timeout_ms=50"));
    int commands = open_commands();
    CHECK(create(commands, &file, NULL, text, NULL) == 0);
    close(commands);
    for (int round = 0; round < 2; round++) {
        char found[512];
        CHECK_EQUAL(getxattr(in_index(&file), "user.incfs.metadata", found, sizeof found), strlen(text));
        CHECK(memcmp(found, text, strlen(text)) == 0);
        CHECK(unmount_volume());
        CHECK(mount_volume("read_timeout_ms=50"));
    }
    CHECK(unmount_volume());
    return true;
}

bool row_work_after_remount(void) {
    CHECK(mount_volume("read_timeout_ms=50"));
    int commands = open_commands();
    for (int i = 0; i < FILES / 2; i++) {
        CHECK(create(commands, &files[i], NULL, NULL, NULL) == 0);
        CHECK(emit_file(commands, &files[i]));
    }
    close(commands);
    CHECK(unmount_volume());
    CHECK(mount_volume("read_timeout_ms=50"));
    commands = open_commands();
    for (int i = FILES / 2; i < FILES; i++) {
        CHECK(create(commands, &files[i], NULL, NULL, NULL) == 0);
        CHECK(emit_file(commands, &files[i]));
    }
    for (int i = 0; i < FILES; i++) CHECK(same_content(&files[i], true, NULL));
    for (int i = 0; i < FILES; i++) {
        CHECK(access(on_mount(files[i].name), F_OK) == 0);
        CHECK(access(in_index(&files[i]), F_OK) == 0);
        CHECK(unlink(on_mount(files[i].name)) == 0);
        CHECK_FAILS(access(on_mount(files[i].name), F_OK), ENOENT);
        CHECK_FAILS(access(in_index(&files[i]), F_OK), ENOENT);
    }
    close(commands);
    CHECK(unmount_volume());
    CHECK(mount_volume("read_timeout_ms=50"));
    for (int i = 0; i < FILES; i++) CHECK_FAILS(access(on_mount(files[i].name), F_OK), ENOENT);
    CHECK(unmount_volume());
    return true;
}

// A file of the first releases, with checksums in its records and its attribute inside.
bool row_compatibility(void) {
    static const uint8_t old[] = {
        0x49, 0x4e, 0x43, 0x46, 0x53, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x38, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x46, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x0c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x8c, 0x7d, 0xd9, 0x22, 0xad, 0x47, 0x49, 0x4f,
        0xc0, 0x2c, 0x38, 0x8e, 0x12, 0xc0, 0x0e, 0xac, 0x6d, 0x65, 0x74, 0x61, 0x64, 0x61, 0x74, 0x61,
        0x31, 0x32, 0x33, 0x31, 0x32, 0x33, 0x02, 0x25, 0x00, 0x9a, 0xef, 0xef, 0x72, 0x75, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x38, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x0e, 0x00, 0xfb, 0x5e, 0x72, 0x89, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x23, 0x00, 0x74, 0x45, 0xd3, 0xb9, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x46, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6b, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
    };
    uint64_t size = 12;
    int file = open(in_backing("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0777);
    CHECK(file >= 0);
    CHECK_EQUAL(write(file, old, sizeof old), sizeof old);
    CHECK(fsetxattr(file, "user.incfs.size", &size, sizeof size, XATTR_CREATE) == 0);
    close(file);
    CHECK(mount_volume("read_timeout_ms=0"));
    file = open(on_mount("file"), O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0);
    struct stat facts;
    CHECK(fstat(file, &facts) == 0);
    CHECK_EQUAL(facts.st_size, 12);
    // Its one block is missing, and that is what a reader hears.
    char byte;
    CHECK_FAILS(read(file, &byte, 1), ETIME);
    close(file);
    CHECK(unmount_volume());
    return true;
}

// MARK: Events


// Exactly one event on this watch since the last look, with this mask and name.
static bool one_event(int watch, uint32_t mask, const char *name) {
    _Alignas(struct inotify_event) char bytes[4096];
    ssize_t count = read(watch, bytes, sizeof bytes);
    CHECK(count > 0);
    struct inotify_event *event = (struct inotify_event *)bytes;
    CHECK_EQUAL(event->mask, mask);
    if (strcmp(event->name, name) != 0) printf("# an event for %s, not %s\n", event->name, name);
    CHECK(strcmp(event->name, name) == 0);
    CHECK_EQUAL(count, sizeof *event + event->len);
    return true;
}

static bool no_event(int watch) {
    char bytes[4096];
    CHECK_FAILS(read(watch, bytes, sizeof bytes), EAGAIN);
    return true;
}

static int watch_on(const char *path) {
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return watch >= 0 && inotify_add_watch(watch, path, IN_CREATE | IN_DELETE) >= 0 ? watch : -1;
}

bool row_events(void) {
    CHECK(mount_volume("read_timeout_ms=50"));
    int root = watch_on(MOUNT), index = watch_on(on_mount(".index")), incomplete = watch_on(on_mount(".incomplete"));
    CHECK(root >= 0 && index >= 0 && incomplete >= 0);
    int commands = open_commands();
    struct test_file file = {.index = 0, .name = "file", .size = 16 * BLOCK};
    identity_of(file.name, file.identity);
    hex_of(file.identity, file.hex);
    CHECK(create(commands, &file, NULL, NULL, NULL) == 0);
    CHECK(one_event(root, IN_CREATE, "file"));
    CHECK(one_event(index, IN_CREATE, file.hex));
    CHECK(one_event(incomplete, IN_CREATE, file.hex));

    struct create_mapped_file mapped = {.size = BLOCK, .mode = 0555, .name = (uintptr_t) "mapped_name"};
    memcpy(mapped.source, file.identity, IDENTITY);
    CHECK(ioctl(commands, REQUEST_CREATE_MAPPED_FILE, &mapped) == 0);
    CHECK(one_event(root, IN_CREATE, "mapped_name"));
    CHECK(no_event(index));

    CHECK(emit_file(commands, &file));
    CHECK(one_event(incomplete, IN_DELETE, file.hex));
    CHECK(no_event(index));
    CHECK(no_event(root));

    CHECK(unlink(on_mount("file")) == 0);
    CHECK(one_event(root, IN_DELETE, "file"));
    CHECK(one_event(index, IN_DELETE, file.hex));
    CHECK(no_event(incomplete));

    // An incomplete file leaves three places; an empty one is never in the third.
    file.name = "second";
    CHECK(create(commands, &file, NULL, NULL, NULL) == 0);
    CHECK(one_event(root, IN_CREATE, "second") && one_event(index, IN_CREATE, file.hex) && one_event(incomplete, IN_CREATE, file.hex));
    CHECK(unlink(on_mount("second")) == 0);
    CHECK(one_event(root, IN_DELETE, "second") && one_event(index, IN_DELETE, file.hex) && one_event(incomplete, IN_DELETE, file.hex));
    file.name = "empty";
    file.size = 0;
    CHECK(create(commands, &file, NULL, NULL, NULL) == 0);
    CHECK(one_event(root, IN_CREATE, "empty") && one_event(index, IN_CREATE, file.hex) && no_event(incomplete));
    close(commands);
    close(root);
    close(index);
    close(incomplete);
    CHECK(unmount_volume());
    return true;
}

bool row_stacked_mount(void) {
    CHECK(mount_volume("read_timeout_ms=50"));
    CHECK(mount_volume("read_timeout_ms=50"));
    CHECK(unmount_volume());
    CHECK(unmount_volume());
    CHECK_FAILS(access(on_mount(".pending_reads"), F_OK), ENOENT);
    return true;
}
