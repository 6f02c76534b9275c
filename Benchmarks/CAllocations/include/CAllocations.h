// Counts what a process allocates. Linked into a benchmark alone: it takes the place of the C library's functions.
#pragma once
#include <stdint.h>

/// Calls that made or enlarged a block so far.
uint64_t allocations_count(void);
/// Bytes that those calls asked for.
uint64_t allocations_bytes(void);
