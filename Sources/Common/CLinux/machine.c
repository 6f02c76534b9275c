#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert((int)CL_EPOLLIN == (int)EPOLLIN && (int)CL_EPOLLRDHUP == (int)EPOLLRDHUP, "epoll bits");
_Static_assert(CL_CLONE_NEWNS == CLONE_NEWNS && CL_CLONE_NEWNET == CLONE_NEWNET, "namespace kinds");

static int checked(long result) { return result < 0 ? -errno : (int)result; }

int cl_mount(const char *source, const char *target, const char *type, uint64_t flags, const char *data) {
    return checked(mount(source, target, type, (unsigned long)flags, data));
}

int cl_umount(const char *target, int flags) { return checked(umount2(target, flags)); }

int cl_pivot_root(const char *root, const char *old) { return checked(syscall(SYS_pivot_root, root, old)); }

int cl_setns(int fd, int kind) { return checked(setns(fd, kind)); }

int cl_unshare(int kinds) { return checked(unshare(kinds)); }

int cl_finit_module(int fd, const char *parameters, int flags) {
    return checked(syscall(SYS_finit_module, fd, parameters, flags));
}

int cl_reboot(int restart) {
    sync();
    return checked(reboot(restart ? RB_AUTOBOOT : RB_POWER_OFF));
}

int cl_epoll_create(void) { return checked(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int set, int operation, int fd, uint32_t events, uint64_t tag) {
    struct epoll_event event = {.events = events, .data.u64 = tag};
    return checked(epoll_ctl(set, operation, fd, &event));
}

int cl_epoll_add(int set, int fd, uint32_t events, uint64_t tag) { return control(set, EPOLL_CTL_ADD, fd, events, tag); }

int cl_epoll_change(int set, int fd, uint32_t events, uint64_t tag) {
    return control(set, EPOLL_CTL_MOD, fd, events, tag);
}

int cl_epoll_remove(int set, int fd) { return control(set, EPOLL_CTL_DEL, fd, 0, 0); }

int cl_epoll_wait(int set, struct cl_event *events, int capacity, int milliseconds) {
    struct epoll_event ready[64];
    if (capacity <= 0) return -EINVAL;
    int count = epoll_wait(set, ready, capacity < 64 ? capacity : 64, milliseconds);
    if (count < 0) return -errno;
    for (int i = 0; i < count; i++) {
        events[i].tag = ready[i].data.u64;
        events[i].events = ready[i].events;
    }
    return count;
}
