"""A case on which two implementations may differ, and what explanations ask about it."""

from __future__ import annotations

import json
import re
from functools import cached_property

from outcomes import Leaf, leaves, rows


class Difference:
    """A case with both outcomes."""

    def __init__(self, case: dict, theirs: dict) -> None:
        self.case = case
        self.ours: dict = case["ours"]
        self.theirs = theirs

    @property
    def kinds(self) -> tuple[str, str]:
        return self.ours["kind"], self.theirs["kind"]

    @cached_property
    def is_none(self) -> bool:
        """Equal rows, or both undefined, or both an error of the same class."""
        ours, theirs = self.kinds
        if ours != theirs:
            return False
        if ours == "value":
            return rows(self.ours) == rows(self.theirs)
        return ours == "undefined" or error_class(self.ours["code"]) == error_class(self.theirs.get("code", ""))

    @cached_property
    def source(self) -> str:
        return "\n\n".join(self.case["modules"]) + "\n" + self.case["query"]

    @cached_property
    def leaves(self) -> list[Leaf]:
        """Where the values differ; none unless both gave as many rows."""
        if self.kinds != ("value", "value"):
            return []
        ours, theirs = rows(self.ours), rows(self.theirs)
        if len(ours) != len(theirs):
            return []
        return [leaf for one, other in zip(ours, theirs) for leaf in leaves(as_object(one), as_object(other))]

    @cached_property
    def differing(self) -> str:
        """The text of the rules whose values differ and of all that they refer to; every rule when that is unclear."""
        asked = re.search(r"data\.t\.(\w+)", self.case["query"])
        if asked:
            names = {asked[1]}
        else:
            names = {leaf.path[1] for leaf in self.leaves if len(leaf.path) > 1 and isinstance(leaf.path[1], str)}
        return self.closure(names) if names else self.source

    def closure(self, names: set[str]) -> str:
        rules: dict[str, list[str]] = {}
        for module in self.case["modules"]:
            for text in module.split("\n\n"):
                head = re.match(r"(?:default )?(\w+)", text)
                if head and head[1] not in ("package", "import"):
                    rules.setdefault(head[1], []).append(text)
        found: dict[str, str] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in rules and name not in found:
                found[name] = "\n\n".join(rules[name])
                waiting += re.findall(r"\w+", found[name])
        return "\n\n".join(found.values())

    @cached_property
    def refused(self) -> tuple[str, str] | None:
        """What regopy's parser says, and the text that it says it of."""
        if self.theirs.get("code") != "refused":
            return None
        message = re.search(r"errormsg \d+:([^)]*)\)", self.theirs["message"])
        place = re.search(r"m(\d+)\.rego\|(\d+)\|(\d+)", self.theirs["message"])
        if not message or not place:
            return self.theirs["message"], ""
        source = self.case["modules"][int(place[1])].encode()
        start = int(place[2])
        return message[1], source[start : start + int(place[3])].decode(errors="replace")

    @property
    def text(self) -> str:
        """The whole case, to be read."""
        lines = [f"case {self.case['number']}{' (v0)' if self.case['v0'] else ''}, query: {self.case['query']}"]
        lines += ["--- module", *"\n--- module\n".join(self.case["modules"]).strip().splitlines()]
        lines += ["--- input", self.case["input"], "--- data", self.case["data"]]
        lines += [f"--- ours:   {json.dumps(self.ours)}", f"--- regopy: {json.dumps(self.theirs)}"]
        return "\n".join(lines)


def error_class(code: str) -> str:
    """Errors of evaluation by their code; all that is said of a policy before it is evaluated is one class.

    The two give such errors other codes and find them in other stages.
    """
    return code if code.startswith("eval_") else "compile"


def as_object(row: tuple) -> tuple:
    """A row as a value whose paths are `(column, …)`."""
    _, values = row
    return ("object", tuple((("string", name), value) for name, value in values))
