// What must happen before the Swift runtime starts. The runtime resolves its own path through /proc while its static
// constructors run, so PID 1 has to mount /proc in a constructor of its own, which runs first (priority 101).
//
// The root of an initramfs cannot be left by pivot_root(2), which every OCI runtime calls. Binding the root onto a folder
// and moving that mount over "/" gives the same tree as a mount that has a parent, which can be left.

#define _GNU_SOURCE
#include "guestinit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void guest_init_link(void) {}

static void die(const char *step) {
    dprintf(2, "testudo: guest start failed: %s: %s\n", step, strerror(errno));
    sync();
    reboot(RB_POWER_OFF);
    for (;;) pause();
}

static void must_mount(const char *type, const char *where, unsigned long flags, const char *options) {
    mkdir(where, 0755);
    if (mount(type, where, type, flags, options) != 0 && errno != EBUSY) die(where);
}

static void leave_initramfs_root(void) {
    mkdir("/newroot", 0755);
    if (mount("/", "/newroot", NULL, MS_BIND, NULL) != 0) die("bind the root");
    if (chdir("/newroot") != 0) die("enter the new root");
    if (mount(".", "/", NULL, MS_MOVE, NULL) != 0) die("move the root");
    if (chroot(".") != 0 || chdir("/") != 0) die("change the root");
}

static void open_standard_files(void) {
    int fd;
    do fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2) close(fd);
}

static void load_module(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) die(path);
    if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST) die(path);
    close(fd);
}

static void load_modules(void) {
    char text[8192];
    int fd = open("/etc/modules", O_RDONLY | O_CLOEXEC);
    if (fd < 0) die("/etc/modules");
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    if (count < 0 || count == (ssize_t)sizeof text - 1) die("/etc/modules is unreadable or too long");
    text[count] = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (line[0] == '/') load_module(line);
}

static void keep_from_memory_killer(void) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (write(fd, "-1000", 5) != 5) die("/proc/self/oom_score_adj");
    close(fd);
}

__attribute__((constructor(101))) static void guest_init(void) {
    struct stat already;
    if (getpid() != 1 || stat("/proc/self", &already) == 0) return;
    // What the kernel passes on from its command line is not configuration of ours.
    clearenv();
    setenv("PATH", "/usr/bin:/bin", 1);
    // The runtime's crash reporter prints memory and registers: secrets, on a host's console.
    setenv("SWIFT_BACKTRACE", "enable=no", 1);
    umask(022);
    leave_initramfs_root();
    must_mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    must_mount("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    must_mount("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
    open_standard_files();
    must_mount("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755,size=90%");
    must_mount("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=10%");
    must_mount("cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    load_modules();
    keep_from_memory_killer();
    struct rlimit files = {.rlim_cur = 65536, .rlim_max = 65536};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) die("raise the limit of open files");
}
