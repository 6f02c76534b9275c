#!/usr/bin/env python3
"""Has schemathesis try a running key broker: explore.py PROGRAM FOLDER EXAMPLES SEED. `make fuzz ONLY=broker-api`
calls it.

Each run has other credentials. At the end stands what was tried; the exit code is 1 when a response was a failure of
the broker's own (5xx), broke the description of the API or came without the credentials that it needs, when the
broker ended, or when it grew by more than MEMORY. Reports, with curl commands for each finding, are left in the
folder.
"""

import json
import os
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "Client"))

import cases  # noqa: E402
import softsnp  # noqa: E402
from broker import Broker  # noqa: E402

DESCRIPTION = os.path.join(ROOT, "docs", "api", "keybroker.openapi.json")
# How many MiB the broker may have more at the end than after it was warm.
MEMORY = 256
# Tokens outlast the runs, and one address may call as often as it likes.
PLENTY = {"perSecond": 1_000_000, "burst": 10_000_000}
SETTINGS = {"tokenMinutes": 60, "rateLimits": {"auth": PLENTY, "attest": PLENTY}}


def resident(broker):
    """MiB of memory that the broker has."""
    with open(f"/proc/{broker.process.pid}/status") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1]) // 1024


class Exploration:
    def __init__(self, broker, folder, examples, seed):
        self.broker = broker
        self.folder = folder
        self.examples = examples
        self.seed = seed
        self.generated = 0
        self.failures = []

    def run(self, name, headers, *options):
        report = os.path.join(self.folder, f"{name}.json")
        command = [
            os.path.join(os.path.dirname(sys.executable), "schemathesis"),
            "--no-color",
            "--config-file",
            os.path.join(HERE, "schemathesis.toml"),
            "run",
            DESCRIPTION,
            "--url",
            self.broker.url,
            "--tls-verify",
            self.broker.file("tls.pem"),
            "--max-examples",
            str(self.examples),
            "--seed",
            str(self.seed),
            "--warnings",
            "off",
            "--report",
            "json",
            "--report-json-path",
            report,
            *options,
        ]
        for header in headers:
            command += ["-H", header]
        start = time.monotonic()
        log = os.path.join(self.folder, f"{name}.log")
        with open(log, "w") as file:
            # Hooks are found in the working folder.
            subprocess.run(
                command,
                cwd=HERE,
                env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        try:
            with open(report) as file:
                result = json.load(file)
        except (OSError, ValueError):
            self.failures.append(f"{name}: schemathesis did not come to an end: {log}")
            return
        tested, generated = result["operations"]["tested"], result["test_cases"]["generated"]
        self.generated += generated
        seconds = time.monotonic() - start
        print(f"fuzz: broker-api: {name}: {generated} requests of {tested} calls in {seconds:.0f} s", flush=True)
        for finding in result["failures"]:
            calls = ", ".join(finding["operations"])
            self.failures.append(f"{name}: {finding['title']} ({finding['count']}): {calls}; {log}")
        self.failures += [f"{name}: {json.dumps(error)[:300]}; {log}" for error in result["errors"]]
        if not result["complete"] or tested < result["operations"]["selected"]:
            self.failures.append(f"{name}: not all calls were tried: {log}")
        if not self.broker.is_alive:
            self.failures.append(f"{name}: THE BROKER ENDED: {self.broker.tail()}")


def main():
    program, folder, examples, seed = sys.argv[1:]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    processor = softsnp.SoftProcessor()
    with Broker(program, [processor.fingerprint], SETTINGS) as broker:
        world = cases.World(broker, processor)
        path = "explore/explore/explore"
        world.admin.set_resource(path, b"secret")
        guest = world.guest(path)
        guest.handshake()
        opened = world.guest(path)
        opened.auth()
        exploration = Exploration(broker, folder, int(examples), int(seed))
        before = resident(broker)
        exploration.run("guest", [f"Authorization: Bearer {guest.token}"], "--include-tag", "guest")
        exploration.run("admin", [f"Authorization: Bearer {broker.token(3500)}"], "--include-tag", "admin")
        exploration.run("session", [f"Cookie: kbs-session-id={opened.cookie}"], "--include-tag", "public")
        exploration.run("stranger", [])
        if broker.is_alive:
            after = resident(broker)
            print(f"fuzz: broker-api: {exploration.generated} requests, memory {before} to {after} MiB", flush=True)
            if after - before > MEMORY:
                exploration.failures.append(f"the broker grew from {before} to {after} MiB")
            code = broker.stop()
            if code != 0:
                exploration.failures.append(f"the broker ended with {code} when it was told to")
    for failure in exploration.failures:
        print(f"fuzz: FINDING {failure}")
    return 1 if exploration.failures else 0


if __name__ == "__main__":
    sys.exit(main())
