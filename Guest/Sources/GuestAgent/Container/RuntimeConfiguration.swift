import WireFormat

/// Renders a plan as the `config.json` of an OCI runtime bundle.
public enum RuntimeConfiguration {
    /// What a container's root may still do: the default set of OCI runtimes without raw sockets and device nodes.
    static let capabilities: JSONValue = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
        "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
    ]
    private static let maskedPaths: JSONValue = [
        "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/scsi",
        "/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats", "/sys/dev/block", "/sys/firmware",
        "/sys/class/virtio-ports", "/sys/kernel/security",
    ]
    private static let readonlyPaths: JSONValue = [
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
    ]

    /// The configuration of `plan`.
    public static func render(_ plan: ContainerPlan) -> JSONValue {
        [
            "ociVersion": "1.0.0",
            "hostname": .string(plan.hostname),
            "root": ["path": "rootfs", "readonly": false],
            "process": process(plan),
            "mounts": .array(mounts(plan)),
            "linux": [
                "namespaces": [
                    ["type": "pid"], ["type": "ipc"], ["type": "uts"], ["type": "mount"], ["type": "cgroup"],
                    ["type": "network", "path": .string(plan.networkPath)],
                ],
                "cgroupsPath": .string("/testudo/" + plan.identifier),
                "resources": resources(plan),
                "seccomp": SystemCallPolicy.json,
                "maskedPaths": maskedPaths,
                "readonlyPaths": readonlyPaths,
            ],
        ]
    }

    private static func process(_ plan: ContainerPlan) -> JSONValue {
        [
            "terminal": false,
            "user": [
                "uid": .integer(Int64(plan.user.uid)), "gid": .integer(Int64(plan.user.gid)),
                "additionalGids": .array(plan.user.groups.map { .integer(Int64($0)) }),
            ],
            "args": .array(plan.arguments.map { .string($0) }),
            "env": .array(plan.environment.map { .string($0) }),
            "cwd": .string(plan.workingDirectory),
            "noNewPrivileges": true,
            "capabilities": [
                "bounding": capabilities, "effective": capabilities, "permitted": capabilities,
                "inheritable": [], "ambient": [],
            ],
            "rlimits": [
                ["type": "RLIMIT_NOFILE", "soft": .integer(plan.openFiles), "hard": .integer(plan.openFiles)],
                ["type": "RLIMIT_CORE", "soft": 0, "hard": 0],
            ],
            // The agent itself is exempt from the memory killer; its child is not.
            "oomScoreAdj": 0,
        ]
    }

    private static func resources(_ plan: ContainerPlan) -> JSONValue {
        [
            "devices": [["allow": false, "access": "rwm"]],
            "memory": ["limit": .integer(plan.memoryBytes), "swap": .integer(plan.memoryBytes)],
            "cpu": ["period": 100_000, "quota": .integer(Int64(plan.processors) * 100_000)],
            "pids": ["limit": 4096],
        ]
    }

    private static func mounts(_ plan: ContainerPlan) -> [JSONValue] {
        var list: [JSONValue] = [
            mount("/proc", "proc", ["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
            mount("/dev/shm", "tmpfs", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("/sys", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
            mount("/sys/fs/cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
            mount("/tmp", "tmpfs", ["nosuid", "nodev", "mode=1777"]),
        ]
        for name in ["resolv.conf", "hosts", "hostname"] {
            list.append([
                "destination": .string("/etc/" + name), "type": "bind", "source": .string(plan.bundle + "/" + name),
                "options": ["bind", "nosuid", "nodev", "noexec", "ro"],
            ])
        }
        return list
    }

    private static func mount(_ path: String, _ type: String, _ options: [String]) -> JSONValue {
        [
            "destination": .string(path), "type": .string(type), "source": .string(type),
            "options": .array(options.map { .string($0) }),
        ]
    }
}
