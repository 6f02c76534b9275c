"""Runs generated policies through our implementation and through regopy and compares what they give.

    compare.py GENERATOR RESULTS COUNT SEED

GENERATOR is the program `rego-differential`; RESULTS is the folder for differences, one replayable file each. The exit
status is 1 when a difference has no explanation, or when too few cases ran or evaluated to a value.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from difference import Difference
from explanations import EXPLANATIONS
from workers import Worker

PROCESSES = 2
LEAST_SHARE = 0.70
MOST_SHOWN = 20


class Tally:
    """What a run found so far; threads share it."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.differences = (results / "differences.jsonl").open("w")
        self.lock = threading.Lock()
        self.cases = 0
        self.values = 0
        self.compared = Counter()
        self.constructs: Counter[str] = Counter()
        self.with_value: Counter[str] = Counter()
        self.explained: Counter[str] = Counter()
        self.examples: dict[str, Difference] = {}
        self.unexplained: list[Difference] = []

    def add(self, case: dict, theirs: dict) -> None:
        difference = Difference(case, theirs)
        differs = not difference.is_none
        name = explanation(difference) if differs else None
        ours = case["ours"]["kind"]
        with self.lock:
            self.cases += 1
            self.values += ours == "value"
            self.constructs.update(case["constructs"])
            if not differs:
                self.compared[ours] += 1
                if ours == "value":
                    self.with_value.update(case["constructs"])
                return
            self.differences.write(json.dumps(case | {"theirs": theirs, "explanation": name}) + "\n")
            if name is not None:
                self.explained[name] += 1
                shortest = self.examples.get(name)
                if shortest is None or len(difference.source) < len(shortest.source):
                    self.examples[name] = difference
            else:
                self.unexplained.append(difference)
                self.keep(difference)

    def keep(self, difference: Difference) -> None:
        path = self.results / f"case-{difference.case['number']}.json"
        path.write_text(json.dumps(difference.case | {"theirs": difference.theirs}) + "\n")


def explanation(difference: Difference) -> str | None:
    """The name of the first explanation that fits."""
    return next((known.name for known in EXPLANATIONS if known.fits(difference)), None)


def run(generator: Path, tally: Tally, count: int, seed: int) -> None:
    """Feeds cases from the generator to the processes with regopy."""
    source = subprocess.Popen([generator, str(count), str(seed)], stdout=subprocess.PIPE, text=True)
    assert source.stdout is not None
    lines, reading = source.stdout, threading.Lock()
    started = time.monotonic()

    def serve() -> None:
        worker = Worker()
        try:
            while True:
                with reading:
                    line = lines.readline()
                if not line:
                    return
                tally.add(json.loads(line), worker.evaluate(line.rstrip("\n")))
                if tally.cases % max(count // 20, 1) == 0:
                    seconds = time.monotonic() - started
                    print(
                        f"differential: {tally.cases} of {count} in {seconds:.0f} s, {sum(tally.compared.values())} agree,"
                        f" {sum(tally.explained.values())} explained, {len(tally.unexplained)} unexplained", flush=True)
        finally:
            worker.stop()

    threads = [threading.Thread(target=serve) for _ in range(PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    source.wait()


def report(tally: Tally, count: int, seed: int, seconds: float) -> bool:
    """Prints what was found; whether it is what was asked for."""
    print(f"\nConstructs covered: {len(tally.constructs)} (cases that hold it, cases that agree on a value)")
    for name, number in sorted(tally.constructs.items()):
        print(f"  {name:<58} {number:>7} {tally.with_value[name]:>7}")
    print("\nExplained differences")
    for known in EXPLANATIONS:
        if (number := tally.explained[known.name]) > 0:
            print(f"\n{number:>7}  {known.name} (right: {known.right})\n         {known.reason}")
            print(indented(tally.examples[known.name].text))
    for difference in tally.unexplained[:MOST_SHOWN]:
        print("\nNOT EXPLAINED\n" + indented(difference.text))
    agreed = sum(tally.compared.values())
    share = tally.values / max(tally.cases, 1)
    print(
        f"\ndifferential: seed {seed}, {tally.cases} policies in {seconds:.0f} s, {share:.1%} evaluate to a value,"
        f" {len(tally.constructs)} constructs\ndifferential: {agreed} agree ({tally.compared['value']} on a value,"
        f" {tally.compared['undefined']} undefined, {tally.compared['error']} on an error),"
        f" {sum(tally.explained.values())} differ with an explanation, {len(tally.unexplained)} without")
    if tally.unexplained:
        print(f"differential: replay with `rego-differential replay < FILE`; the files are in {tally.results}")
    return not tally.unexplained and tally.cases >= count and share >= LEAST_SHARE


def indented(text: str) -> str:
    return "\n".join("           " + line for line in text.splitlines())


def main() -> int:
    generator, results = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    count, seed = int(sys.argv[3]), int(sys.argv[4])
    results.mkdir(parents=True, exist_ok=True)
    for old in results.glob("case-*.json"):
        old.unlink()
    tally = Tally(results)
    started = time.monotonic()
    run(generator, tally, count, seed)
    return 0 if report(tally, count, seed, time.monotonic() - started) else 1


if __name__ == "__main__":
    sys.exit(main())
