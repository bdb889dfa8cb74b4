// Counts what all threads of the process allocate: this target's malloc family stands before the C library's.
#ifndef INCFS_PROCESS_ALLOCATIONS_H
#define INCFS_PROCESS_ALLOCATIONS_H

#include <stdint.h>

// Allocations of all threads since the process began.
uint64_t process_allocations(void);

#endif
