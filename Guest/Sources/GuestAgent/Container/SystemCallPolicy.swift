import WireFormat

/// Which system calls a container may make: an allow-list of what ordinary programs on x86-64 need. Everything else is
/// answered with EPERM, so that a program sees a refusal and no crash.
///
/// Not on the list, each with a way out of a container in its history: mounting and namespaces, kernel modules, bpf and
/// perf, keyrings, userfaultfd, io_uring, clocks, reboot, ptrace-like access to others' memory by handle.
enum SystemCallPolicy {
    /// Namespace flags of clone(2): a container starts no namespaces of its own.
    private static let namespaceFlags: Int64 = 0x7E02_0000

    static let files = """
        access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 \
        fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock \
        fremovexattr fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr \
        inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl lchown lgetxattr link linkat listxattr \
        llistxattr lremovexattr lseek lsetxattr lstat memfd_create mkdir mkdirat mknod mknodat name_to_handle_at \
        newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead \
        readlink readlinkat readv removexattr rename renameat renameat2 rmdir sendfile setxattr splice stat statfs \
        statx symlink symlinkat sync sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes \
        vmsplice write writev
        """
    static let processes = """
        alarm arch_prctl brk capget capset execve execveat exit exit_group fork futex futex_waitv get_robust_list \
        get_thread_area getcpu getegid geteuid getgid getgroups getitimer getpgid getpgrp getpid getppid getpriority \
        getrandom getresgid getresuid getrlimit getrusage getsid gettid getuid ioprio_get ioprio_set kill \
        landlock_add_rule landlock_create_ruleset landlock_restrict_self madvise membarrier mincore mlock mlock2 \
        mlockall mmap modify_ldt mprotect mremap msync munlock munlockall munmap nanosleep pause pidfd_open \
        pidfd_send_signal pkey_alloc pkey_free pkey_mprotect prctl prlimit64 process_mrelease restart_syscall rseq \
        rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait \
        rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr \
        sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam \
        sched_setscheduler sched_yield seccomp set_robust_list set_thread_area set_tid_address setfsgid setfsuid \
        setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid \
        sigaltstack sysinfo tgkill times tkill uname vfork wait4 waitid chroot
        """
    static let communication = """
        accept accept4 bind clock_getres clock_gettime clock_nanosleep connect epoll_create epoll_create1 epoll_ctl \
        epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 getpeername getsockname \
        getsockopt gettimeofday io_cancel io_destroy io_getevents io_setup io_submit listen mq_getsetattr mq_notify \
        mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd poll ppoll pselect6 recvfrom \
        recvmmsg recvmsg select semctl semget semop semtimedop sendmmsg sendmsg sendto setsockopt shmat shmctl shmdt \
        shmget shutdown signalfd signalfd4 socketpair time timer_create timer_delete timer_getoverrun timer_gettime \
        timer_settime timerfd_create timerfd_gettime timerfd_settime
        """

    /// The policy in the form of an OCI runtime configuration.
    static var json: JSONValue {
        let names = [files, processes, communication].flatMap { $0.split(separator: " ") }
        return [
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [
                ["names": .array(names.map { .string(String($0)) }), "action": "SCMP_ACT_ALLOW"],
                [
                    "names": ["clone"], "action": "SCMP_ACT_ALLOW",
                    "args": [
                        ["index": 0, "value": .integer(namespaceFlags), "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"]
                    ],
                ],
                // Its flags lie in memory, out of a filter's sight: the C library falls back to clone.
                ["names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38],
                // Native and "no randomisation" personalities only.
                personality(0), personality(8), personality(0x20000), personality(0x20008), personality(0xffff_ffff),
                // UNIX, INET, INET6 and NETLINK, and nothing else: a filter compares 64 bits where the kernel takes 32,
                // so a rule against AF_VSOCK (40), which would reach the host, could be walked around.
                socket(1), socket(2), socket(10), socket(16),
            ],
        ]
    }

    private static func socket(_ family: Int64) -> JSONValue {
        [
            "names": ["socket"], "action": "SCMP_ACT_ALLOW",
            "args": [["index": 0, "value": .integer(family), "valueTwo": 0, "op": "SCMP_CMP_EQ"]],
        ]
    }

    private static func personality(_ value: Int64) -> JSONValue {
        [
            "names": ["personality"], "action": "SCMP_ACT_ALLOW",
            "args": [["index": 0, "value": .integer(value), "valueTwo": 0, "op": "SCMP_CMP_EQ"]],
        ]
    }
}
