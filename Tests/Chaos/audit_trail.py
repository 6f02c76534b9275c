"""Reads the audit logs of brokers as `testudo broker audit verify` does: lines that follow one another by their hashes."""

import glob
import hashlib
import json


def lines(path):
    """The lines of one broker's log, oldest first, full files included; and what is wrong with the chain."""
    files = sorted(glob.glob(f"{path}.[0-9]*"), key=lambda name: int(name.rsplit(".", 1)[1])) + [path]
    found, faults = [], []
    expected = None
    for name in files:
        with open(name, "rb") as file:
            for line in file.read().split(b"\n"):
                if not line:
                    continue
                try:
                    record = json.loads(line)
                except ValueError:
                    # A kill can cut a line short; the chain goes on behind it.
                    continue
                if expected and (record["seq"], record["prev"]) != expected:
                    faults.append(f"{name}: line {record['seq']} does not follow the line before it")
                expected = (record["seq"] + 1, hashlib.sha256(line).hexdigest())
                found.append(record)
    return found, faults
