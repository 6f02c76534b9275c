"""How long a guest takes until its agent speaks, over the least that this QEMU and this kernel can do.

Both sides run QEMU with the very arguments of a machine that the node started; the floor has another initial RAM disk,
whose init prints a line and powers off.
"""

import fcntl
import os
import re
import select
import socket
import stat
import statistics
import time

import machines
import report
from deployment import run

SAMPLES = 10
MEMORY = 256
HELLO = b"testudo1g"  # Magic and role of the guest's first frame on the multiplexed link.
PATIENCE = 60.0

INIT = r"""
static long call(long number, long a, long b, long c, long d) {
    register long r10 __asm__("r10") = d;
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}
void _start(void) {
    static const char text[] = "up\n";
    call(1, 1, (long)text, sizeof text - 1, 0);               /* write */
    call(169, 0xfee1deadl, 672274793, 0x4321fedcl, 0);        /* reboot: power off */
    for (;;) call(34, 0, 0, 0, 0);                            /* pause */
}
"""


def measure(deployment):
    """Agent and floor in turn."""
    words, files = recipe(deployment)
    floor = floor_disk(deployment.folder)
    time_agent(words, files)
    time_floor(words, files, floor)
    agents, floors = [], []
    for _ in range(SAMPLES):
        agents.append(time_agent(words, files))
        floors.append(time_floor(words, files, floor))
    result = report.ratio("boot.agent_over_floor", "lower", 1.3, agents, floors, {
        "what": "QEMU's exec to the agent's HELLO, over QEMU's exec to its exit with an init that powers off",
        "agentMs": report.spread(agents), "floorMs": report.spread(floors), "arguments": words,
        "initrdBytes": [os.path.getsize(files[initrd_number(words)]), os.path.getsize(floor)],
    })
    result.notes.append(f"agent {statistics.median(agents):.0f} ms, floor {statistics.median(floors):.0f} ms")
    return [result]


def recipe(deployment):
    """QEMU's arguments as the node made them, and what its numbered descriptors are: a path, or None for a socket."""
    service = deployment.service("hello-swift", "testudo-vm", memory=MEMORY)
    service.apply()
    service.first_byte()
    pid = machines.qemu(service.instance())
    words = machines.arguments(pid)
    files = {}
    for number in re.findall(r"(?:\bfd=|/proc/self/fd/)(\d+)", " ".join(words)):
        link = f"/proc/{pid}/fd/{number}"
        files[int(number)] = None if stat.S_ISSOCK(os.stat(link).st_mode) else os.readlink(link)
    service.remove()
    return words, files


def initrd_number(words):
    """The descriptor that holds the initial RAM disk."""
    return int(words[words.index("-initrd") + 1].rsplit("/", 1)[1])


def agent_number(words):
    """The descriptor of the agent's port."""
    return next(int(word.split("fd=")[1]) for word in words if word.startswith("socket,id=agent,"))


class Machine:
    """A QEMU started from a recipe; the near ends of its sockets are in `sockets`, by number."""

    def __init__(self, words, files):
        self.sockets, opened = {}, {}
        for number, path in files.items():
            if path is None:
                self.sockets[number], far = socket.socketpair()
                opened[number] = far.detach()
            else:
                opened[number] = os.open(path, os.O_RDONLY)
        # Above every number that the child uses, so that no dup2 there overwrites one that is still needed.
        sources = {number: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for number, fd in opened.items()}
        for fd in opened.values():
            os.close(fd)
        null = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, null, standard) for standard in (0, 1, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in sources.items()]
        self.begin = time.monotonic()
        self.pid = os.posix_spawn(words[0], words, {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, file_actions=actions)
        self.watch = os.pidfd_open(self.pid)
        for fd in [null, *sources.values()]:
            os.close(fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The process is still ours to wait for, so its pid cannot mean another.
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.watch)
        for entry in self.sockets.values():
            entry.close()

    def passed(self):
        """Milliseconds since QEMU's exec."""
        return (time.monotonic() - self.begin) * 1000

    def readable(self, thing):
        """Waits for bytes or an end."""
        left = self.begin + PATIENCE - time.monotonic()
        if not select.select([thing], [], [], max(0.0, left))[0]:
            raise RuntimeError(f"the machine did nothing within {PATIENCE:g} s")


def time_agent(words, files):
    """Milliseconds until the agent's HELLO."""
    with Machine(words, files) as machine:
        agent, said = machine.sockets[agent_number(words)], b""
        while HELLO not in said:
            machine.readable(agent)
            part = agent.recv(4096)
            if not part:
                raise RuntimeError("the machine ended before its agent spoke")
            said += part
        return machine.passed()


def time_floor(words, files, floor):
    """Milliseconds until QEMU has exited."""
    with Machine(words, {**files, initrd_number(words): floor}) as machine:
        machine.readable(machine.watch)
        return machine.passed()


def floor_disk(folder):
    """Builds the initial RAM disk of the floor and returns its path."""
    source, program, disk = (os.path.join(folder, name) for name in ("floor.c", "floor", "floor.cpio"))
    with open(source, "w") as file:
        file.write(INIT)
    run(["clang", "-Os", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", source, "-o", program])
    run(["strip", program])
    with open(program, "rb") as file:
        init = file.read()
    entries = [("dev", 0o040755, (0, 0), b""), ("dev/console", 0o020600, (5, 1), b""), ("init", 0o100755, (0, 0), init)]
    with open(disk, "wb") as file:
        for number, (name, mode, device, content) in enumerate(entries, 1):
            file.write(archived(number, name, mode, device, content))
        file.write(archived(0, "TRAILER!!!", 0, (0, 0), b""))
    return disk


def archived(number, name, mode, device, content):
    """One entry of a cpio archive in the `newc` format."""
    fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return padded(head) + padded(content)


def padded(data):
    """Filled with zeros to a multiple of four bytes."""
    return data + bytes(-len(data) % 4)
