// Counts what a process allocates, and bounds its blocks. Linked into benchmarks and fuzzers alone: it takes the place of the C library's functions.
#pragma once
#include <stdint.h>

/// Calls that made or enlarged a block so far.
uint64_t allocations_count(void);
/// Bytes that those calls asked for.
uint64_t allocations_bytes(void);
/// From now on a block of more bytes ends the process; 0 takes the bound away.
void allocations_limit(uint64_t bytes);
