"""Inputs of the two policies that are measured: no two alike, some to be allowed and some to be refused."""

import json
import random

SHARED = "/run/kata-containers/shared/containers"
MEASUREMENTS = [f"{number:02x}" * 48 for number in (0x1F, 0x2E, 0x3D)]

# Reference values as a registrar keeps them: a few of each, by name.
REFERENCES = {"reference_values": {
    "snp_launch_measurement": MEASUREMENTS, "snp_bootloader": [3, 4], "snp_microcode": [72, 209, 219],
    "snp_snp_svn": [20, 22, 23], "snp_tee_svn": [0], "snp_smt_enabled": [True], "snp_tsme_enabled": [False],
    "snp_guest_abi_major": [0], "snp_guest_abi_minor": [0, 31], "snp_single_socket": [False], "snp_smt_allowed": [True],
    "rtmr_1": ["a1" * 48], "rtmr_2": ["a2" * 48], "tdvfkernel": ["a3" * 48], "mr_td": ["a4" * 48],
    "xfam": ["e702060000000000"], "launch_digest": ["abcde"], "svn": [1], "major_version": 1, "minimum_minor_version": 1,
}}


def attestation(number):
    """Claims of an SNP report with what was bound to it, as the attestation service hands them to the policy."""
    source = random.Random(f"attestation {number}")
    text = hexadecimal(source)
    return {
        "snp": {
            "measurement": source.choice(MEASUREMENTS) if source.random() < 0.7 else text(48),
            "report_data": text(64), "init_data": text(32), "chip_id": text(64),
            "policy_abi_major": 0, "policy_abi_minor": source.choice([0, 0, 31, 55]),
            "policy_smt_allowed": True, "policy_migrate_ma": False, "policy_debug_allowed": source.random() < 0.15,
            "policy_single_socket": False, "platform_smt_enabled": source.random() < 0.9,
            "platform_tsme_enabled": False, "reported_tcb_bootloader": source.choice([3, 4, 4]),
            "reported_tcb_microcode": source.choice([209, 219, 219, 115]), "reported_tcb_snp": source.choice([22, 23]),
            "reported_tcb_tee": 0,
        },
        "report_data": text(64), "init_data": text(32),
        "runtime_data_claims": {
            "nonce": text(32), "tee-pubkey": {"alg": "ECDH-ES+A256KW", "crv": "P-256", "kty": "EC", "x": text(22), "y": text(22)},
        },
        "init_data_claims": {"version": "0.1.0", "algorithm": "sha256", "aa.toml": text(100), "cdh.toml": text(150)},
    }


def agent(number):
    """A CreateContainerRequest as the shim sends it, with one thing that is not allowed in four of ten."""
    source = random.Random(f"agent {number}")
    text = hexadecimal(source)
    sandbox, container = text(32), text(32)

    def bind(destination, name, *options):
        return {"destination": destination, "source": f"{SHARED}/{sandbox}-{text(8)}-{name}", "type_": "bind",
                "options": list(options)}

    capabilities = [f"CAP_{name}" for name in (
        "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL "
        "AUDIT_WRITE").split()]
    address = f"10.96.{source.randrange(256)}.{source.randrange(256)}"
    environment = [
        "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "SHOP=https://shop.example", "MODE=live", f"HOSTNAME=web-{text(4)}",
        f"POD=web-{text(4)}", f"KUBERNETES_SERVICE_HOST={address}", "KUBERNETES_SERVICE_PORT=443",
        "KUBERNETES_SERVICE_PORT_HTTPS=443", f"KUBERNETES_PORT=tcp://{address}:443",
        f"KUBERNETES_PORT_443_TCP=tcp://{address}:443", "KUBERNETES_PORT_443_TCP_PROTO=tcp",
        "KUBERNETES_PORT_443_TCP_PORT=443", f"KUBERNETES_PORT_443_TCP_ADDR={address}",
    ]
    request = {
        "container_id": container, "exec_id": container, "sandbox_pidns": False, "string_user": None,
        "shared_mounts": [], "devices": [],
        "storages": [
            {"driver": "image_guest_pull", "driver_options": [f'image_guest_pull={{"metadata":{{"id":"{text(8)}"}}}}'],
             "source": "registry.example/shop/web@sha256:4d1c", "fstype": "overlay", "options": [],
             "mount_point": f"/run/kata-containers/{container}/rootfs", "fs_group": None, "shared": False},
            {"driver": "ephemeral", "driver_options": [], "source": "tmpfs", "fstype": "tmpfs",
             "options": ["size=64m", "nr_inodes=1024"], "mount_point": f"/run/kata-containers/sandbox/{sandbox}/cache",
             "fs_group": None, "shared": True},
        ],
        "OCI": {
            "Version": "1.1.0", "Hostname": "", "Hooks": None, "Solaris": None, "Windows": None,
            "Root": {"Path": f"/run/kata-containers/{container}/rootfs", "Readonly": True},
            "Process": {
                "Terminal": False, "Cwd": "/srv", "NoNewPrivileges": True, "ApparmorProfile": "",
                "SelinuxLabel": "", "OOMScoreAdj": 1000, "ConsoleSize": None, "Rlimits": [],
                "User": {"UID": 1000, "GID": 1000, "AdditionalGids": [1000, 2000], "Username": ""},
                "Args": ["/srv/web", "--listen", ":8080", f"--node={text(4)}.local"], "Env": environment,
                "Capabilities": {"Bounding": capabilities, "Effective": capabilities, "Inheritable": [],
                                 "Permitted": capabilities, "Ambient": []},
            },
            "Annotations": {
                "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "web",
                "io.katacontainers.pkg.oci.container_type": "pod_container", "io.kubernetes.cri.sandbox-id": sandbox,
                "io.kubernetes.cri.sandbox-name": f"web-{text(4)}", "io.kubernetes.cri.sandbox-namespace": "shop",
                "io.kubernetes.cri.sandbox-uid": text(16), "io.kubernetes.cri.image-name": "registry.example/shop/web",
                "io.katacontainers.pkg.oci.bundle_path": f"/run/containerd/io.containerd.runtime.v2.task/k8s.io/{container}",
            },
            "Mounts": [
                {"destination": "/proc", "source": "proc", "type_": "proc", "options": ["nosuid", "noexec", "nodev"]},
                {"destination": "/dev", "source": "tmpfs", "type_": "tmpfs",
                 "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
                {"destination": "/dev/pts", "source": "devpts", "type_": "devpts",
                 "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
                {"destination": "/dev/shm", "source": "/run/kata-containers/sandbox/shm", "type_": "bind",
                 "options": ["rbind"]},
                {"destination": "/sys", "source": "sysfs", "type_": "sysfs",
                 "options": ["nosuid", "noexec", "nodev", "ro"]},
                bind("/etc/hosts", "hosts", "rbind", "rprivate", "rw"),
                bind("/etc/resolv.conf", "resolv.conf", "rbind", "rprivate", "ro"),
                bind("/var/run/secrets/kubernetes.io/serviceaccount", "serviceaccount", "rbind", "rprivate", "ro"),
            ],
            "Linux": {
                "UIDMappings": [], "GIDMappings": [], "Sysctl": {}, "CgroupsPath": f"kubepods-{text(16)}:cri:{container}",
                "Namespaces": [{"Type": kind, "Path": ""} for kind in ("ipc", "uts", "mount")], "Devices": [],
                "Seccomp": None, "RootfsPropagation": "", "MountLabel": "", "IntelRdt": None,
                "MaskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                                "/proc/timer_list", "/proc/scsi", "/sys/firmware"],
                "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
                "Resources": {"BlockIO": None, "Network": None, "Pids": None, "HugepageLimits": [],
                              "CPU": {"Cpus": "", "Mems": "", "Period": 100000, "Quota": 0, "Shares": 1024},
                              "Memory": {"Limit": 536870912, "Swap": 0, "Reservation": 0}, "Devices": []},
            },
        },
    }
    if source.random() < 0.4:
        spoil(request, source)
    return request


def spoil(request, source):
    """Changes one thing that the policy looks at."""
    oci = request["OCI"]
    process = oci["Process"]
    match source.randrange(7):
        case 0: process["Env"].insert(source.randrange(len(process["Env"])), "LD_PRELOAD=/tmp/a.so")
        case 1: process["Args"][2] = ":8081"
        case 2: process["User"]["UID"] = 0
        case 3: process["Capabilities"]["Effective"] = process["Capabilities"]["Effective"] + ["CAP_SYS_ADMIN"]
        case 4: oci["Mounts"][6]["source"] = "/etc/resolv.conf"
        case 5: request["storages"][0]["source"] = "registry.example/other"
        case 6: oci["Annotations"]["example.dev/extra"] = "1"


def hexadecimal(source):
    """A maker of hexadecimal text of so many bytes."""
    return lambda count: source.randbytes(count).hex()


def write(make, count, path):
    """Writes one input a line, as compact JSON."""
    with open(path, "w") as file:
        for number in range(count):
            file.write(json.dumps(make(number), separators=(",", ":")) + "\n")
