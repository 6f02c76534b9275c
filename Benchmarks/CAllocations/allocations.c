#include "CAllocations.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

// glibc's own functions under the names that it gives to those who stand before them.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static uint64_t count;
static uint64_t bytes;
static uint64_t limit;

// One thread is measured: a load and a store do, and cost less than an addition that is atomic.
static void note(size_t size) {
    __atomic_store_n(&count, __atomic_load_n(&count, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&bytes, __atomic_load_n(&bytes, __ATOMIC_RELAXED) + size, __ATOMIC_RELAXED);
    uint64_t most = __atomic_load_n(&limit, __ATOMIC_RELAXED);
    if (most && size > most) {
        static const char words[] = "Fatal error: a block is larger than allowed\n";
        ssize_t written = write(2, words, sizeof words - 1);
        (void)written;
        abort();
    }
}

void allocations_limit(uint64_t most) { __atomic_store_n(&limit, most, __ATOMIC_RELAXED); }

uint64_t allocations_count(void) { return __atomic_load_n(&count, __ATOMIC_RELAXED); }
uint64_t allocations_bytes(void) { return __atomic_load_n(&bytes, __ATOMIC_RELAXED); }

void *malloc(size_t size) {
    note(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    note(number * size);
    return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
    note(size);
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    note(size);
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}
