#!/usr/bin/env python3
"""Plays the cases against a broker that it starts: run.py [--record FILE] PROGRAM [CASE...]; run.py --list.

Each case is one line of JSON: its name, `passed`, `skipped` or `failed`, and why. With --record the lines go to the
file, with each exchange between client and broker. It needs python3-cryptography, nothing else.
"""

import argparse
import base64
import json
import sys
import traceback

sys.dont_write_bytecode = True

# Cases are known once their file was imported, and played in this order.
import handshake_cases  # noqa: E402, F401
import binding_cases  # noqa: E402, F401
import resource_cases  # noqa: E402, F401
import admin_cases  # noqa: E402, F401
import own_cases  # noqa: E402, F401
import cases  # noqa: E402
import kbs  # noqa: E402
import softsnp  # noqa: E402
from broker import Broker  # noqa: E402

# What is longer is recorded without it.
LONGEST = 200_000


class Recording:
    """A file of lines: exchanges and outcomes."""

    def __init__(self, path):
        self.file = open(path, "w") if path else sys.stdout
        self.case = ""
        if path:
            kbs.recorders.append(self.exchange)

    def write(self, **members):
        print(json.dumps(members), file=self.file, flush=True)

    def exchange(self, method, path, body, reply):
        def text(content):
            return base64.b64encode(content).decode() if content is not None and len(content) <= LONGEST else None

        headers = {name.lower(): value for name, value in reply.headers.items()}
        sent, got = text(body), text(reply.body)
        self.write(
            exchange=self.case, method=method, path=path, sent=sent, status=reply.status, headers=headers, got=got
        )

    def play(self, world, name):
        self.case = name
        function, description = cases.CASES[name]
        outcome, reason = "passed", ""
        try:
            function(world)
        except cases.Absent as absence:
            outcome, reason = "skipped", str(absence)
        except Exception as error:  # Whatever a case meets is its finding.
            frames = traceback.extract_tb(error.__traceback__)
            places = ", ".join(f"{frame.name}:{frame.lineno}" for frame in frames[1:])
            outcome, reason = "failed", f"{type(error).__name__}: {error} ({places})"
        self.write(case=name, outcome=outcome, reason=reason, description=description)
        return outcome != "failed"


def main():
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print the cases' names")
    parser.add_argument(
        "--record", metavar="FILE", help="where outcomes and exchanges go; failed cases are no error then"
    )
    parser.add_argument("program", nargs="?", help="testudo-keybroker")
    parser.add_argument("names", nargs="*", metavar="CASE")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(cases.CASES))
        return 0
    if not arguments.program:
        parser.error("which program?")
    recording = Recording(arguments.record)
    processor = softsnp.SoftProcessor()
    with Broker(arguments.program, [processor.fingerprint]) as broker:
        world = cases.World(broker, processor)
        results = [recording.play(world, name) for name in arguments.names or cases.CASES]
        if not broker.is_alive:
            sys.exit(f"run.py: the broker ended: {broker.tail()}")
    return 0 if all(results) or arguments.record else 1


if __name__ == "__main__":
    sys.exit(main())
