#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

void cl_wipe(void *bytes, size_t length) {
    if (length > 0) explicit_bzero(bytes, length);
}

int cl_equal_ct(const void *left, const void *right, size_t length) {
    const volatile uint8_t *a = left, *b = right;
    uint8_t difference = 0;
    for (size_t i = 0; i < length; i++) difference |= a[i] ^ b[i];
    return difference == 0;
}

void cl_guard_pages(void *pages, size_t length) {
    (void)mlock(pages, length);
    (void)madvise(pages, length, MADV_DONTDUMP);
}

int cl_getrandom(void *bytes, size_t length) {
    uint8_t *place = bytes;
    while (length > 0) {
        ssize_t count = getrandom(place, length, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return count < 0 ? -errno : -EIO;
        place += count;
        length -= (size_t)count;
    }
    return 0;
}
