// Rows about what files take on the disk: 23, 24.
#define _GNU_SOURCE
#include "rows.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static long long sectors(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 ? (long long)facts.st_blocks : -1;
}

// What was set aside for a file and not needed is given back when it is complete.
bool row_truncation(void) {
    enum { ASIDE = 16 << 20 };
    struct test_file file = {.index = 1, .name = "file", .size = BLOCK};
    identity_of(file.name, file.identity);
    hex_of(file.identity, file.hex);
    CHECK(mount_volume("read_timeout_ms=0"));
    int commands = open_commands();
    CHECK(create(commands, &file, NULL, NULL, NULL) == 0);
    CHECK(sectors(in_backing("file")) < 128);
    int backing = open(in_backing("file"), O_RDWR | O_CLOEXEC);
    CHECK(fallocate(backing, FALLOC_FL_KEEP_SIZE, 0, ASIDE) == 0);
    close(backing);
    CHECK(sectors(in_backing("file")) >= ASIDE / 512);
    CHECK(emit_file(commands, &file));
    CHECK(sectors(in_backing("file")) < 128);
    close(commands);
    CHECK(unmount_volume());
    return true;
}

bool row_allocated_space(void) {
    CHECK(mount_volume("read_timeout_ms=0"));
    int commands = open_commands();
    for (int i = 0; i < FILES; i++) {
        CHECK(create(commands, &files[i], NULL, NULL, NULL) == 0);
        long long before = sectors(on_mount(files[i].name));
        CHECK(before >= 0 && before < 32);
        CHECK(emit_file(commands, &files[i]));
        CHECK(sectors(on_mount(files[i].name)) > (long long)(files[i].size / 512));
    }
    close(commands);
    CHECK(unmount_volume());
    return true;
}
