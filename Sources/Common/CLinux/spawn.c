#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif

struct plan {
    const char *path;
    char *const *argv;
    char *const *envp;
    const int *fds;
    int nfds;
    uint32_t uid, gid;
    int pdeathsig;
    const char *cwd;
    pid_t parent;
};

// Everything below until cl_spawn runs in the child: only async-signal-safe calls.

static int close_rest_on_exec(unsigned first) {
    if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return 0;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    for (unsigned fd = first; fd < limit.rlim_cur && fd < 1U << 20; fd++) {
        int flags = fcntl((int)fd, F_GETFD);
        if (flags >= 0 && fcntl((int)fd, F_SETFD, flags | FD_CLOEXEC) < 0) return -errno;
    }
    return 0;
}

// Sources are first copied above every target, so that no target overwrites a source that is still needed.
static int arrange_descriptors(const struct plan *plan) {
    int sources[CL_MAX_DESCRIPTORS];
    for (int i = 0; i < plan->nfds; i++) {
        int fd = plan->fds[i];
        int opened = -1;
        if (fd < 0) {
            fd = opened = open("/dev/null", O_RDWR | O_CLOEXEC);
            if (fd < 0) return -errno;
        }
        sources[i] = fcntl(fd, F_DUPFD_CLOEXEC, plan->nfds);
        if (sources[i] < 0) return -errno;
        if (opened >= 0) close(opened);
    }
    for (int i = 0; i < plan->nfds; i++)
        if (dup2(sources[i], i) < 0) return -errno;
    return close_rest_on_exec((unsigned)plan->nfds);
}

static int reset_signals(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    // Some numbers are reserved and refuse; that is not a failure.
    for (int number = 1; number < NSIG; number++) (void)sigaction(number, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int change_user(const struct plan *plan) {
    uint32_t uid = plan->uid == CL_KEEP ? getuid() : plan->uid;
    uint32_t gid = plan->gid == CL_KEEP ? getgid() : plan->gid;
    if (uid == getuid() && uid == geteuid() && gid == getgid() && gid == getegid()) return 0;
    if (setgroups(0, NULL) < 0) return -errno;
    if (setresgid(gid, gid, gid) < 0) return -errno;
    if (setresuid(uid, uid, uid) < 0) return -errno;
    return 0;
}

static int become(const struct plan *plan) {
    if (setsid() < 0) return -errno;
    int result = arrange_descriptors(plan);
    if (result < 0) return result;
    if (plan->cwd && chdir(plan->cwd) < 0) return -errno;
    if ((result = change_user(plan)) < 0) return result;
    // The kernel forgets the death signal when the user changes, hence after it. If the parent died before, the signal
    // will never come.
    if (plan->pdeathsig != 0) {
        if (prctl(PR_SET_PDEATHSIG, plan->pdeathsig, 0, 0, 0) < 0) return -errno;
        if (getppid() != plan->parent) return -ESRCH;
    }
    if ((result = reset_signals()) < 0) return result;
    execve(plan->path, plan->argv, plan->envp);
    return -errno;
}

static void report_and_exit(int pipe, int failure) {
    ssize_t written;
    do written = write(pipe, &failure, sizeof failure);
    while (written < 0 && errno == EINTR);
    _exit(127);
}

int cl_spawn(
    const char *path, char *const argv[], char *const envp[], const int *fds, int nfds, uint32_t uid, uint32_t gid,
    int pdeathsig, const char *cwd) {
    if (nfds < 0 || nfds > CL_MAX_DESCRIPTORS || (nfds > 0 && !fds) || !path || !argv || !envp) return -EINVAL;
    struct plan plan = {path, argv, envp, fds, nfds, uid, gid, pdeathsig, cwd, getpid()};
    int low[2];
    if (pipe2(low, O_CLOEXEC) < 0) return -errno;
    // The child's end must not be one of the numbers that the child fills.
    int report = fcntl(low[1], F_DUPFD_CLOEXEC, CL_MAX_DESCRIPTORS);
    int failure = errno;
    close(low[1]);
    if (report < 0) {
        close(low[0]);
        return -failure;
    }
    // No handler of the parent may run in the child.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    failure = errno;
    if (child == 0) report_and_exit(report, become(&plan));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report);
    if (child < 0) {
        close(low[0]);
        return -failure;
    }
    int result = 0;
    ssize_t count;
    do count = read(low[0], &result, sizeof result);
    while (count < 0 && errno == EINTR);
    if (count < 0) result = -errno;
    close(low[0]);
    if (count == 0) return child;
    if (count > 0 && (count != sizeof result || result >= 0)) result = -EIO;
    if (count < 0) kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    return result;
}
