// Counts heap allocations per thread by standing before glibc's allocator. For tests only: linked
// into the test executable, whose definitions the dynamic linker prefers to libc's.
//
// With WHOLE_PROCESS it is a library to be named in LD_PRELOAD, which counts those of all threads
// and says how many there were, on standard error, where the program ends.
#include "CAllocationCounter.h"

#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

#ifdef WHOLE_PROCESS
#include <stdio.h>

static _Atomic uint64_t count;

__attribute__((destructor)) static void tell(void) {
    uint64_t total = count;
    fprintf(stderr, "allocations: %llu\n", (unsigned long long)total);
}
#else
// initial-exec: the default model for shared code would call malloc on a thread's first access.
static _Thread_local uint64_t count __attribute__((tls_model("initial-exec")));

void allocation_count_reset(void) { count = 0; }

uint64_t allocation_count(void) { return count; }
#endif

void *malloc(size_t size) {
    count++;
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count++;
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    count++;
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    count++;
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    count++;
    void *memory = __libc_memalign(alignment, size);
    if (memory == NULL) return ENOMEM;
    *result = memory;
    return 0;
}
