"""Results: what one measurement says, and how it is printed and kept."""

import json
import os
import statistics
from dataclasses import dataclass, field


@dataclass
class Result:
    """One figure with the goal that an issue set for it; None where none was set."""

    id: str
    value: float
    unit: str
    better: str
    goal: float | None
    samples: int
    detail: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)

    @property
    def is_met(self):
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


def spread(values):
    """Median, quartiles, extremes and the samples themselves, in the order in which they were taken."""
    first, middle, third = statistics.quantiles(values, n=4, method="inclusive")
    return {
        "median": round(middle, 3), "quartiles": [round(first, 3), round(third, 3)],
        "range": [round(min(values), 3), round(max(values), 3)], "samples": [round(value, 3) for value in values],
    }


def ratio(id, better, goal, above, below, detail):
    """The ratio of two interleaved series: median over median; the spread is that of the pairs' own ratios."""
    pairs = [a / b for a, b in zip(above, below)]
    value = statistics.median(above) / statistics.median(below)
    return Result(id, value, "ratio", better, goal, len(pairs), {"ratios": spread(pairs), **detail})


def single(id, unit, goal, values, detail):
    """One series of which less is better: its median."""
    return Result(id, statistics.median(values), unit, "lower", goal, len(values), {"values": spread(values), **detail})


def commit(root):
    """The commit that is checked out, without asking git."""
    try:
        with open(os.path.join(root, ".git", "HEAD")) as file:
            head = file.read().strip()
        if not head.startswith("ref: "):
            return head
        name = head[5:]
        path = os.path.join(root, ".git", name)
        if os.path.exists(path):
            with open(path) as file:
                return file.read().strip()
        with open(os.path.join(root, ".git", "packed-refs")) as file:
            return next(line.split()[0] for line in file if line.rstrip().endswith(f" {name}"))
    except (OSError, StopIteration):
        return "unknown"


def write(results, machine, revision, path):
    """Writes results.json; each detail names the commit and, when there was a deployment, its accelerator."""
    context = {name: machine[name] for name in ("accelerator", "technology") if name in machine}
    context["commit"] = revision
    entries = []
    for result in results:
        result.detail.update(context)
        entries.append({
            "id": result.id, "value": round(result.value, 3), "unit": result.unit, "better": result.better,
            "goal": result.goal, "samples": result.samples, "detail": result.detail,
        })
    with open(path + ".new", "w") as file:
        json.dump(entries, file, indent=2)
        file.write("\n")
    os.replace(path + ".new", path)


def table(results):
    """The results for people, with accelerator and commit below."""
    rows = [["id", "value", "quartiles", "goal", "samples", ""]]
    for result in results:
        low, high = result.detail.get("ratios", result.detail.get("values"))["quartiles"]
        sign = "<=" if result.better == "lower" else ">="
        rows.append([
            result.id, f"{result.value:.2f} {result.unit}", f"{low:.2f} to {high:.2f}",
            "none" if result.goal is None else f"{sign} {result.goal:g}", str(result.samples),
            "" if result.goal is None else "met" if result.is_met else "MISSED",
        ])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines += [f"{result.id}: {note}" for result in results for note in result.notes]
    if results:
        names = ("accelerator", "technology", "commit")
        lines.append(", ".join(f"{name} {results[0].detail[name]}" for name in names if name in results[0].detail))
    return "\n".join(lines)
