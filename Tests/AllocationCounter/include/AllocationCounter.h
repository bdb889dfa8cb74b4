// Counts what the calling thread allocates: this target's malloc family stands before the C library's.
#ifndef INCFS_ALLOCATION_COUNTER_H
#define INCFS_ALLOCATION_COUNTER_H

#include <stdint.h>

// Allocations of the calling thread since it began.
uint64_t allocation_count(void);

#endif
