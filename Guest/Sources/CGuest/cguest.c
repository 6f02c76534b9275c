#define _GNU_SOURCE
#include "cguest.h"

#include <arpa/inet.h>
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/random.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static int result(long value) { return value < 0 ? -errno : (int)value; }

int cg_open_in_root(int root, const char *path, int flags, mode_t mode) {
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC);
    how.mode = (flags & O_CREAT) ? mode : 0;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    long fd;
    do fd = syscall(SYS_openat2, root, path, &how, sizeof how);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    return result(fd);
}

int cg_mknod(int parent, const char *name, mode_t mode, unsigned major, unsigned minor) {
    return result(mknodat(parent, name, mode, makedev(major, minor)));
}

int cg_set_attribute(int fd, const char *name, const void *value, size_t length) {
    return result(fsetxattr(fd, name, value, length, 0));
}

long cg_time_omit(void) { return UTIME_OMIT; }

int cg_new_network(void) {
    if (unshare(CLONE_NEWNET) != 0) return -errno;
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0) return -errno;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    int failed = ioctl(control, SIOCSIFFLAGS, &request) != 0 ? -errno : 0;
    close(control);
    if (failed) return failed;
    return result(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

int cg_connect_loopback(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval limit = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int failed = -errno;
        close(fd);
        return failed;
    }
    limit.tv_sec = 0;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return fd;
}

int cg_mix_entropy(const void *bytes, size_t length) {
    int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t count = write(fd, bytes, length);
    int failed = count == (ssize_t)length ? 0 : (count < 0 ? -errno : -EIO);
    // Needs CAP_SYS_ADMIN; without it the bytes still enter the pool and count at the next regular draw.
    if (!failed) (void)ioctl(fd, RNDRESEEDCRNG);
    close(fd);
    return failed;
}

int cg_has_random_instruction(void) {
#if defined(__x86_64__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 30))) return 1;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 18))) return 1;
#endif
    return 0;
}

// Layouts of linux/sev-guest.h, which Debian 12's headers carry only in part.
struct snp_request {
    uint8_t version;
    uint64_t request;
    uint64_t response;
    uint64_t exit_info;
};
struct snp_report_request {
    uint8_t user_data[64];
    uint32_t vmpl;
    uint8_t reserved[28];
};
struct snp_extended_request {
    struct snp_report_request data;
    uint64_t certificates;
    uint32_t length;
};
#define SNP_GET_EXTENDED_REPORT _IOWR('S', 0x2, struct snp_request)

int cg_snp_report(int fd, const uint8_t data[64], uint8_t report[1184], uint8_t *certificates, uint32_t capacity) {
    uint8_t response[4000];
    struct snp_extended_request extended;
    struct snp_request request;
    memset(response, 0, sizeof response);
    memset(&extended, 0, sizeof extended);
    memset(&request, 0, sizeof request);
    memcpy(extended.data.user_data, data, 64);
    // The host writes the table: it goes into pages of its own, whose first bytes are cleared before.
    memset(certificates, 0, capacity);
    extended.certificates = (uint64_t)(uintptr_t)certificates;
    extended.length = capacity;
    request.version = 1;
    request.request = (uint64_t)(uintptr_t)&extended;
    request.response = (uint64_t)(uintptr_t)response;
    if (ioctl(fd, SNP_GET_EXTENDED_REPORT, &request) != 0) return -errno;
    uint32_t status, size;
    memcpy(&status, response, 4);
    memcpy(&size, response + 4, 4);
    if (status != 0) return -EIO;
    if (size != 1184) return -EPROTO;
    memcpy(report, response + 32, 1184);
    return extended.length > capacity ? (int)capacity : (int)extended.length;
}

int cg_stream_pair(int pair[2]) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return -errno;
    return result(fcntl(pair[0], F_SETFL, O_NONBLOCK));
}

int cg_pipe(int pair[2]) { return result(pipe2(pair, O_CLOEXEC)); }

ssize_t cg_send(int fd, const void *bytes, size_t length) {
    ssize_t count;
    do count = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

ssize_t cg_receive(int fd, void *bytes, size_t length) {
    ssize_t count;
    do count = recv(fd, bytes, length, MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

int cg_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -errno : result(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

static int end_pipe[2] = {-1, -1};

static void on_end_signal(int number) {
    (void)number;
    int saved = errno;
    char byte = 1;
    ssize_t ignored = write(end_pipe[1], &byte, 1);
    (void)ignored;
    errno = saved;
}

int cg_catch_end_signals(void) {
    if (pipe2(end_pipe, O_CLOEXEC) != 0) return -errno;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_end_signal;
    action.sa_flags = SA_RESTART;
    if (sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0) return -errno;
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return -errno;
    return end_pipe[0];
}
