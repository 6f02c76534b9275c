"""Evidence on one core: launch digests beside the bare hash of openssl in the same run."""

import json
import os
import re
import statistics

import report
from deployment import progress, run

ROUNDS = 7
FIRMWARE = 4 << 20
SECONDS = 1


def measurements(root):
    """The launch digest of a firmware's pages over SHA-384 of the same bytes in one piece."""
    program = os.path.join(root, ".build", "release", "evidence-bench")
    progress("building evidence-bench in release")
    run(["swift", "build", "-c", "release", "--product", "evidence-bench", "--package-path", root])
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(json.loads(run([program, "measure", str(FIRMWARE), str(SECONDS)]))["bytesPerSecond"])
        theirs.append(openssl())
    result = report.ratio("measure.over_sha384", "higher", 0.9, ours, theirs, {
        "what": "bytes per second of processor time: launch digest of the pages of 4 MiB, over openssl's SHA-384 of 4 MiB",
        "bytesPerSecond": statistics.median(ours), "opensslBytesPerSecond": statistics.median(theirs)})
    result.notes.append(f"{statistics.median(ours) / 1e6:.0f} MB/s, openssl {statistics.median(theirs) / 1e6:.0f} MB/s")
    return [result]


def openssl():
    """Bytes that openssl hashes per second of processor time."""
    said = run(["openssl", "speed", "-mr", "-seconds", str(SECONDS), "-bytes", str(FIRMWARE), "-evp", "sha384"])
    # The last line of machine-readable output: number, name, and the rate for each size.
    found = re.search(r"^\+F:\d+:[^:]+:([0-9.]+)$", said, re.MULTILINE)
    if not found:
        raise RuntimeError(f"openssl speed said {said[-200:]!r}")
    return float(found[1])
