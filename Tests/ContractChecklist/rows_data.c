// Rows about data: 3, 4, 7, 8, 11, 12, 13, 14, 16, 17.
#define _GNU_SOURCE
#include "rows.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UNFILLED = 5 };

bool row_dynamic_files_and_data(void) {
    CHECK(mount_volume("read_timeout_ms=50"));
    int commands = open_commands();
    CHECK(commands >= 0);
    for (int i = 0; i < FILES; i++) {
        CHECK_FAILS(access(on_mount(files[i].name), F_OK), ENOENT);
        CHECK(create(commands, &files[i], NULL, NULL, NULL) == 0);
        if (i != UNFILLED) CHECK(emit_file(commands, &files[i]));
    }
    for (int i = 0; i < FILES; i++) {
        if (i != UNFILLED) CHECK(same_content(&files[i], false, NULL));
    }
    int descriptor = open(on_mount(files[UNFILLED].name), O_RDONLY | O_CLOEXEC);
    char byte;
    CHECK_FAILS(read(descriptor, &byte, 1), ETIME);
    close(descriptor);
    close(commands);
    CHECK(unmount_volume());
    return true;
}

static bool read_shuffled(void *file) { return same_content(file, true, NULL); }
static bool read_in_order(void *file) { return same_content(file, false, NULL); }
static bool produce_short(void *unused) { (void)unused; return produce(32); }
static bool produce_long(void *unused) { (void)unused; return produce(40); }

bool row_concurrent_reads_and_writes(void) {
    enum { EACH = 3 };
    pid_t readers[FILES * EACH];
    CHECK(mount_volume("read_timeout_ms=500"));
    int commands = open_commands();
    for (int i = 0; i < FILES; i++) CHECK(create(commands, &files[i], NULL, NULL, NULL) == 0);
    for (int i = 0; i < FILES * EACH; i++) readers[i] = in_child(read_shuffled, &files[i / EACH]);
    pid_t producer = in_child(produce_short, NULL);
    bool good = true;
    for (int i = 0; i < FILES * EACH; i++) good = ended_well(readers[i]) && good;
    good = ended_well(producer) && good;
    CHECK(good);
    struct read_record left[8];
    CHECK_EQUAL(take_pending(commands, 0, left, 8, 32), 0);
    close(commands);
    CHECK(unmount_volume());
    return true;
}

bool row_children_waiting_for_data(void) {
    pid_t readers[FILES];
    CHECK(mount_volume("read_timeout_ms=10000"));
    int commands = open_commands();
    for (int i = 0; i < FILES; i++) CHECK(create(commands, &files[i], NULL, NULL, NULL) == 0);
    for (int i = 0; i < FILES; i++) readers[i] = in_child(read_in_order, &files[i]);
    for (int i = 0; i < FILES; i++) CHECK(emit_file(commands, &files[i]));
    bool good = true;
    for (int i = 0; i < FILES; i++) good = ended_well(readers[i]) && good;
    CHECK(good);
    close(commands);
    CHECK(unmount_volume());
    return true;
}

bool row_several_providers(void) {
    enum { PROVIDERS = 5 };
    pid_t providers[PROVIDERS];
    CHECK(mount_volume("read_timeout_ms=10000,report_uid"));
    int commands = open_commands();
    for (int i = 0; i < FILES; i++) CHECK(create(commands, &files[i], NULL, NULL, NULL) == 0);
    for (int i = 0; i < PROVIDERS; i++) providers[i] = in_child(produce_long, NULL);
    for (int i = 0; i < FILES; i++) {
        uint64_t total = 0;
        int descriptor = open(on_mount(files[i].name), O_RDONLY | O_CLOEXEC);
        CHECK(descriptor >= 0);
        static uint8_t piece[4 * BLOCK];
        for (ssize_t count; (count = read(descriptor, piece, sizeof piece)) != 0;) {
            CHECK(count > 0);
            total += (uint64_t)count;
        }
        close(descriptor);
        CHECK_EQUAL(total, files[i].size);
    }
    bool good = true;
    for (int i = 0; i < PROVIDERS; i++) good = ended_well(providers[i]) && good;
    CHECK(good);
    close(commands);
    CHECK(unmount_volume());
    return true;
}

// MARK: What is filled

static bool written_so_far(int descriptor, uint64_t *number) {
    char text[32] = {0};
    ssize_t count = read(descriptor, text, sizeof text - 1);
    CHECK(count > 0);
    *number = strtoull(text, NULL, 10);
    return true;
}

// Blocks 0 and 1 of every four.
static bool emit_half(int commands, int progress, const struct test_file *file) {
    uint64_t before, after;
    struct pollfd waiting = {.fd = progress, .events = POLLIN};
    CHECK(written_so_far(progress, &before));
    CHECK_EQUAL(poll(&waiting, 1, 0), 0);
    for (uint32_t block = 0; block < blocks_of(file); block += 4) {
        uint32_t pair[2] = {block, block + 1}, count = block + 1 < blocks_of(file) ? 2 : 1;
        CHECK(emit_blocks(commands, file, pair, count));
        CHECK_EQUAL(poll(&waiting, 1, 0), 1);
        CHECK_EQUAL(waiting.revents, POLLIN);
        CHECK(written_so_far(progress, &after));
        CHECK_EQUAL(after - before, count);
        CHECK_EQUAL(poll(&waiting, 1, 0), 0);
        before = after;
    }
    return true;
}

static bool half_is_filled(int commands, const struct test_file *file) {
    enum { CAPACITY = 128 };
    struct filled_range ranges[CAPACITY];
    struct filled_blocks answer;
    uint32_t count = blocks_of(file);
    int descriptor = open(on_mount(file->name), O_RDONLY | O_CLOEXEC);
    CHECK(descriptor >= 0);
    CHECK_FAILS(filled(descriptor, &answer, ranges, CAPACITY, 0, 0), EPERM);
    CHECK(permit(commands, descriptor) == 0);
    errno = 0;
    int result = filled(descriptor, &answer, ranges, CAPACITY, 0, 0);
    if (count < 4 * (CAPACITY - 1) + 1 + 4) CHECK_EQUAL(result, 0);
    else CHECK(result < 0 && errno == ERANGE);
    CHECK_EQUAL(answer.total, count);
    CHECK_EQUAL(answer.data, count);
    uint32_t should = (count + 3) / 4;
    if (should > CAPACITY) should = CAPACITY;
    CHECK_EQUAL(answer.ranges_length, should * sizeof ranges[0]);
    for (uint32_t i = 0; i < should; i++) {
        CHECK_EQUAL(ranges[i].begin, 4 * i);
        CHECK_EQUAL(ranges[i].end, 4 * i + 2 <= count ? 4 * i + 2 : 4 * i + 1);
    }
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t start = 2 * i, end = start + 2;
        CHECK_EQUAL(filled(descriptor, &answer, ranges, CAPACITY, start, end), 0);
        if (start >= count) {
            CHECK_EQUAL(answer.reached, start);
            CHECK_EQUAL(answer.ranges_length, 0);
        } else if (i % 2 == 0) {
            CHECK_EQUAL(answer.ranges_length, sizeof ranges[0]);
            CHECK_EQUAL(ranges[0].begin, start);
            CHECK_EQUAL(ranges[0].end, end <= count ? end : count);
        } else {
            CHECK_EQUAL(answer.ranges_length, 0);
        }
    }
    close(descriptor);
    return true;
}

bool row_get_blocks(void) {
    CHECK(mount_volume("readahead=0"));
    int commands = open_commands();
    for (int i = 0; i < FILES; i++) CHECK(create(commands, &files[i], NULL, NULL, NULL) == 0);
    for (int i = 0; i < FILES; i++) {
        // The big one would only take longer.
        if (files[i].size > 64ull << 20) continue;
        int progress = open_special(".blocks_written", O_RDONLY);
        CHECK(progress >= 0);
        CHECK(emit_half(commands, progress, &files[i]));
        close(progress);
        for (int round = 0; round < 2; round++) CHECK(half_is_filled(commands, &files[i]));
    }
    close(commands);
    CHECK(unmount_volume());
    return true;
}

static bool create_signed(int commands, const struct test_file *file) {
    struct blob blob;
    uint8_t root[DIGEST];
    memset(root, 0x5a, sizeof root);
    make_blob(&blob, root, "no signature");
    CHECK(create(commands, file, NULL, NULL, &blob) == 0);
    return true;
}

static bool store_hash_block(int descriptor, uint32_t index) {
    uint8_t bytes[BLOCK];
    for (int i = 0; i < BLOCK; i++) bytes[i] = (uint8_t)(i * 7 + 1);
    struct fill_block block = {.index = index, .length = BLOCK, .data = (uintptr_t)bytes, .flags = FILL_HASH};
    CHECK_EQUAL(fill(descriptor, &block, 1), 1);
    return true;
}

static uint32_t hash_blocks_of(const struct test_file *file) {
    uint32_t total = 0;
    for (uint32_t count = blocks_of(file); count > 1;) {
        count = (count + 127) / 128;
        total += count;
    }
    return total;
}

bool row_get_hash_blocks(void) {
    CHECK(mount_volume("readahead=0"));
    int commands = open_commands();
    for (int i = 0; i < FILES; i++) {
        CHECK(create_signed(commands, &files[i]));
        uint32_t data = blocks_of(&files[i]);
        if (data <= 128) continue;
        int descriptor = open_to_fill(commands, &files[i]);
        CHECK(descriptor >= 0);
        CHECK(store_hash_block(descriptor, 1));
        close(descriptor);

        struct filled_range ranges[16];
        struct filled_blocks answer;
        descriptor = open(on_mount(files[i].name), O_RDONLY | O_CLOEXEC);
        CHECK_FAILS(filled(descriptor, &answer, ranges, 16, 0, 0), EPERM);
        CHECK(permit(commands, descriptor) == 0);
        CHECK_EQUAL(filled(descriptor, &answer, ranges, 16, 0, 0), 0);
        CHECK_EQUAL(answer.total, data + hash_blocks_of(&files[i]));
        CHECK_EQUAL(answer.data, data);
        CHECK_EQUAL(answer.ranges_length, sizeof ranges[0]);
        CHECK_EQUAL(ranges[0].begin, data + 1);
        CHECK_EQUAL(ranges[0].end, data + 2);
        close(descriptor);
    }
    close(commands);
    CHECK(unmount_volume());
    return true;
}

bool row_large_file(void) {
    enum { COUNT = 786432 };
    CHECK(mount_volume("readahead=0"));
    int commands = open_commands();
    struct test_file large = {.name = "large", .size = (uint64_t)COUNT * BLOCK}, huge = {.name = "huge", .size = 1ull << 40};
    identity_of("large", large.identity);
    hex_of(large.identity, large.hex);
    identity_of("huge", huge.identity);
    CHECK(create(commands, &large, NULL, NULL, NULL) == 0);
    int descriptor = open_to_fill(commands, &large);
    CHECK(descriptor >= 0);
    static uint8_t same[BLOCK];
    memset(same, 0xa5, sizeof same);
    struct fill_block *blocks = calloc(COUNT, sizeof *blocks);
    CHECK(blocks != NULL);
    for (uint32_t i = 0; i < COUNT; i++) blocks[i] = (struct fill_block){.index = i, .length = BLOCK, .data = (uintptr_t)same};
    CHECK_EQUAL(fill(descriptor, blocks, COUNT), COUNT);
    free(blocks);
    uint8_t found[BLOCK];
    CHECK_EQUAL(pread(descriptor, found, BLOCK, (off_t)(COUNT - 1) * BLOCK), BLOCK);
    CHECK(memcmp(found, same, BLOCK) == 0);
    close(descriptor);
    CHECK(create(commands, &huge, NULL, NULL, NULL) == 0);
    close(commands);
    CHECK(unmount_volume());
    return true;
}

bool row_mapped_file(void) {
    CHECK(mount_volume("readahead=0"));
    int commands = open_commands();
    for (int i = 0; i < FILES; i++) {
        const struct test_file *file = &files[i];
        CHECK(create(commands, file, NULL, NULL, NULL) == 0);
        CHECK(emit_file(commands, file));
        char name[64];
        snprintf(name, sizeof name, "%s.mapped", file->name);
        struct create_mapped_file mapped = {.mode = 0664, .name = (uintptr_t)name, .offset = (uint64_t)(blocks_of(file) / 4) * BLOCK};
        mapped.size = file->size * 3 / 4 - mapped.offset;
        memcpy(mapped.source, file->identity, IDENTITY);
        CHECK(ioctl(commands, REQUEST_CREATE_MAPPED_FILE, &mapped) == 0);
        struct stat facts;
        CHECK(stat(on_mount(name), &facts) == 0);
        CHECK_EQUAL(facts.st_size, mapped.size);
        int window = open(on_mount(name), O_RDONLY | O_CLOEXEC), source = open(on_mount(file->name), O_RDONLY | O_CLOEXEC);
        CHECK(window >= 0 && source >= 0);
        for (uint64_t at = 0; at < mapped.size; at += BLOCK) {
            uint8_t left[BLOCK], right[BLOCK];
            size_t length = mapped.size - at < BLOCK ? mapped.size - at : BLOCK;
            CHECK_EQUAL(pread(window, left, BLOCK, (off_t)at), length);
            CHECK_EQUAL(pread(source, right, length, (off_t)(at + mapped.offset)), length);
            CHECK(memcmp(left, right, length) == 0);
        }
        close(window);
        close(source);
    }
    close(commands);
    CHECK(unmount_volume());
    return true;
}

// MARK: Counts that survive

static bool counts(const char *path, uint32_t data, uint32_t data_filled, uint32_t hash, uint32_t hash_filled) {
    struct block_count count;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(descriptor >= 0);
    CHECK(ioctl(descriptor, REQUEST_GET_BLOCK_COUNT, &count) == 0);
    close(descriptor);
    CHECK_EQUAL(count.data_total, data);
    CHECK_EQUAL(count.data_filled, data_filled);
    CHECK_EQUAL(count.hash_total, hash);
    CHECK_EQUAL(count.hash_filled, hash_filled);
    return true;
}

// Follows the records of the backing file to its status, compares the counters there, and sets both to zero.
static bool zero_status(const struct test_file *file, uint32_t data, uint32_t hash) {
    int backing = open(in_backing(file->name), O_RDWR | O_CLOEXEC);
    CHECK(backing >= 0);
    uint64_t at = 0;
    CHECK_EQUAL(pread(backing, &at, 8, 0x18), 8);
    while (at != 0) {
        uint8_t record[23];
        CHECK_EQUAL(pread(backing, record, sizeof record, (off_t)at), sizeof record);
        if (record[0] == 4) {
            uint32_t stored[2], zero[2] = {0, 0};
            CHECK_EQUAL(pread(backing, stored, 8, (off_t)at + 23), 8);
            CHECK_EQUAL(stored[0], data);
            CHECK_EQUAL(stored[1], hash);
            CHECK_EQUAL(pwrite(backing, zero, 8, (off_t)at + 23), 8);
            close(backing);
            return true;
        }
        memcpy(&at, record + 7, 8);
    }
    printf("# %s has no status record\n", file->name);
    return false;
}

// A series of calls that together look at everything repairs the counters.
static bool scan(int commands, const struct test_file *file) {
    struct filled_range ranges[128];
    struct filled_blocks answer;
    int descriptor = open(on_mount(file->name), O_RDONLY | O_CLOEXEC);
    CHECK(permit(commands, descriptor) == 0);
    uint32_t start = 0;
    do {
        CHECK(filled(descriptor, &answer, ranges, 128, start, 0) == 0 || errno == ERANGE);
        start = answer.reached + 1;
    } while (answer.reached < answer.total);
    close(descriptor);
    return true;
}

bool row_data_block_count(void) {
    CHECK(mount_volume("readahead=0"));
    for (int i = 0; i < FILES; i++) {
        const struct test_file *file = &files[i];
        uint32_t total = blocks_of(file), even = (total + 1) / 2;
        int commands = open_commands();
        CHECK(create(commands, file, NULL, NULL, NULL) == 0);
        struct stat by_name, incomplete;
        CHECK(stat(on_mount(file->name), &by_name) == 0);
        CHECK(stat(in_incomplete(file), &incomplete) == 0);
        CHECK_EQUAL(by_name.st_ino, incomplete.st_ino);
        CHECK_EQUAL(by_name.st_nlink, 3);
        CHECK(counts(on_mount(file->name), total, 0, 0, 0));
        uint32_t *chosen = malloc(sizeof *chosen * total);
        for (uint32_t k = 0; k < even; k++) chosen[k] = 2 * k;
        CHECK(emit_blocks(commands, file, chosen, even));
        CHECK(counts(on_mount(file->name), total, even, 0, 0));
        close(commands);
        CHECK(unmount_volume());
        CHECK(zero_status(file, even, 0));
        CHECK(mount_volume("readahead=0"));
        commands = open_commands();
        CHECK(counts(on_mount(file->name), total, 0, 0, 0));
        CHECK(scan(commands, file));
        CHECK(counts(on_mount(file->name), total, even, 0, 0));
        for (uint32_t k = 0; 2 * k + 1 < total; k++) chosen[k] = 2 * k + 1;
        CHECK(emit_blocks(commands, file, chosen, total - even));
        free(chosen);
        CHECK_FAILS(stat(in_incomplete(file), &incomplete), ENOENT);
        CHECK(stat(on_mount(file->name), &by_name) == 0);
        close(commands);
    }
    CHECK(unmount_volume());
    return true;
}

bool row_hash_block_count(void) {
    CHECK(mount_volume("readahead=0"));
    for (int i = 0; i < FILES; i++) {
        const struct test_file *file = &files[i];
        uint32_t data = blocks_of(file), hash = hash_blocks_of(file);
        int commands = open_commands();
        CHECK(create_signed(commands, file));
        CHECK(counts(on_mount(file->name), data, 0, hash, 0));
        if (data > 128) {
            int descriptor = open_to_fill(commands, file);
            CHECK(store_hash_block(descriptor, 1));
            close(descriptor);
            CHECK(counts(on_mount(file->name), data, 0, hash, 1));
            close(commands);
            CHECK(unmount_volume());
            CHECK(zero_status(file, 0, 1));
            CHECK(mount_volume("readahead=0"));
            commands = open_commands();
            CHECK(counts(on_mount(file->name), data, 0, hash, 0));
            CHECK(scan(commands, file));
            CHECK(counts(on_mount(file->name), data, 0, hash, 1));
        }
        close(commands);
    }
    CHECK(unmount_volume());
    return true;
}
