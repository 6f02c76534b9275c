"""The key broker on one core, its clients on the other: handshakes, resources and memory."""

import json
import os
import shutil
import statistics
import tempfile

import report
from deployment import progress, run

ROUNDS = 5
HANDSHAKES = 2000


def build(root):
    """The program that measures and the broker, in release."""
    for product in ("testudo-keybroker", "broker-bench"):
        progress(f"building {product} in release")
        run(["swift", "build", "-c", "release", "--product", product, "--package-path", root])
    return os.path.join(root, ".build", "release")


def series(root, rounds, handshakes, calls):
    """One run of broker-bench: named lists with one sample a round."""
    programs = build(root)
    folder = tempfile.mkdtemp(prefix="testudo-broker-bench-")
    try:
        text = run(["taskset", "-c", "1", os.path.join(programs, "broker-bench"),
                    os.path.join(programs, "testudo-keybroker"), os.path.join(folder, "broker"), str(rounds),
                    str(handshakes), str(calls)])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {name: [float(value) for value in values] for name, values in json.loads(text).items()}


def rates(root):
    """Handshakes and resources over the cryptography that they cannot do without."""
    if os.cpu_count() < 2:
        raise RuntimeError("the broker and its clients need a processor each")
    measured = series(root, ROUNDS, HANDSHAKES, 0)
    bare = [1e6 / (check + agreement) for check, agreement in zip(measured["reportCheck"], measured["agreement"])]
    handshake = report.ratio("broker.handshake_over_bare", "higher", 0.6, measured["handshake"], bare, {
        "what": "per second of the broker's processor time: auth, attest with a soft-snp report, one resource of 32 bytes; "
                "over one P-384 check and one P-256 agreement"})
    handshake.notes.append(
        f"{statistics.median(measured['handshake']):.0f} handshakes a second, bare {statistics.median(bare):.0f}")
    tail = report.ratio("broker.p99_over_p50", "lower", 10, measured["p99"], measured["p50"], {
        "what": "time of a handshake at 64 clients at once"})
    tail.notes.append(f"p50 {statistics.median(measured['p50']):.1f} ms, p99 {statistics.median(measured['p99']):.1f} ms")
    floor = [1 / (1 / fixed + (check + agreement) / 1e6) for fixed, check, agreement in zip(
        measured["static"], measured["tokenCheck"], measured["agreement"])]
    resource = report.ratio("broker.resource_over_static", "higher", 0.6, measured["resource"], floor, {
        "what": "a resource by token, over a static answer of the same server with a bare token check and agreement"})
    resource.notes.append(
        f"{statistics.median(measured['resource']):.0f} a second, static {statistics.median(measured['static']):.0f}")
    return [handshake, tail, resource]


def memory(root):
    """How far the broker's memory grows over a million calls of strangers."""
    resident = series(root, 0, 4, 1_000_000)["resident"]
    growth = report.single("broker.rss_growth", "ratio", 0.1, [(max(resident) - resident[0]) / resident[0]] * 2, {
        "what": "growth of resident memory over 1,000,000 unauthenticated calls of /auth, after 100,000",
        "megabytes": [round(value / 1e6, 1) for value in resident]})
    growth.notes.append(f"{resident[0] / 1e6:.0f} MB to {resident[-1] / 1e6:.0f} MB")
    return [growth]
