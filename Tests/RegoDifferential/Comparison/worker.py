"""Evaluates cases with regopy: one line of JSON in, one line of JSON out. Run by `compare.py`, which outlives it."""

import json
import os
import sys

from regopy import rego_shared as rego

KINDS = {kind.value: kind.name for kind in rego.NodeKind}


def tagged(node) -> object:
    """A value as the generator writes values: numbers, sets and objects keep their kind."""
    kind = KINDS.get(rego.rego.regoNodeType(node), "?")
    if kind in ("Term", "Scalar"):
        return tagged(rego.rego_node_get(node, 0))
    members = [rego.rego_node_get(node, index) for index in range(rego.rego_node_size(node))]
    if kind == "Array":
        return [tagged(member) for member in members]
    if kind == "Set":
        return {"s": [tagged(member) for member in members]}
    if kind == "Object":
        return {"o": [[tagged(rego.rego_node_get(item, side)) for side in (0, 1)] for item in members]}
    if kind in ("Int", "Float"):
        return {"n": rego.rego_node_value(node)}
    if kind == "String":
        # As JSON: the value itself has quotes or not, depending on what made the string.
        return json.loads(rego.rego_node_json(node), strict=False)
    if kind in ("True_", "False_"):
        return kind == "True_"
    return None if kind == "Null" else {"unknown": kind}


def error_of(node) -> dict:
    """The first error of a tree of errors."""
    fields = {"kind": "error", "code": "", "message": ""}
    kind = KINDS.get(rego.rego.regoNodeType(node), "?")
    if kind == "ErrorSeq" and rego.rego_node_size(node):
        return error_of(rego.rego_node_get(node, 0))
    if kind == "Error":
        for index in range(rego.rego_node_size(node)):
            part = rego.rego_node_get(node, index)
            name = KINDS.get(rego.rego.regoNodeType(part), "?")
            if name in ("ErrorMessage", "ErrorCode"):
                fields["code" if name == "ErrorCode" else "message"] = rego.rego_node_value(part)
    return fields


def binding_of(node) -> list:
    name, value = rego.rego_node_get(node, 0), rego.rego_node_get(node, 1)
    return [rego.rego_node_value(name), tagged(value)]


def row_of(node) -> dict:
    terms, bindings = rego.rego_node_get(node, 0), rego.rego_node_get(node, 1)
    return {
        "expressions": [tagged(rego.rego_node_get(terms, i)) for i in range(rego.rego_node_size(terms))],
        "bindings": [binding_of(rego.rego_node_get(bindings, i)) for i in range(rego.rego_node_size(bindings))],
    }


def outcome(output) -> dict:
    root = rego.rego_output_node(output)
    kind = KINDS.get(rego.rego.regoNodeType(root), "?")
    if kind == "Undefined":
        return {"kind": "undefined"}
    if kind == "Results":
        rows = [row_of(rego.rego_node_get(root, index)) for index in range(rego.rego_node_size(root))]
        return {"kind": "value", "rows": rows} if rows else {"kind": "undefined"}
    return error_of(root)


def evaluate(case: dict) -> dict:
    interpreter = rego.rego_new()
    try:
        rego.rego_set_log_level(interpreter, rego.rego_log_level_from_string("None"))
        for index, source in enumerate(case["modules"]):
            rego.rego_add_module(interpreter, f"m{index}.rego", source)
        rego.rego_add_data_json(interpreter, case["data"])
        rego.rego_set_input_term(interpreter, case["input"])
        output = rego.rego_query(interpreter, case["query"])
        try:
            return outcome(output)
        finally:
            rego.rego_free_output(output)
    except rego.RegoError as error:
        return {"kind": "error", "code": "refused", "message": str(error)[:400]}
    finally:
        rego.rego_free(interpreter)


def main() -> None:
    # The library prints on standard output: answers go where it does not write.
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    for line in sys.stdin:
        answers.write(json.dumps(evaluate(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
