"""Outcomes of an evaluation in a form that compares, and where two of them differ."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Iterator

MISSING = ("missing",)


def normal(value: Any) -> tuple:
    """A tagged value as nested tuples: equal values are equal tuples."""
    if value is None:
        return ("null",)
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, str):
        return ("string", value)
    if isinstance(value, list):
        return ("array", tuple(normal(member) for member in value))
    if "n" in value:
        return ("number", number(value["n"]))
    if "s" in value:
        return ("set", tuple(sorted({normal(member) for member in value["s"]}, key=repr)))
    if "o" in value:
        pairs = {normal(key): normal(member) for key, member in value["o"]}
        return ("object", tuple(sorted(pairs.items(), key=repr)))
    return ("unknown", repr(value))


def number(text: str) -> Fraction | str:
    try:
        return Fraction(text)
    except ValueError:
        return text


def rows(outcome: dict) -> list[tuple]:
    """The rows of an outcome, in an order of their own: Rego gives them none.

    A row with bindings is its bindings: regopy lists expressions beside those of the query.
    """
    made = set()
    for row in outcome["rows"]:
        columns = row["bindings"] or enumerate(row["expressions"])
        made.add(("row", tuple(sorted((str(name), normal(value)) for name, value in columns))))
    return sorted(made, key=repr)


@dataclass(frozen=True)
class Leaf:
    """One place at which two values differ; a side that has nothing there is MISSING."""

    path: tuple
    ours: tuple
    theirs: tuple


def leaves(ours: tuple, theirs: tuple, path: tuple = ()) -> Iterator[Leaf]:
    """Where two normal values differ."""
    if ours == theirs:
        return
    if ours[0] == theirs[0] == "array" and len(ours[1]) == len(theirs[1]):
        for index, (one, other) in enumerate(zip(ours[1], theirs[1])):
            yield from leaves(one, other, path + (index,))
    elif ours[0] == theirs[0] == "object":
        left, right = dict(ours[1]), dict(theirs[1])
        for key in sorted(left.keys() | right.keys(), key=repr):
            name = key[1] if key[0] == "string" else key
            yield from leaves(left.get(key, MISSING), right.get(key, MISSING), path + (name,))
    elif ours[0] == theirs[0] == "set":
        lone, other = set(ours[1]) - set(theirs[1]), set(theirs[1]) - set(ours[1])
        if len(lone) == len(other) == 1:
            yield from leaves(lone.pop(), other.pop(), path + ("{}",))
        else:
            yield Leaf(path, ours, theirs)
    else:
        yield Leaf(path, ours, theirs)
