"""What /proc tells of the machines that a node runs."""

import os


def arguments(pid):
    """The command line of a process; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.fsdecode(file.read()).split("\0")[:-1]
    except OSError:
        return []


def qemu(instance):
    """The pid of the QEMU of an instance, or None."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            words = arguments(entry)
            if "-name" in words and words[words.index("-name") + 1].startswith(f"testudo-{instance},"):
                return int(entry)
    return None


def parent(pid):
    """The parent of a process."""
    return status(pid, "PPid")


def status(pid, name):
    """A number in /proc/PID/status (memory is in KiB)."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:"))


def pss(pid):
    """The proportional set size of a process in MiB."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024


def guest_memory(pid, size):
    """How much of the guest's memory of `size` MiB QEMU holds now, in MiB: the PSS of the mapping of that size."""
    mapped, found = 0, None
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            if line.startswith("Size:"):
                mapped = int(line.split()[1]) / 1024
            elif line.startswith("Pss:") and mapped >= size and (found is None or mapped < found[0]):
                found = (mapped, int(line.split()[1]) / 1024)
    if found is None:
        raise RuntimeError(f"QEMU {pid} has no mapping of {size} MiB")
    return found[1]
