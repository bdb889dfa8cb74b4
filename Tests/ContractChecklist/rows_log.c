// Rows about waiting, and what is kept of it: 10, 18, 25, 26.
#define _GNU_SOURCE
#include "rows.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOGGED = 2048 };

// Reads blocks of a file with gaps and pauses; returns how many, all of which failed with ETIME or all of which succeeded.
static int read_with_gaps(const struct test_file *file, bool filled, uint32_t *order) {
    int descriptor = open(on_mount(file->name), O_RDONLY | O_CLOEXEC), count = 0;
    if (descriptor < 0) return -1;
    for (uint32_t block = 0; block < blocks_of(file) && block < LOGGED; block++) {
        uint8_t bytes[BLOCK];
        errno = 0;
        ssize_t result = pread(descriptor, bytes, BLOCK, (off_t)block * BLOCK);
        if (filled ? result != length_of_block(file, block) : result != -1 || errno != ETIME) {
            printf("# a read of block %u of %s gave %zd, errno %d\n", block, file->name, result, errno);
            close(descriptor);
            return -1;
        }
        order[count++] = block;
        if (block % 100 == 10) pause_milliseconds(20);
        if (block % 10 == 5) block++;
    }
    close(descriptor);
    return count;
}

enum expectation { ALL, LATEST };

static bool log_tells(const struct test_file *file, int log, size_t record_size, bool filled, enum expectation expectation) {
    static uint32_t order[LOGGED];
    static uint8_t bytes[LOGGED * 40 + 40];
    int reads = read_with_gaps(file, filled, order);
    CHECK(reads > 0);
    ssize_t count = read(log, bytes, sizeof bytes / record_size * record_size);
    CHECK(count > 0);
    CHECK_EQUAL((size_t)count % record_size, 0);
    int found = (int)((size_t)count / record_size);
    if (expectation == ALL) CHECK_EQUAL(found, reads);
    CHECK(found <= reads);
    uint32_t serial = 0;
    for (int i = 0; i < found; i++) {
        struct read_record record = {0};
        memcpy(&record, bytes + record_size * (size_t)i, record_size);
        CHECK(memcmp(record.identity, file->identity, IDENTITY) == 0);
        CHECK_EQUAL(record.block, order[reads - found + i]);
        CHECK(record.time != 0);
        if (i > 0) CHECK_EQUAL(record.serial, serial + 1);
        serial = record.serial;
    }
    return true;
}

bool row_read_log(void) {
    // As the last file a shorter one serves as well: no more than so many blocks are read.
    int last = FILES;
    while (last > 0 && files[last - 1].size > 64ull << 20) last--;
    CHECK(mount_volume("readahead=0,report_uid,read_timeout_ms=0"));
    int commands = open_commands();
    for (int i = 0; i < FILES; i++) CHECK(create(commands, &files[i], NULL, NULL, NULL) == 0);
    close(commands);
    int log = open_special(".log", O_RDWR);
    CHECK(log >= 0);
    for (int i = 0; i < FILES; i++) CHECK(log_tells(&files[i], log, 40, false, ALL));
    close(log);
    CHECK(unmount_volume());

    CHECK(mount_volume("readahead=0,read_timeout_ms=0"));
    log = open_special(".log", O_RDWR);
    for (int i = 0; i < FILES; i++) CHECK(log_tells(&files[i], log, 32, false, ALL));
    close(log);
    CHECK(unmount_volume());

    CHECK(mount_volume("readahead=0,read_timeout_ms=0,rlog_pages=0"));
    log = open_special(".log", O_RDWR);
    struct pollfd waiting = {.fd = log, .events = POLLIN};
    CHECK_EQUAL(poll(&waiting, 1, 10), 0);
    uint8_t nothing[40];
    CHECK_EQUAL(read(log, nothing, sizeof nothing), 0);

    CHECK(remount_at(MOUNT, "readahead=0,read_timeout_ms=0,rlog_pages=1"));
    for (int i = 0; i < FILES; i++) CHECK(log_tells(&files[i], log, 32, false, LATEST));
    CHECK(remount_at(MOUNT, "readahead=0,read_timeout_ms=0,rlog_pages=4"));
    for (int i = 0; i < FILES; i++) CHECK(log_tells(&files[i], log, 32, false, ALL));

    commands = open_commands();
    for (int i = 0; i < last; i++) CHECK(emit_file(commands, &files[i]));
    close(commands);
    for (int i = 0; i < last; i++) CHECK(log_tells(&files[i], log, 32, true, ALL));
    close(log);
    CHECK(unmount_volume());
    return true;
}

// MARK: Time-outs

static bool took(const char *what, uint64_t start, unsigned should) {
    uint64_t duration = milliseconds_now() - start;
    if (duration + 100 < should || duration > should + setting.slack_ms) {
        printf("# %s took %llu ms, not %u\n", what, (unsigned long long)duration, should);
        return false;
    }
    return true;
}

struct timed_read {
    const char *path;
    uint32_t block;
    uid_t user;
    unsigned milliseconds;
    int error;
};

static bool timed_read(void *argument) {
    struct timed_read *plan = argument;
    if (plan->user != getuid()) CHECK(setuid(plan->user) == 0);
    int descriptor = open(plan->path, O_RDONLY | O_CLOEXEC);
    CHECK(descriptor >= 0);
    uint64_t start = milliseconds_now();
    uint8_t byte;
    errno = 0;
    ssize_t count = pread(descriptor, &byte, 1, (off_t)plan->block * BLOCK);
    int error = count < 0 ? errno : 0;
    CHECK(took("a read", start, plan->milliseconds));
    CHECK_EQUAL(error, plan->error);
    close(descriptor);
    return true;
}

// In a child, so that it can be another user.
static bool reads_in(const char *path, uint32_t block, uid_t user, unsigned milliseconds, int error) {
    struct timed_read plan = {path, block, user, milliseconds, error};
    return ended_well(in_child(timed_read, &plan));
}

static int set_timeouts(int commands, struct user_timeouts *entries, uint32_t count) {
    struct read_timeouts arguments = {.entries = (uintptr_t)entries, .size = count * (uint32_t)sizeof *entries};
    return ioctl(commands, REQUEST_SET_READ_TIMEOUTS, &arguments);
}

static int get_timeouts(int commands, struct user_timeouts *entries, uint32_t count, uint32_t *size) {
    struct read_timeouts arguments = {.entries = (uintptr_t)entries, .size = count * (uint32_t)sizeof *entries};
    int result = ioctl(commands, REQUEST_GET_READ_TIMEOUTS, &arguments);
    *size = arguments.size_out;
    return result;
}

bool row_user_timeouts(void) {
    enum { SECOND = 1000000, DAEMON = 2 };
    struct test_file file = {.index = 1, .name = "file", .size = 16 * BLOCK};
    identity_of(file.name, file.identity);
    hex_of(file.identity, file.hex);
    CHECK(mount_volume("read_timeout_ms=1000,readahead=0"));
    int commands = open_commands();
    CHECK(create(commands, &file, NULL, NULL, NULL) == 0);
    CHECK(reads_in(on_mount("file"), 0, 0, 1000, ETIME));

    uint32_t size = 77;
    CHECK(get_timeouts(commands, NULL, 0, &size) == 0);
    CHECK_EQUAL(size, 0);
    struct user_timeouts root = {0, SECOND, 2 * SECOND, 3 * SECOND}, found = {0};
    CHECK(set_timeouts(commands, &root, 1) == 0);
    CHECK(reads_in(on_mount("file"), 0, 0, 3000, ETIME));
    CHECK_FAILS(get_timeouts(commands, NULL, 0, &size), E2BIG);
    CHECK_EQUAL(size, sizeof found);
    CHECK(get_timeouts(commands, &found, 1, &size) == 0);
    CHECK(size == sizeof found && memcmp(&found, &root, sizeof found) == 0);
    CHECK(reads_in(on_mount("file"), 0, DAEMON, 1000, ETIME));

    // A minimum above the maximum is refused, and changes nothing.
    struct user_timeouts upside_down = {0, 0, 2, 1};
    CHECK_FAILS(set_timeouts(commands, &upside_down, 1), EINVAL);
    CHECK(get_timeouts(commands, &found, 1, &size) == 0);
    CHECK(memcmp(&found, &root, sizeof found) == 0);

    root.max_pending = UINT32_MAX;
    CHECK(set_timeouts(commands, &root, 1) == 0);
    CHECK(reads_in(on_mount("file"), 0, 0, 1000, ETIME));

    uint32_t block = 0;
    CHECK(emit_blocks(commands, &file, &block, 1));
    CHECK(reads_in(on_mount("file"), 0, 0, 1000, 0));

    struct user_timeouts daemon = {DAEMON, SECOND, 2 * SECOND, 3 * SECOND};
    CHECK(set_timeouts(commands, &daemon, 1) == 0);
    struct timed_read plan = {on_mount("file"), 1, DAEMON, 2000, 0};
    pid_t reader = in_child(timed_read, &plan);
    pause_milliseconds(1000);
    block = 1;
    CHECK(emit_blocks(commands, &file, &block, 1));
    CHECK(ended_well(reader));

    CHECK(set_timeouts(commands, NULL, 0) == 0);
    CHECK(get_timeouts(commands, &found, 1, &size) == 0);
    CHECK_EQUAL(size, 0);
    close(commands);
    CHECK(unmount_volume());
    return true;
}

// MARK: Counters

static bool counter(const char *node, const char *name, uint64_t *value) {
    char path[512], text[32] = {0};
    snprintf(path, sizeof path, "%s/instances/%s/%s", setting.counters, node, name);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) printf("# no counter %s\n", path);
    CHECK(descriptor >= 0);
    CHECK(read(descriptor, text, sizeof text - 1) > 0);
    close(descriptor);
    CHECK(strchr(text, '\n') != NULL);
    *value = strtoull(text, NULL, 10);
    return true;
}

static bool counts(const char *node, const char *name, uint64_t should) {
    uint64_t value;
    CHECK(counter(node, name, &value));
    if (value != should) printf("# %s is %llu, not %llu\n", name, (unsigned long long)value, (unsigned long long)should);
    CHECK(value == should);
    return true;
}

static bool between(const char *node, const char *name, uint64_t low, uint64_t high) {
    uint64_t value;
    CHECK(counter(node, name, &value));
    if (value < low || value > high) printf("# %s is %llu, not %llu to %llu\n", name, (unsigned long long)value, (unsigned long long)low, (unsigned long long)high);
    CHECK(value >= low && value <= high);
    return true;
}

static bool last_error_is(int commands, const uint8_t *identity, uint32_t page, int error) {
    static const uint8_t none[IDENTITY];
    struct last_read_error last;
    memset(&last, 0xff, sizeof last);
    CHECK(ioctl(commands, REQUEST_GET_LAST_READ_ERROR, &last) == 0);
    CHECK(memcmp(last.identity, identity ? identity : none, IDENTITY) == 0);
    CHECK_EQUAL(last.page, page);
    CHECK_EQUAL(last.error, -error);
    CHECK_EQUAL(last.time != 0, error != 0);
    return true;
}

static bool read_some(void *path) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t bytes[32];
    CHECK_EQUAL(read(descriptor, bytes, sizeof bytes), sizeof bytes);
    close(descriptor);
    return true;
}

static bool reader_waits_for(int commands, const struct test_file *file, unsigned milliseconds) {
    uint32_t block = 0;
    pid_t reader = in_child(read_some, (void *)on_mount(file->name));
    pause_milliseconds(milliseconds);
    CHECK(emit_blocks(commands, file, &block, 1));
    CHECK(ended_well(reader));
    return true;
}

static bool one_block(struct test_file *file, const char *name) {
    *file = (struct test_file){.index = 1, .name = name, .size = BLOCK};
    identity_of(name, file->identity);
    hex_of(file->identity, file->hex);
    return true;
}

bool row_counters(void) {
    static const char node[] = "test_node";
    uint64_t slack = (uint64_t)setting.slack_ms * 1000;
    struct test_file file;
    one_block(&file, "file");
    CHECK(setting.counters != NULL);
    CHECK(mount_volume("sysfs_name=test_node"));
    int commands = open_commands();
    uint8_t root[DIGEST];
    memset(root, 0x11, sizeof root);
    struct blob blob;
    make_blob(&blob, root, "");
    CHECK(create(commands, &file, NULL, NULL, &blob) == 0);
    CHECK(last_error_is(commands, NULL, 0, 0));
    CHECK(counts(node, "reads_failed_timed_out", 0));
    int descriptor = open(on_mount("file"), O_RDONLY | O_CLOEXEC);
    CHECK_FAILS(syscall(SYS_read, descriptor, NULL, 1), ETIME);
    CHECK(last_error_is(commands, file.identity, 0, ETIME));
    CHECK(counts(node, "reads_failed_timed_out", 2));
    uint32_t block = 0;
    CHECK(emit_blocks(commands, &file, &block, 1));
    CHECK(counts(node, "reads_failed_hash_verification", 0));
    CHECK_FAILS(syscall(SYS_read, descriptor, NULL, 1), EBADMSG);
    CHECK(last_error_is(commands, file.identity, 0, EBADMSG));
    CHECK(counts(node, "reads_failed_hash_verification", 1));
    close(descriptor);
    CHECK(unlink(on_mount("file")) == 0);

    CHECK(remount_at(MOUNT, "read_timeout_ms=10000,sysfs_name=test_node"));
    one_block(&file, "second");
    CHECK(create(commands, &file, NULL, NULL, NULL) == 0);
    CHECK(counts(node, "reads_delayed_pending", 0));
    CHECK(reader_waits_for(commands, &file, 1000));
    CHECK(counts(node, "reads_delayed_pending", 1));
    CHECK(between(node, "reads_delayed_pending_us", 900000, 1000000 + slack));

    struct user_timeouts limits = {getuid(), 1000000, 1000000, 2000000};
    CHECK(set_timeouts(commands, &limits, 1) == 0);
    one_block(&file, "third");
    CHECK(create(commands, &file, NULL, NULL, NULL) == 0);
    CHECK(emit_blocks(commands, &file, &block, 1));
    CHECK(counts(node, "reads_delayed_min", 0));
    CHECK(read_some((void *)on_mount("third")));
    CHECK(counts(node, "reads_delayed_min", 1));
    CHECK(counts(node, "reads_delayed_min_us", 1000000));

    one_block(&file, "fourth");
    CHECK(create(commands, &file, NULL, NULL, NULL) == 0);
    CHECK(reader_waits_for(commands, &file, 500));
    CHECK(counts(node, "reads_delayed_pending", 2));
    CHECK(counts(node, "reads_delayed_min", 2));
    CHECK(between(node, "reads_delayed_min_us", 1450000 - (slack < 400000 ? slack : 400000), 1550000));
    CHECK(between(node, "reads_delayed_pending_us", 1350000, 1550000 + 2 * slack));
    close(commands);
    CHECK(unmount_volume());
    return true;
}

static bool instances_are(const char *only) {
    static const char *names[] = {"1", "2"};
    for (int i = 0; i < 2; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/instances/%s", setting.counters, names[i]);
        struct stat facts;
        bool there = stat(path, &facts) == 0;
        CHECK_EQUAL(there, only && strcmp(only, names[i]) == 0);
    }
    return true;
}

bool row_counters_renamed(void) {
    CHECK(setting.counters != NULL);
    CHECK(mount_volume("read_timeout_ms=0"));
    CHECK(instances_are(NULL));
    CHECK(remount_at(MOUNT, "sysfs_name=1"));
    CHECK(instances_are("1"));
    char path[512], byte;
    snprintf(path, sizeof path, "%s/instances/1/reads_delayed_min", setting.counters);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(descriptor >= 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(pread(descriptor, &byte, 1, 0), 1);
        CHECK_EQUAL(byte, '0');
    }
    CHECK(remount_at(MOUNT, "sysfs_name=2"));
    CHECK(instances_are("2"));
    CHECK_EQUAL(pread(descriptor, &byte, 1, 0), -1);
    close(descriptor);

    static const char second[] = BACKING "/incfs-mount-dir2";
    CHECK(mkdir(second, 0777) == 0);
    CHECK(!mount_at(BACKING, second, "sysfs_name=2"));
    CHECK(mount_at(BACKING, second, "rw"));
    CHECK(!remount_at(second, "sysfs_name=2"));
    CHECK(unmount_at(second, 0));
    CHECK(rmdir(second) == 0);
    CHECK(remount_at(MOUNT, ""));
    CHECK(instances_are(NULL));
    CHECK(unmount_volume());
    return true;
}
