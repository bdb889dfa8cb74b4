// Stands in front of the calls of libc that change files, in the program that it is linked into, and writes down those
// that concern one file system object tree: what was changed, in which order.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum write_kind {
    WRITE_DATA = 1,   // bytes at an offset of the file `inode`
    WRITE_SIZE,       // ftruncate: offset is the new size
    WRITE_SYNC,       // fsync or fdatasync
    WRITE_MODE,       // chmod: offset is the mode
    WRITE_ATTRIBUTE,  // setxattr: name, bytes
    WRITE_LINK,       // another name of `inode` in the directory `parent`
    WRITE_UNLINK,     // a name in `parent`; offset 1: of a directory
    WRITE_RENAME,     // a name in `parent` becomes `other_name` in `other_parent`
    WRITE_MKDIR,      // a directory in `parent`; offset is the mode
};

struct write_event {
    enum write_kind kind;
    uint64_t inode, parent, other_parent, offset;
    char name[64], other_name[64];
    // In `write_recorder_bytes`.
    size_t start, length;
};

// Begins with an empty record of what happens on the device `device`, by this process.
void write_recorder_begin(uint64_t device);
void write_recorder_end(void);
// The write number `index`, from now on and from 0, to the file `inode` takes half of its bytes, and what is left of it fails with `error`;
// the writes after that succeed again. An index below 0: none fails. Returns how many writes there were since the last call.
int write_recorder_fail(uint64_t inode, int index, int error);
size_t write_recorder_count(void);
const struct write_event *write_recorder_event(size_t index);
const uint8_t *write_recorder_bytes(void);
