"""A run of brokers on a cluster of etcd: its folder, its report, and the end of what it started."""

import collections
import json
import os
import shutil
import signal
import sys
import tempfile


def play(name, make, options, program):
    """Plays the run that `make` gives, and prints what came of it; gives the exit status."""
    if not shutil.which("etcd") or not shutil.which("etcdctl"):
        print("chaos: SKIPPED: etcd is not installed", file=sys.stderr)
        return 0
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="testudo-chaos-", dir=base) as folder:
        found = make(options, program, folder)
        try:
            report = found.play()
        finally:
            end(found)
            if options.keep:
                shutil.copytree(f"{folder}/brokers", options.keep, dirs_exist_ok=True)
    print(json.dumps({f"chaos.{name}": report}), flush=True)
    for text, count in collections.Counter(text.split(":")[0] for text in found.failures).most_common():
        print(f"chaos: {count} tries that failed: {text}", file=sys.stderr)
    for text, count in collections.Counter(found.faults).most_common(20):
        print(f"chaos: {count} times {text}", file=sys.stderr)
    return 1 if found.faults else 0


def end(found):
    for replica in found.replicas:
        if replica.process and replica.process.poll() is None:
            # One that was stopped does not see its end otherwise.
            replica.process.send_signal(signal.SIGCONT)
            replica.kill()
    found.cluster.stop()
