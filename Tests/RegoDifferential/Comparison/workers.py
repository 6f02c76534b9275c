"""Processes that run regopy. One may crash or hang: the run goes on without it."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path

SECONDS = 20
CASES_PER_PROCESS = 2000


class Worker:
    """One process with regopy, started anew when it ends."""

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None
        self.served = 0

    def evaluate(self, line: str) -> dict:
        """What regopy makes of a case; `crash` and `hang` are outcomes as well."""
        if self.process is None or self.served >= CASES_PER_PROCESS:
            self.restart()
        process = self.process
        assert process is not None and process.stdin is not None and process.stdout is not None
        self.served += 1
        try:
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return self.ended()
        if not select.select([process.stdout], [], [], SECONDS)[0]:
            self.stop()
            return {"kind": "hang"}
        answer = process.stdout.readline()
        return json.loads(answer) if answer.endswith(b"\n") else self.ended()

    def ended(self) -> dict:
        assert self.process is not None
        self.process.kill()
        status = self.process.wait()
        self.process = None
        return {"kind": "crash", "message": f"signal {-status}" if status < 0 else f"exit {status}"}

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.served = 0
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
