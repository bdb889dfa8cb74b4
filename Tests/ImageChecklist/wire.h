// The interface of 2019 as its numbers: what a loader writes to and reads from `.cmd`.
#pragma once
#include <stdint.h>
#include <sys/ioctl.h>

enum { COMMAND_INODE = 1, ROOT_INODE = 2, MOST_INODES = 1000, BLOCK = 4096 };
enum { INSTRUCTION_NOOP = 0, INSTRUCTION_NEW_FILE = 1, INSTRUCTION_ADD_DIR_ENTRY = 3, INSTRUCTION_REMOVE_DIR_ENTRY = 4 };
enum { RAW = 0, LZ4 = 1 };
// The kernel's ENOTSUPP, for which there is no name outside.
enum { NOT_SUPPORTED = 524 };

struct pending_read {
    uint64_t inode;
    uint32_t block;
    uint32_t serial;
} __attribute__((packed));

struct block {
    uint64_t inode;
    uint32_t index;
    uint32_t length;
    uint64_t data;
    uint32_t compression;
    uint32_t reserved1;
    uint64_t reserved2;
} __attribute__((packed));

struct instruction {
    uint32_t version;
    uint32_t type;
    union {
        struct {
            uint64_t inode_out;
            uint64_t size;
            uint16_t mode;
        } __attribute__((packed)) file;
        struct {
            uint64_t directory;
            uint64_t child;
            uint32_t name_length;
            uint32_t reserved;
            uint64_t name;
        } __attribute__((packed)) entry;
        uint8_t room[64];
    };
} __attribute__((packed));

_Static_assert(sizeof(struct pending_read) == 16, "a record");
_Static_assert(sizeof(struct block) == 40, "a descriptor");
_Static_assert(sizeof(struct instruction) == 72, "an instruction");

#define INSTRUCT _IOWR('g', 30, struct instruction)
