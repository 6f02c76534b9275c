// System calls that only the agent makes and that Swift cannot see. Each returns a value >= 0, or -errno.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Opens `path` as if `root` were "/": no "..", absolute path or symbolic link leaves it, no magic link is followed.
int cg_open_in_root(int root, const char *path, int flags, mode_t mode);
/// Makes a device or pipe below the folder `parent`.
int cg_mknod(int parent, const char *name, mode_t mode, unsigned major, unsigned minor);
/// Sets an extended attribute of an open file.
int cg_set_attribute(int fd, const char *name, const void *value, size_t length);
/// The nanoseconds that tell futimens(2) to leave a time as it is.
long cg_time_omit(void);
/// Moves the calling thread into a new network namespace whose loopback device is up. Returns an open file for it.
int cg_new_network(void);
/// Connects to a port of 127.0.0.1 in the calling thread's network namespace.
int cg_connect_loopback(uint16_t port);
/// Writes `bytes` into the kernel's entropy pool without crediting them and makes the generator draw from it anew.
int cg_mix_entropy(const void *bytes, size_t length);
/// Whether the processor offers RDRAND or RDSEED.
int cg_has_random_instruction(void);
/// Asks /dev/sev-guest (open as `fd`) for an extended report. `certificates` receives the table; its length is returned.
int cg_snp_report(int fd, const uint8_t data[64], uint8_t report[1184], uint8_t *certificates, uint32_t capacity);
/// Makes a pair of connected stream sockets; the first is non-blocking.
int cg_stream_pair(int pair[2]);
/// Makes a pipe: reading end, writing end.
int cg_pipe(int pair[2]);
/// Sends without blocking and without SIGPIPE.
ssize_t cg_send(int fd, const void *bytes, size_t length);
/// Receives without blocking.
ssize_t cg_receive(int fd, void *bytes, size_t length);
/// Makes a file non-blocking.
int cg_set_nonblocking(int fd);
/// Ignores SIGPIPE and turns SIGTERM and SIGINT into a byte on a pipe, whose reading end is returned. To be called once.
int cg_catch_end_signals(void);
