"""Evidence on one core: launch digests beside the bare hash of openssl in the same run."""

import json
import os
import random
import re
import statistics

import report
from deployment import progress, run

ROUNDS = 7
SECONDS = 1
SIZE = 4 << 20
# Together the 4 MiB of flash that Debian's OVMF fills.
OVMF = ["/usr/share/OVMF/OVMF_VARS_4M.fd", "/usr/share/OVMF/OVMF_CODE_4M.fd"]


def measurements(root):
    """The launch digest of the pages of 4 MiB over SHA-384 of as many bytes in one piece.

    The goal is held by bytes without a pattern unless there is a real firmware: much of it is padding, page after page the
    same, which is hashed once.
    """
    folder = os.path.join(root, ".build", "bench")
    program = os.path.join(root, ".build", "release", "evidence-bench")
    progress("building evidence-bench in release")
    run(["swift", "build", "-c", "release", "--product", "evidence-bench", "--package-path", root])
    images = {"no pattern": random.Random(4).randbytes(SIZE)}
    if all(os.path.exists(path) for path in OVMF):
        images["OVMF"] = b"".join(content(path) for path in OVMF)
    results = []
    for name, image in images.items():
        path = os.path.join(folder, "firmware.bin")
        with open(path, "wb") as file:
            file.write(image)
        results.append(measure(program, name, path, len(image)))
    # The last one counts; what the others say is told beside it.
    chosen = results[-1]
    chosen.notes = [note for result in results for note in result.notes]
    chosen.detail["ratioByFirmware"] = {result.detail["firmware"]: round(result.value, 3) for result in results}
    return [chosen]


def measure(program, name, path, size):
    """Rounds of ours and of openssl in turn, for one firmware."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(json.loads(run([program, "measure", str(SECONDS), path]))["bytesPerSecond"])
        theirs.append(openssl(size))
    result = report.ratio("measure.over_sha384", "higher", 0.9, ours, theirs, {
        "what": "bytes per second of processor time: launch digest of a firmware's pages, over openssl's SHA-384",
        "firmware": name, "bytes": size, "bytesPerSecond": statistics.median(ours),
        "opensslBytesPerSecond": statistics.median(theirs)})
    result.notes.append(
        f"{name}: {result.value:.2f}, {statistics.median(ours) / 1e6:.0f} MB/s, "
        f"openssl {statistics.median(theirs) / 1e6:.0f} MB/s")
    return result


def content(path):
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def openssl(size):
    """Bytes that openssl hashes per second of processor time, in pieces of `size`."""
    said = run(["openssl", "speed", "-mr", "-seconds", str(SECONDS), "-bytes", str(size), "-evp", "sha384"])
    # The last line of machine-readable output: number, name, and the rate for each size.
    found = re.search(r"^\+F:\d+:[^:]+:([0-9.]+)$", said, re.MULTILINE)
    if not found:
        raise RuntimeError(f"openssl speed said {said[-200:]!r}")
    return float(found[1])
