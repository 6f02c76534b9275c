"""Evidence on one core: launch digests beside openssl's bare hash, verification beside its bare signature checks."""

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


# What is compared, with the goal of each ratio, and what the bare checks are.
VERIFICATIONS = [
    ("verify.snp_over_bare", "snp", 0.8, "SNP report under a kept chain, over its bare P-384 check"),
    ("verify.snp_chain_over_bare", "snpChain", 0.8, "SNP report with its whole chain, over the sum of its four bare checks"),
    ("verify.tdx_over_bare", "tdx", 0.7, "TDX quote under kept collateral, over its three bare P-256 checks"),
]
PARSERS = {"parseSNP": "SNP report", "parseTDX": "TDX quote", "parseHCL": "Azure's report", "parseTPM": "TPM quote"}


def build(root):
    """The program that measures, in release."""
    progress("building evidence-bench in release")
    run(["swift", "build", "-c", "release", "--product", "evidence-bench", "--package-path", root])
    return os.path.join(root, ".build", "release", "evidence-bench")


def verifications(root):
    """Verifications of genuine evidence per second of processor time, ours and the bare checks in turns of one process."""
    vectors = os.environ.get("TESTUDO_VECTORS", os.path.join(os.path.dirname(root), "shared", "vectors"))
    if not os.path.isdir(vectors):
        raise RuntimeError(f"no vectors at {vectors}: there is no genuine evidence to verify")
    measured = json.loads(run([build(root), "verify", "6", vectors]))
    results = []
    for id, name, goal, what in VERIFICATIONS:
        pair = measured[name]
        ours, bare = statistics.median(pair["ours"]), statistics.median(pair["bare"])
        result = report.ratio(id, "higher", goal, pair["ours"], pair["bare"], {
            "what": f"per second of processor time: {what}", "perSecond": round(ours, 1),
            "barePerSecond": round(bare, 1), "allocations": pair["allocations"]})
        result.notes.append(f"{ours:.0f} a second, bare {bare:.0f}, {pair['allocations']:.0f} allocations each")
        results.append(result)
    times = {what: [1e6 / rate for rate in measured[name]["ours"]] for name, what in PARSERS.items()}
    slowest = max(times, key=lambda what: statistics.median(times[what]))
    parsing = report.single("verify.parse_us", "us", 5, times[slowest], {"what": "parsing alone, the slowest format"})
    parsing.notes.append(", ".join(f"{what} {statistics.median(values):.2f}" for what, values in times.items()))
    return results + [parsing]


def measurements(root):
    """The launch digest of the pages of 4 MiB over SHA-384 of as many bytes in one piece.

    The goal is held by bytes without a pattern unless there is a real firmware: much of it is padding, page after page the
    same, which is hashed once.
    """
    folder = os.path.join(root, ".build", "bench")
    program = build(root)
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
