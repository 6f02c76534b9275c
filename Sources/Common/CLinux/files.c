#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(CL_MFD_CLOEXEC == MFD_CLOEXEC && CL_MFD_ALLOW_SEALING == MFD_ALLOW_SEALING, "memfd flags");

int cl_memfd(const char *name, uint32_t flags) {
    int fd = memfd_create(name, flags);
    return fd < 0 ? -errno : fd;
}

int cl_seal(int fd) {
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    return fcntl(fd, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

int cl_socketpair(int type, int pair[2]) {
    return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
}

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(CL_MAX_DESCRIPTORS * sizeof(int))];
};

ssize_t cl_send_fds(int socket, const void *bytes, size_t length, const int *fds, size_t count) {
    if (count > CL_MAX_DESCRIPTORS || length == 0) return -EINVAL;
    union control control;
    memset(&control, 0, sizeof control);
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    ssize_t sent;
    do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

ssize_t cl_recv_fds(int socket, void *bytes, size_t length, int *fds, size_t *count) {
    size_t capacity = *count, stored = 0, surplus = 0;
    *count = 0;
    union control control;
    struct iovec part = {.iov_base = bytes, .iov_len = length};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    ssize_t received;
    do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t number = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < number; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            if (stored < capacity) {
                fds[stored++] = fd;
            } else {
                close(fd);
                surplus++;
            }
        }
    }
    if (surplus > 0 || (message.msg_flags & MSG_CTRUNC)) {
        while (stored > 0) close(fds[--stored]);
        return -EMSGSIZE;
    }
    *count = stored;
    return received;
}
