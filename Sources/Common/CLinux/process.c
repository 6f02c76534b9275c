#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int checked(long result) { return result < 0 ? -errno : (int)result; }

int cl_pidfd_open(pid_t pid) { return checked(syscall(SYS_pidfd_open, pid, 0)); }

int cl_pidfd_signal(int pidfd, int signal) { return checked(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0)); }

int cl_waitid_status(int pidfd, int nohang, int *code, int *signal) {
    siginfo_t info = {0};
    int result;
    do result = waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED | (nohang ? WNOHANG : 0));
    while (result < 0 && errno == EINTR);
    if (result < 0) return -errno;
    if (info.si_pid == 0) return -EAGAIN;
    *code = info.si_code == CLD_EXITED ? info.si_status : 0;
    *signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
    return 0;
}

int cl_waitid_pidfd(int pidfd, int nohang) {
    int code = 0, signal = 0;
    int result = cl_waitid_status(pidfd, nohang, &code, &signal);
    if (result < 0) return result;
    return signal != 0 ? 128 + signal : code;
}

int cl_prctl_no_new_privs(void) { return checked(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

int cl_prctl_subreaper(void) { return checked(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }

int cl_prctl_dumpable(int allowed) { return checked(prctl(PR_SET_DUMPABLE, allowed ? 1 : 0, 0, 0, 0)); }

int cl_prctl_pdeathsig(int signal) { return checked(prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)); }
