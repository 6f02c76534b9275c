"""Decides with regopy: worker POLICY DATA ENTRY. The policy is built once, as a bundle. Each line of standard input is a
JSON list of inputs, as JSON text; each is answered by a line with rate, p50 and decisions. The first line is for trying
the ways to hand over an input: the quickest one is named and kept.
"""

import json
import sys
import time

from regopy import Input, Interpreter


def main():
    policy, data, entry = sys.argv[1:]
    builder = Interpreter()
    with open(data) as file:
        builder.add_data_json(file.read())
    with open(policy) as file:
        builder.add_module(policy, file.read())
    bundle = builder.build(None, [entry])
    runner = Interpreter()

    def decide(text, is_term):
        # Either regopy's own parser reads the text, or Python's does, and the value is handed over.
        if is_term:
            runner.set_input_term(text)
        else:
            runner.set_input(Input(json.loads(text)))
        return str(runner.query_bundle_entrypoint(bundle, entry))

    def measure(inputs, is_term):
        answers, times, used = [], [], time.process_time()
        for text in inputs:
            begin = time.monotonic()
            answers.append(decide(text, is_term))
            times.append(time.monotonic() - begin)
        used = time.process_time() - used
        times.sort()
        return {"perSecond": len(times) / used, "p50Us": times[len(times) // 2] * 1e6}, answers

    trial = json.loads(sys.stdin.readline())
    rates = {is_term: max(measure(trial, is_term)[0]["perSecond"] for _ in range(2)) for is_term in (True, False)}
    is_term = rates[True] > rates[False]
    answer({"way": "bundle, set_input_term" if is_term else "bundle, json.loads and set_input"})
    for line in sys.stdin:
        result, answers = measure(json.loads(line), is_term)
        answer({**result, "decisions": [decision(text) for text in answers]})


def decision(text):
    """The value; None when it is undefined."""
    return None if text == "undefined" else json.loads(text)["expressions"][0]


def answer(value):
    print(json.dumps(value), flush=True)


main()
