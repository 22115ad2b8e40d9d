#ifndef C_ALLOCATION_COUNTER_H
#define C_ALLOCATION_COUNTER_H

#include <stdint.h>

/// Sets this thread's count of heap allocations to zero.
void allocation_count_reset(void);

/// Heap allocations of this thread since the last reset: malloc, calloc, realloc, aligned_alloc,
/// posix_memalign and memalign. Freeing is not counted.
uint64_t allocation_count(void);

#endif
