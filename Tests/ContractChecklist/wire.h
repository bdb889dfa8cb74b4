// The interface as bytes: request codes and structures of the published Incremental FS interface, spelled out here again so
// that what checks the implementation shares nothing with it. Little-endian, natural alignment.
#pragma once
#include <stdint.h>

enum {
    BLOCK = 4096,
    IDENTITY = 16,
    DIGEST = 32,
    COMPRESSION_NONE = 0,
    COMPRESSION_LZ4 = 1,
    COMPRESSION_ZSTD = 2,
    FILL_HASH = 1,
};

#define REQUEST_CREATE_FILE 0xC058671Eu
#define REQUEST_READ_FILE_SIGNATURE 0x8010671Fu
#define REQUEST_FILL_BLOCKS 0x80106720u
#define REQUEST_PERMIT_FILL 0x40046721u
#define REQUEST_GET_FILLED_BLOCKS 0x80286722u
#define REQUEST_CREATE_MAPPED_FILE 0xC0386723u
#define REQUEST_GET_BLOCK_COUNT 0x80106724u
#define REQUEST_GET_READ_TIMEOUTS 0x80106725u
#define REQUEST_SET_READ_TIMEOUTS 0x40106726u
#define REQUEST_GET_LAST_READ_ERROR 0x40306727u
#define REQUEST_GETFLAGS 0x80086601u
#define REQUEST_ENABLE_VERITY 0x40806685u
#define REQUEST_MEASURE_VERITY 0xC0046686u
#define REQUEST_READ_VERITY_METADATA 0xC0286687u
#define FLAG_VERITY 0x00100000u

struct create_file {
    uint8_t identity[IDENTITY];
    uint64_t size;
    uint16_t mode;
    uint16_t reserved1;
    uint32_t reserved2;
    uint64_t directory, name, attribute;
    uint32_t attribute_length, reserved4;
    uint64_t signature, signature_size, reserved6;
};

struct create_mapped_file {
    uint64_t size;
    uint16_t mode, reserved1;
    uint32_t reserved2;
    uint64_t directory, name;
    uint8_t source[IDENTITY];
    uint64_t offset;
};

struct fill_block {
    uint32_t index, length;
    uint64_t data;
    uint8_t compression, flags;
    uint16_t reserved1;
    uint32_t reserved2;
    uint64_t reserved3;
};

struct fill_blocks {
    uint64_t count, blocks;
};

struct read_signature {
    uint64_t buffer;
    uint32_t buffer_size, length;
};

struct filled_range {
    uint32_t begin, end;
};

struct filled_blocks {
    uint64_t ranges;
    uint32_t ranges_size, start, end, total, data, ranges_length, reached, padding;
};

struct block_count {
    uint32_t data_total, data_filled, hash_total, hash_filled;
};

struct read_timeouts {
    uint64_t entries;
    uint32_t size, size_out;
};

struct user_timeouts {
    uint32_t uid, min_time, min_pending, max_pending;
};

struct last_read_error {
    uint8_t identity[IDENTITY];
    uint64_t time;
    uint32_t page;
    int32_t error;
    uint32_t uid, reserved1;
    uint64_t reserved2;
};

// A record of .pending_reads and .log; the last two fields are there only with report_uid.
struct read_record {
    uint8_t identity[IDENTITY];
    uint64_t time;
    uint32_t block, serial, uid, reserved;
};

struct enable_verity {
    uint32_t version, algorithm, block_size, salt_size;
    uint64_t salt;
    uint32_t signature_size, reserved1;
    uint64_t signature, reserved2[11];
};

struct measure_verity {
    uint16_t algorithm, size;
    uint8_t digest[DIGEST];
};

struct verity_metadata {
    uint64_t type, offset, length, buffer, reserved;
};

_Static_assert(sizeof(struct create_file) == 88, "");
_Static_assert(sizeof(struct create_mapped_file) == 56, "");
_Static_assert(sizeof(struct fill_block) == 32, "");
_Static_assert(sizeof(struct filled_blocks) == 40, "");
_Static_assert(sizeof(struct last_read_error) == 48, "");
_Static_assert(sizeof(struct read_record) == 40, "");
_Static_assert(sizeof(struct enable_verity) == 128, "");
_Static_assert(sizeof(struct verity_metadata) == 40, "");
