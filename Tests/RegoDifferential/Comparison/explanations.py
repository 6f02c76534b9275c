"""Every difference from regopy 1.5.2 that is known, with a reason. The first one that fits is counted.

An explanation is as narrow as it can be: a construct and a kind of outcome. `right` says who is right by OPA's
documentation. A difference in which OPA is with regopy has no place here: it is a bug, to be fixed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable

from difference import Difference

VALUES = ("value", "value")


@dataclass(frozen=True)
class Explanation:
    name: str
    right: str
    reason: str
    fits: Callable[[Difference], bool]


def refused(message: str, at: str) -> Callable[[Difference], bool]:
    """regopy's parser refuses a policy with a message, at a text."""
    def fits(difference: Difference) -> bool:
        found = difference.refused
        return found is not None and found[0] == message and re.search(at, found[1], re.S) is not None
    return fits


def stopped(message: str, construct: str) -> Callable[[Difference], bool]:
    """regopy's compiler ends with an error where the policy has a construct."""
    def fits(difference: Difference) -> bool:
        theirs = difference.theirs
        return (
            theirs["kind"] == "error" and theirs["code"] != "refused" and re.match(message, theirs["message"]) is not None
            and re.search(construct, difference.source, re.S) is not None)
    return fits


def differs(construct: str) -> Callable[[Difference], bool]:
    """Values (or a value and undefined) differ where the differing rules, or what they use, have a construct."""
    def fits(difference: Difference) -> bool:
        return (
            set(difference.kinds) <= {"value", "undefined"}
            and re.search(construct, difference.differing, re.S) is not None)
    return fits


def near(difference: Difference) -> bool:
    """All leaves are numbers that doubles cannot tell apart."""
    pairs = [(leaf.ours, leaf.theirs) for leaf in difference.leaves]
    return bool(pairs) and all(
        one[0] == other[0] == "number" and not isinstance(one[1], str) and not isinstance(other[1], str)
        and abs(one[1] - other[1]) <= abs(one[1]) / 2**48 for one, other in pairs)


def failing(difference: Difference) -> bool:
    """A built-in function failed, and regopy has more than we have."""
    return difference.case["failing"] != "" and set(difference.kinds) <= {"value", "undefined"}


EXPLANATIONS = [
    Explanation(
        "regopy crashes", "ours", "The process with regopy ends with a signal: it says nothing of the policy.",
        lambda difference: difference.theirs["kind"] == "crash"),
    Explanation(
        "regopy hangs", "ours", "regopy gives no answer within 20 s: it says nothing of the policy.",
        lambda difference: difference.theirs["kind"] == "hang"),
    Explanation(
        "regopy: unused variables are no error", "ours",
        "OPA 1 refuses a variable that `some` or `every` declares and nothing uses (`declared var x unused`).",
        lambda difference: difference.ours["kind"] == "error" and difference.ours["code"] == "rego_compile_error"
        and re.fullmatch(r"declared var \w+ unused", difference.ours["message"]) is not None),
    Explanation(
        "regopy: `some k, v in` within array and set comprehensions", "ours",
        "The grammar of `some` is the same in every body; regopy refuses a key in comprehensions of arrays and sets.",
        refused("Invalid collection", r"^[\[{][^|]*\| .*some \w+, \w+ in")),
    Explanation(
        "regopy: `set()` beside sets in a set", "ours",
        "A set may hold the empty set; regopy refuses the literal beside other sets at times.",
        refused("Invalid collection", r"^\{.*set\(\)")),
    Explanation(
        "regopy: sets of sets", "ours", "Sets of sets of literals are refused at times.",
        refused("Invalid collection", r"^\{\{\{")),
    Explanation(
        "regopy: `if every`", "ours", "A body without braces is one literal, and `every` is one; regopy refuses it.",
        refused("Invalid rule head", r"^if$")),
    Explanation(
        "regopy: false is undefined in queries", "ours",
        "A query that is one term gives its value, false as well; regopy calls it undefined.",
        lambda difference: difference.kinds == ("value", "undefined") and not any(
            row["bindings"] for row in difference.ours["rows"])
        and all(row["expressions"][-1] is False for row in difference.ours["rows"])),
    Explanation(
        "numbers as doubles", "ours",
        "OPA keeps integers of any size and 64 bits of fraction; regopy reckons in doubles of 53 bits.", near),
    Explanation(
        "regopy: v0 partial sets", "ours", "`p[x] { … }` makes a set in Rego v0; regopy reads it as v1 does.",
        lambda difference: difference.case["v0"] and "v0 partial set" in difference.case["constructs"]),
    Explanation(
        "regopy: failures of built-in functions", "ours",
        "A call that fails is undefined (policy-language, Errors); regopy goes on when nothing uses the result.", failing),
]
