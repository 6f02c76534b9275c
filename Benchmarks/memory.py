"""What a node weighs when idle, and what one confidential machine costs its host beside the guest's memory."""

import statistics
import time

import machines
import report

SAMPLES = 10
SETTLING = 2.0  # Seconds until a node or a guest that has just done something is called idle.
MEMORY = 256


def measure(deployment):
    """Ten times: the idle node, then one confidential machine that answered once."""
    service = deployment.service("hello-swift", "testudo-cvm", memory=MEMORY)
    node = deployment.node_pid()
    service.apply()
    service.first_byte()
    service.remove()
    idle, overhead, parts = [], [], []
    for _ in range(SAMPLES):
        time.sleep(SETTLING)
        idle.append(machines.status(node, "VmRSS") / 1024)
        before = machines.pss(node)
        service.apply()
        service.first_byte()
        time.sleep(SETTLING)
        qemu = machines.qemu(service.instance())
        processor = machines.parent(qemu)
        part = {
            "qemu": machines.pss(qemu), "softtee": machines.pss(processor),
            "node": max(0.0, machines.pss(node) - before), "guest": machines.guest_memory(qemu, MEMORY),
        }
        parts.append(part)
        overhead.append(part["qemu"] + part["softtee"] + part["node"] - part["guest"])
        service.remove()
    median = {key: round(statistics.median(part[key] for part in parts), 1) for key in parts[0]}
    total = median["qemu"] + median["softtee"] + median["node"]
    cost = report.single("cvm.host_overhead_mb", "MiB", 120, overhead, {
        "what": "PSS of QEMU, testudo-softtee and the node's growth, minus the guest memory that QEMU holds",
        "medians": median, "guestMemoryMiB": MEMORY, "totalMinusConfiguredMemory": round(total - MEMORY, 1),
    })
    cost.notes.append(
        f"QEMU {median['qemu']} (guest memory {median['guest']} of {MEMORY}), softtee {median['softtee']}, "
        f"node +{median['node']} MiB of PSS; total minus configured memory {total - MEMORY:.0f}")
    return [
        report.single("node.idle_rss_mb", "MiB", 60, idle, {
            "what": f"VmRSS of testudod (release), {SETTLING:g} s after its last instance was removed"}),
        cost,
    ]
