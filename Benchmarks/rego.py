"""Rego: decisions on one core beside regopy (rego-cpp) in the same run, and how long policies take to compile."""

import functools
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass

import rego_inputs
import report
from deployment import progress, run

REGOPY = "1.5.2"
ROUNDS = 7
# Ours are quick: so many, that a round takes about as long as one of regopy's.
DECISIONS, WARM_UP = 4000, 200
SAMPLES = {"snp": 300, "kata": 40}
CORPUS = 4


@dataclass
class Case:
    """A policy, the query that decides, and what makes its inputs."""

    name: str
    policy: str
    entry: str
    make: callable

    @property
    def query(self):
        return "data." + self.entry.replace("/", ".")


CASES = [
    Case("snp", "attestation.rego", "policy/trust_claims", rego_inputs.attestation),
    Case("kata", "agent.rego", "agent_policy/CreateContainerRequest", rego_inputs.agent),
]


class Bench:
    """The program that measures ours, and the files that both sides read."""

    def __init__(self, root):
        self.root, self.folder = root, os.path.join(root, ".build", "bench", "rego")
        self.program = os.path.join(root, ".build", "release", "rego-bench")
        os.makedirs(self.folder, exist_ok=True)
        progress("building rego-bench in release")
        run(["swift", "build", "-c", "release", "--product", "rego-bench", "--package-path", root])
        with open(self.path("data.json"), "w") as file:
            json.dump(rego_inputs.REFERENCES, file)
        for case in CASES:
            rego_inputs.write(case.make, WARM_UP + DECISIONS, self.path(f"{case.name}.jsonl"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def policy(self, case):
        return os.path.join(self.root, "Benchmarks", "Rego", case.policy)

    def ours(self, case):
        """A round of ours: rate, p50, p99 and allocations; the decisions are left in a file."""
        return json.loads(run([
            self.program, "decide", self.policy(case), self.path("data.json"), case.query,
            self.path(f"{case.name}.jsonl"), self.path(f"{case.name}.decisions")]))

    def decisions(self, case):
        """What ours decided for the inputs after those for warming up."""
        with open(self.path(f"{case.name}.decisions")) as file:
            return [json.loads(line) if line.strip() else None for line in file]

    def inputs(self, case):
        """The same inputs as text."""
        with open(self.path(f"{case.name}.jsonl")) as file:
            return file.read().splitlines()[WARM_UP:]


@functools.cache
def built(root):
    """The program and the files, made once."""
    return Bench(root)


def alone(root):
    """Ours alone: p50 of the attestation policy, and compilation."""
    bench = built(root)
    rounds = [bench.ours(CASES[0]) for _ in range(ROUNDS)]
    decided = report.single("rego.snp_p50_us", "us", 20, [entry["p50Us"] for entry in rounds], {
        "what": "JSON bytes to JSON result, attestation policy, one core, median of each round", **medians(rounds)})
    decided.notes.append(describe("snp", rounds))
    return [decided, compilation(bench)]


def compilation(bench):
    """The agent policy several times, as packages of their own: parsed, checked and compiled together."""
    files = []
    with open(bench.policy(CASES[1])) as file:
        source = file.read()
    for number in range(CORPUS):
        files.append(bench.path(f"agent-{number}.rego"))
        with open(files[-1], "w") as file:
            file.write(source.replace("package agent_policy", f"package agent_policy_{number}"))
    taken = json.loads(run([bench.program, "compile", "30", *files]))
    times = [value * 1000 / taken["lines"] for value in taken["milliseconds"]]
    return report.single("rego.compile_ms_per_kloc", "ms", None, times, {
        "what": "parse, check and compile, in ms of processor time per 1,000 lines", "lines": taken["lines"]})


def beside(root):
    """Rounds of ours and of regopy in turn; the goal holds for the smaller of the two ratios."""
    bench = built(root)
    python = install(bench)
    results = []
    for case in CASES:
        other = Other(bench, python, case)
        with other:
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(bench.ours(case))
                theirs.append(other.round(SAMPLES[case.name]))
        agree(case, bench.decisions(case), other.decisions)
        result = report.ratio(
            "rego.over_regopy", "higher", 20, [entry["perSecond"] for entry in ours],
            [entry["perSecond"] for entry in theirs], {
                "what": f"decisions per second of processor time over regopy {REGOPY}, {case.policy}", "policy": case.name,
                "regopyPerSecond": statistics.median(entry["perSecond"] for entry in theirs),
                "regopyP50Us": statistics.median(entry["p50Us"] for entry in theirs),
                "regopyWay": other.way, "sameDecisions": len(other.decisions), **medians(ours)})
        result.notes.append(f"{case.name} {result.value:.1f} times regopy ({other.way}); {describe(case.name, ours)}")
        results.append(result)
    smallest = min(results, key=lambda result: result.value)
    smallest.notes = [note for result in results for note in result.notes]
    smallest.detail["ratioByPolicy"] = {result.detail["policy"]: round(result.value, 3) for result in results}
    return [smallest]


class Other:
    """regopy in a process of its own, which compiles once and then answers rounds."""

    def __init__(self, bench, python, case):
        self.inputs, self.done, self.decisions = bench.inputs(case), 0, []
        worker = os.path.join(bench.root, "Benchmarks", "regopy_worker.py")
        self.words = [python, worker, bench.policy(case), bench.path("data.json"), case.entry]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # It tries its ways to take an input, and says which was the quickest.
        self.way = self.ask(self.inputs[-20:])["way"]
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, inputs):
        self.process.stdin.write(json.dumps(inputs) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"regopy ended with {self.process.wait()}")
        return json.loads(answer)

    def round(self, count):
        """The next inputs, each once."""
        answer = self.ask(self.inputs[self.done:self.done + count])
        self.done += count
        self.decisions += answer.pop("decisions")
        return answer


def agree(case, ours, theirs):
    """Fails unless both decided alike."""
    for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        if one != other:
            raise RuntimeError(f"{case.name}, input {number}: {one} here, {other} from regopy")


def install(bench):
    """The interpreter that has regopy: the environment, and the pinned requirements, of scripts/differential."""
    folder = os.path.join(bench.root, ".build", "differential", "venv")
    python = os.path.join(folder, "bin", "python")
    check = [python, "-c", f"import regopy; assert regopy.__version__ == {REGOPY!r}"]
    if not os.path.exists(python) or subprocess.run(check, capture_output=True).returncode:
        progress(f"installing regopy {REGOPY}")
        run([sys.executable, "-m", "venv", "--clear", folder])
        requirements = os.path.join(bench.root, "Tests", "RegoDifferential", "Comparison", "requirements.txt")
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r",
             requirements])
    return python


def medians(rounds):
    """The medians of what rounds of ours say."""
    return {key: round(statistics.median(entry[key] for entry in rounds), 3) for key in rounds[0]}


def describe(name, rounds):
    """The same for people."""
    of = medians(rounds)
    return (f"{name} {of['perSecond']:.0f}/s, p50 {of['p50Us']:.1f} us, p99 {of['p99Us']:.1f} us, "
            f"{of['allocations']:.0f} allocations of {of['bytes'] / 1024:.1f} KiB per decision")
