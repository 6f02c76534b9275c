"""Every difference from regopy 1.5.2 that is known, with a reason. The first one that fits is counted.

An explanation is as narrow as it can be: a construct and a kind of outcome. `right` says who is right by OPA's
documentation. A difference in which OPA is with regopy has no place here: it is a bug, to be fixed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable

from difference import Difference
from outcomes import rows

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


OPERATORS = {
    "plus": " + ", "minus": " - ", "mul": " * ", "div": " / ", "rem": " % ", "and": " & ", "or": " | ",
    "eq": " = ", "equal": " == ", "neq": " != ", "internal.member_2": " in ", "internal.member_3": " in ",
}


def failing(difference: Difference) -> bool:
    """A built-in function failed, and the differing rules, or what they use, call it."""
    name = difference.case["failing"].split(":")[0]
    return (
        name != "" and set(difference.kinds) <= {"value", "undefined"}
        and OPERATORS.get(name, f"{name}(") in difference.differing)


def moved(difference: Difference) -> bool:
    """Both values hold the same scalars, and strings the same characters, in another order."""
    if difference.kinds != ("value", "value"):
        return False
    ours, theirs = rows(difference.ours), rows(difference.theirs)
    return sorted(scalars(("array", ours))) == sorted(scalars(("array", theirs)))


def scalars(value: tuple) -> list[str]:
    if value[0] in ("array", "set"):
        return [text for member in value[1] for text in scalars(member)]
    if value[0] in ("object", "row"):
        return [text for pair in value[1] for member in pair for text in scalars(as_value(member))]
    return ["".join(sorted(str(value[1:])))]


def as_value(member: object) -> tuple:
    return member if isinstance(member, tuple) else ("string", member)


def outer_head(difference: Difference) -> bool:
    """A comprehension's head is a variable that stands before the comprehension, in the rule or a comprehension around."""
    text = difference.differing
    for found in re.finditer(r"[\[{](?:\w+: )?([ya]\d+) \| ", text):
        if re.search(rf"\b{found[1]}\b", text[: found.start()]):
            return True
    return False


def escapes(difference: Difference) -> bool:
    """The differing rules, or what they use, have a string with a character that is written with an escape."""
    return set(difference.kinds) <= {"value", "undefined"} and (
        re.search(r'"[^"\n]*\\|`[^`\n]*[\\"][^`\n]*`', difference.differing) is not None)


def beyond_ascii(difference: Difference) -> bool:
    """Something beyond ASCII is in the case, and the differing rules map characters."""
    return differs(r"\b(upper|lower|hex\.encode)\b")(difference) and any(
        not text.isascii() for text in (difference.source, difference.case["input"], difference.case["data"]))


EXPLANATIONS = [
    Explanation(
        "regopy crashes", "unknown", "The process with regopy ends with a signal: it says nothing of the policy.",
        lambda difference: difference.theirs["kind"] == "crash"),
    Explanation(
        "regopy hangs", "unknown", "regopy gives no answer within 20 s: it says nothing of the policy.",
        lambda difference: difference.theirs["kind"] == "hang"),
    # What regopy refuses.
    Explanation(
        "unused variables are no error", "ours",
        "OPA 1 refuses a variable that `some` or `every` declares and nothing uses (`declared var x unused`).",
        lambda difference: difference.ours["kind"] == "error" and difference.ours["code"] == "rego_compile_error"
        and re.fullmatch(r"declared var \w+ unused", difference.ours["message"]) is not None),
    Explanation(
        "`some k, v in` within comprehensions of arrays and sets is refused", "ours",
        "The grammar of `some` is the same in every body.",
        refused("Invalid collection", r"^[\[{].*\| .*some \w+, \w+ in")),
    Explanation(
        "sets of sets are refused", "ours", "A set may hold sets, the empty one as well, to any depth.",
        refused("Invalid collection", r"^\{.*(set\(\)|\{)")),
    Explanation(
        "`if every` is refused", "ours", "A body without braces is one literal, and `every` is one.",
        refused("Invalid rule head", r"^if$")),
    Explanation(
        "`contains (` is refused", "ours", "What a set holds is any term, in parentheses as well.",
        lambda difference: refused("Invalid literal", r"^\w+$")(difference) and " contains (" in difference.source),
    Explanation(
        "`every x in (` is refused", "ours", "The domain is any term, in parentheses as well.",
        lambda difference: refused("Invalid literal", "")(difference)
        and re.search(r"every [\w, ]+ in \(", difference.source) is not None),
    Explanation(
        "a parenthesis on a new line is read as arguments", "ours",
        "Arguments follow a function's name without a space in OPA's grammar.",
        stopped(r"Invalid (rule reference|bracket argument)|Function not found", r"[\w\]]\n\t\(")),
    Explanation(
        "unification finds a cycle", "ours", "There is none: each variable is bound once, from left to right or back.",
        stopped("Unable to unify due to cycle", r" = |\] := |import data|[\[{][^\n]* \| ")),
    Explanation(
        "escapes that are refused", "ours", "`upper` of an escaped character makes another escape in regopy, and no string.",
        stopped("Invalid escape sequence", r'"[^"\n]*\\')),
    Explanation(
        "sprintf that fails within a collection", "ours", "Big integers are printed; regopy's failure becomes a member.",
        stopped("Not a term", r"\bsprintf\(")),
    Explanation(
        "a built-in function replaced by a function that calls it", "ours",
        "Within the replacement the built-in function is itself (policy-language, With Keyword).",
        stopped("functions must not produce multiple outputs", r" with upper as [\w.]+")),
    Explanation(
        "equal pairs conflict in comprehensions of objects", "ours",
        "A key may be given twice with equal values (policy-language, Object Comprehensions).",
        stopped("object keys must be unique", r"\{\w+: [^|\n]+ \| ")),
    Explanation(
        "`some k, v in` a scalar is refused", "ours", "`some k, v in false` is undefined.",
        stopped("Invalid scan source", r" in (false|true|-?\d|\"|`)")),
    Explanation(
        "errors in rules that a query does not need", "ours",
        "OPA compiles a policy whole; regopy looks at the rules that a query needs.",
        lambda difference: difference.ours.get("code") in ("rego_type_error", "rego_recursion_error")
        and difference.theirs["kind"] in ("value", "undefined") and difference.case["query"] != "data.t"
        and re.search(r"\b(wrong|again)\b", difference.differing) is None),
    Explanation(
        "v0 partial sets", "ours", "`p[x] { … }` makes a set in Rego v0; regopy reads it as v1 does.",
        lambda difference: difference.case["v0"] and "v0 partial set" in difference.case["constructs"]),
    # What regopy evaluates otherwise.
    Explanation(
        "false is undefined in queries", "ours", "A query that is one term gives its value, false as well.",
        lambda difference: difference.kinds == ("value", "undefined") and not any(
            row["bindings"] for row in difference.ours["rows"])
        and all(row["expressions"][-1] is False for row in difference.ours["rows"])),
    Explanation(
        "numbers as doubles", "ours",
        "OPA keeps integers of any size and 64 bits of fraction; regopy reckons in doubles of 53 bits.", near),
    Explanation(
        "failures of built-in functions", "ours",
        "A call that fails is undefined (policy-language, Errors); regopy goes on when nothing uses the result, and"
        " writes the failure into collections.",
        failing),
    Explanation(
        "escapes in strings", "ours",
        "`\"\\n\"` is one character; regopy takes it for two, and adds some to raw strings.", escapes),
    Explanation(
        "characters beyond ASCII", "ours", "`upper`, `lower` and `hex.encode` know UTF-8 in OPA, only ASCII in regopy.",
        beyond_ascii),
    Explanation(
        "urlquery.encode", "ours", "A space is `+`, as in Go's `url.QueryEscape`, which OPA calls.",
        differs(r"urlquery\.encode\(")),
    Explanation(
        "a minus on a new line", "ours",
        "White space ends no expression in OPA's grammar: `a\n-1 < b` is `a - 1 < b`; regopy reads two expressions.",
        differs(r"\n\t-\d")),
    Explanation(
        "json.patch of a scalar", "ours",
        "A patch that cannot be applied leaves the call undefined; regopy goes on when nothing uses the result.",
        differs(r"json\.patch\((-?\d|\"|`|true|false)")),
    Explanation(
        "comprehensions within a pattern", "ours",
        "A comprehension in a collection is a value like others; regopy does not unify it at times.",
        lambda difference: difference.kinds == VALUES and differs(r"[\]}] = [\[{][^\n]* \| ")(difference)),
    Explanation(
        "remainders", "ours", "640 % 6 is 4; regopy says 2, and errs for other multiples of powers of two.",
        differs(r" % ")),
    Explanation(
        "variables of an array pattern within comprehensions", "ours",
        "`[x, y] := [1, 2]` binds both for the rest of the body; in regopy a comprehension that uses them is empty.",
        lambda difference: difference.kinds == VALUES
        and differs(r"\[\w+, \w+\] := .*[\[{][^\n]* \| |[\[{][^\n]* \| [^\n]*\[\w+, \w+\] := ")(difference)),
    Explanation(
        "defaults that are no constants are no error", "ours",
        "The value of a default is a constant, a comprehension or a call (policy-language, Default Keyword).",
        lambda difference: difference.ours.get("message", "").startswith("illegal default rule")),
    Explanation(
        "order of sets and objects", "ours",
        "Iteration is in the order of values; regopy iterates as the policy was written.", moved),
    Explanation(
        "text of numbers", "ours",
        "A number's text is as it was written (`1e10`, `3.0`); regopy writes what its double gives.",
        lambda difference: differs(r"\d(\.\d+)?e-?\d|\d\.0\b")(difference)
        and differs(r"\$\"|\b(sprintf|json\.marshal|concat)\(")(difference)),
    Explanation(
        "false comparisons within terms", "ours",
        "A comparison within a term is the boolean it gives; in regopy one that is false makes the term undefined.",
        lambda difference: difference.kinds == VALUES
        and differs(r"[\[{(:,] ?\(.* (==|!=|<|<=|>|>=) ")(difference)),
    Explanation(
        "order of numbers and of mixed types in min, max and sort", "ours",
        "Numbers are ordered by value and types by rank; regopy orders texts, and sorts sets into sets.",
        differs(r"\b(min|max|sort)\(")),
    Explanation(
        "order over mixed types and of collections", "ours",
        "Values of all types have an order (policy-reference, Comparison); regopy has one for scalars of one type.",
        lambda difference: differs(r" (<|<=|>|>=) ")(difference)
        and {"order over mixed types", "order of collections", "term of the wrong type"} & set(difference.case["constructs"])
        != set()),
    Explanation(
        "precedence of set operators", "ours", "In OPA's grammar `-` binds tighter than `&`, and `&` tighter than `|`.",
        differs(r"\([^()|&]* - [^()|&]* & |\([^()|&]* \| [^()|&]* - ")),
    Explanation(
        "sprintf", "ours", "regopy puts quotes around strings that were computed, and knows `%x` and `%05d` otherwise.",
        differs(r"\bsprintf\(")),
    Explanation(
        "semver.compare", "ours", "Versions compare number by number, then by what stands behind the hyphen.",
        differs(r"\bsemver\.compare\(")),
    Explanation(
        "json.marshal", "ours",
        "Members of sets are in order, and `<`, `>` and `&` are escaped as Go's encoder does; regopy does neither, and"
        " fails for what `split` gives.",
        differs(r"\bjson\.marshal\(")),
    Explanation(
        "json.remove of a path through a scalar", "ours", "`b/c` removes nothing where `b` is no object.",
        differs(r"\bjson\.remove\(.*b/c")),
    Explanation(
        "format_int", "ours", "There is no zero before the digits, and a sign before negative numbers.",
        differs(r"\bformat_int\(")),
    Explanation(
        "bits of big integers", "ours", "Integers have any size; regopy's bit functions know 64 bits.",
        lambda difference: differs(r"\bbits\.\w+\(")(difference) and "big integer" in difference.case["constructs"]),
    Explanation(
        "comprehensions in heads", "ours",
        "A comprehension in a head sees the variables of the body; in regopy it is empty.",
        lambda difference: difference.kinds == VALUES
        and differs(r"(:=|=|contains) [^\n]*[\[{][^\n]* \| [^\n]*(if|\{)\n")(difference)),
    Explanation(
        "comprehensions whose head is an outer variable", "ours",
        "`[x | y := xs[_]]` has x once for each y; in regopy it is empty.",
        lambda difference: difference.kinds == VALUES and outer_head(difference)),
    Explanation(
        "object.union of nested objects", "ours",
        "Objects under one key are merged (policy-reference, Objects); regopy takes the right one.",
        lambda difference: difference.kinds == VALUES and differs(r"object\.union(_n)?\(")(difference)),
    Explanation(
        "unsafe variables are no error", "ours", "OPA refuses a variable that nothing binds; in regopy it is undefined.",
        lambda difference: difference.ours["kind"] == "error" and difference.ours["code"] == "rego_unsafe_var_error"),
]
