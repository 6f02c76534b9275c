// Linux calls that Swift cannot see, or that must be made between fork and exec, where Swift code may not run.
//
// Unless said otherwise a function returns a value >= 0, or -errno. No function logs, allocates or keeps state.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CL_MFD_CLOEXEC = 1,
    CL_MFD_ALLOW_SEALING = 2,
    CL_EPOLLIN = 0x001,
    CL_EPOLLOUT = 0x004,
    CL_EPOLLERR = 0x008,
    CL_EPOLLHUP = 0x010,
    CL_EPOLLRDHUP = 0x2000,
    CL_CLONE_NEWNS = 0x00020000,
    CL_CLONE_NEWUTS = 0x04000000,
    CL_CLONE_NEWIPC = 0x08000000,
    CL_CLONE_NEWUSER = 0x10000000,
    CL_CLONE_NEWPID = 0x20000000,
    CL_CLONE_NEWNET = 0x40000000,
};

/// The most descriptors that cl_spawn, cl_send_fds and cl_recv_fds handle at once.
enum { CL_MAX_DESCRIPTORS = 64 };

/// For cl_spawn: leave user or group as it is.
static const uint32_t CL_KEEP = UINT32_MAX;

// Secrets

/// Overwrites memory in a way that the optimiser keeps.
void cl_wipe(void *bytes, size_t length);
/// 1 if the bytes are equal, else 0; the time depends on `length` alone.
int cl_equal_ct(const void *left, const void *right, size_t length);
/// Keeps whole pages out of swap and core dumps; failing is no reason to stop.
void cl_guard_pages(void *pages, size_t length);
/// Fills memory from the kernel's generator; waits until that is seeded.
int cl_getrandom(void *bytes, size_t length);

// Memory files and sockets

/// Makes a memory file; `flags` are CL_MFD_*.
int cl_memfd(const char *name, uint32_t flags);
/// Forbids every later change of a memory file made with CL_MFD_ALLOW_SEALING, including of the seals.
int cl_seal(int fd);
/// Makes a pair of connected, close-on-exec Unix sockets; `type` is SOCK_STREAM and so on.
int cl_socketpair(int type, int pair[2]);
/// Sends bytes with descriptors; returns the bytes sent, which can be fewer.
ssize_t cl_send_fds(int socket, const void *bytes, size_t length, const int *fds, size_t count);
/// Receives bytes with descriptors (close-on-exec).
///
/// `count` holds the room in `fds` before and the number received after. Descriptors beyond the room are closed and
/// the call fails with -EMSGSIZE.
ssize_t cl_recv_fds(int socket, void *bytes, size_t length, int *fds, size_t *count);

// Processes

/// Starts a program in a session of its own.
///
/// In the child, descriptor i is fds[i] (-1: /dev/null), every other one is closed, signal handlers and mask are the
/// defaults. When `uid` or `gid` differ from the caller's, supplementary groups are cleared and both are changed for
/// good. `pdeathsig` (0: none) is sent when the calling *thread* ends. `cwd` may be NULL. Returns the process id; a
/// failure in the child, exec's included, is returned here and leaves no child behind.
int cl_spawn(
    const char *path, char *const argv[], char *const envp[], const int *fds, int nfds, uint32_t uid, uint32_t gid,
    int pdeathsig, const char *cwd);
/// A descriptor that becomes readable when the process ends (close-on-exec).
int cl_pidfd_open(pid_t pid);
/// Sends a signal to the process that a pidfd stands for.
int cl_pidfd_signal(int pidfd, int signal);
/// Reaps a child: its exit code, or 128 plus the signal that ended it. -EAGAIN if `nohang` and it still runs.
int cl_waitid_pidfd(int pidfd, int nohang);
/// Reaps a child and tells code and signal apart; the one that does not apply is 0. -EAGAIN as above.
int cl_waitid_status(int pidfd, int nohang, int *code, int *signal);
/// From here on exec grants no privileges.
int cl_prctl_no_new_privs(void);
/// Orphaned descendants become this process's children.
int cl_prctl_subreaper(void);
/// 0 forbids core dumps and ptrace by equals.
int cl_prctl_dumpable(int allowed);
/// The signal that this process receives when the thread that started it ends.
int cl_prctl_pdeathsig(int signal);

// Machine and namespaces

/// mount(2); any text may be NULL.
int cl_mount(const char *source, const char *target, const char *type, uint64_t flags, const char *data);
/// umount2(2).
int cl_umount(const char *target, int flags);
/// pivot_root(2).
int cl_pivot_root(const char *root, const char *old);
/// setns(2); `kind` is a CL_CLONE_NEW* value or 0.
int cl_setns(int fd, int kind);
/// unshare(2); `kinds` are CL_CLONE_NEW* values.
int cl_unshare(int kinds);
/// Loads a kernel module from a file.
int cl_finit_module(int fd, const char *parameters, int flags);
/// Powers off (0) or restarts (1) after syncing; returns only on failure.
int cl_reboot(int restart);

// Readiness

/// One ready descriptor.
struct cl_event {
    uint64_t tag;
    uint32_t events;
};
/// Makes an epoll set (close-on-exec).
int cl_epoll_create(void);
/// Watches a descriptor for CL_EPOLL* events.
int cl_epoll_add(int set, int fd, uint32_t events, uint64_t tag);
/// Changes what a watched descriptor is watched for.
int cl_epoll_change(int set, int fd, uint32_t events, uint64_t tag);
/// Stops watching.
int cl_epoll_remove(int set, int fd);
/// Waits up to `milliseconds` (-1: for ever); returns how many events were stored, 64 at most.
int cl_epoll_wait(int set, struct cl_event *events, int capacity, int milliseconds);
