"""Optimize the graph: what each level does to the nodes, where the time goes, and what a comparison says."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import permutations

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    failed_as,
    function_question,
    passed,
    prediction,
)
from grading.checkpoints.model.lesson_12 import ROUNDING, difference_from_torch
from labs.display.format import times
from labs.records import Records

#: The five levels' names as options.
_OPTIONS = ("onnx-disabled", "onnx-basic", "onnx-extended", "onnx-layout", "onnx-all")

_BASELINE = {"kind": "latency", "option": "onnx-disabled"}
_RACE = {"kind": "latency", "option": "onnx-layout"}


@prediction(
    "m.graph.speedup_guess",
    about={"kind": "latency", "option": "onnx-all"},
    title="Predict how many times as fast the fully optimized graph answers",
    between=(0.05, 100),
    show=times,
)
def optimized_speedup(records: Records) -> float | None:
    """Return how many times shorter the median latency is with all optimizations than with none, side by side."""
    run = records.comparison("onnx-all", "onnx-disabled")
    return None if run is None else 1 / run.ratio("onnx-all", "onnx-disabled").interval.value


def _graphs(random: np.random.Generator) -> list[tuple]:
    names = ["Conv", "BatchNormalization", "Clip", "Add", "Reshape", "com.microsoft:FusedConv"]
    cases = []
    for kept, came in ((6, 2), (4, 3), (5, 0), (3, 3)):
        before = {name: int(random.integers(1, 60)) for name in names[:kept]}
        after = {name: max(count - int(random.integers(0, 20)), 1) for name, count in list(before.items())[1:]}
        after[names[1]] = before[names[1]]  # stays the same
        after |= {f"new:{place}": int(random.integers(1, 30)) for place in range(came)}
        cases.append((before, after))
    return [*cases, (cases[0][0], cases[0][0]), (cases[1][1], cases[1][0])]


@function_question(
    "m.graph.changes",
    points=2,
    title="Say what an optimization did to the operators",
    hints=(
        "Go through the names of both dictionaries; `.get(name, 0)` gives 0 for one that a graph lacks.",
        "`{op: after.get(op, 0) - before.get(op, 0) for op in {*before, *after}}`, without the zeros.",
    ),
    cases=_graphs,
    needs=(_BASELINE,),
    mistakes=(
        Mistake(
            "turned", lambda before, after: changes(after, before), "Turned around: operators that went count negative."
        ),
        Mistake(
            "zeros kept",
            lambda before, after: {op: after.get(op, 0) - before.get(op, 0) for op in {*before, *after}},
            "Operators that stayed the same are to be left out.",
        ),
        Mistake(
            "new ones missing",
            lambda before, after: {op: change for op, change in changes(before, after).items() if op in before},
            "Operators that are new in `after` are missing.",
        ),
        Mistake(
            "gone ones missing",
            lambda before, after: {op: change for op, change in changes(before, after).items() if op in after},
            "Operators of which none is left are missing.",
        ),
        Mistake(
            "Counter",
            lambda before, after: dict(Counter(after) - Counter(before)),
            "Subtracting Counters keeps what is above zero only: use `.get`, or `Counter.subtract`.",
        ),
    ),
    right="That is how two graphs are compared before anybody looks at a clock.",
)
def changes(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Return the change of each operator whose number changed."""
    found = {op: after.get(op, 0) - before.get(op, 0) for op in {*before, *after}}
    return {op: change for op, change in found.items() if change}


def inspect_optimized(path) -> dict:
    """Return the operators of a file, and how far its logits are from PyTorch's."""
    import onnx

    nodes = onnx.load(path).graph.node
    operators = Counter(f"{node.domain}:{node.op_type}".lstrip(":") for node in nodes)
    return {"operators": dict(operators), "max_abs_diff": difference_from_torch(path)}


_MERGED = {"com.microsoft:FusedConv": 35, "Conv": 17, "Add": 10, "ReduceMean": 1, "Reshape": 1, "Gemm": 1}


@artefact_question(
    "m.graph.file",
    points=3,
    title="Write an optimized file that any machine may load",
    hints=(
        "Which level is the last that looks at the graph alone, and not at the processor?",
        "`optimize_graph(onnx_path, level, offline_path)`, with the last level before the layout changes.",
    ),
    inspect=inspect_optimized,
    mistakes={
        "layout": "There are `nchwc` operators in it: their layout fits this processor, and perhaps no other.",
        "not_merged": "No nodes were merged: this level leaves activations as nodes of their own. One more is safe.",
        "another_model": "The logits are not those of the course's model.",
    },
    examples={
        "good": {"operators": _MERGED, "max_abs_diff": 4e-6},
        "layout": {"operators": {"com.microsoft.nchwc:Conv": 52, "Gemm": 1}, "max_abs_diff": 4e-6},
        "not_merged": {"operators": {"Conv": 52, "Clip": 35, "Add": 10}, "max_abs_diff": 4e-6},
        "another_model": {"operators": _MERGED, "max_abs_diff": 0.3},
    },
)
def optimized_file(facts: dict, records: Records) -> Verdict:
    """Judge that activations are merged, no layout of this processor is in it, and that it is the same model."""
    operators = facts["operators"]
    if any("nchwc" in name for name in operators):
        return failed_as("layout", yours=_listed(operators))
    if not any(name.startswith("com.microsoft:Fused") for name in operators):
        return failed_as("not_merged", yours=_listed(operators))
    if not facts["max_abs_diff"] <= ROUNDING:
        return failed_as("another_model", yours=f"largest difference {facts['max_abs_diff']:.2g}")
    return passed("Merged as far as any processor goes, and still the same model.", yours=_listed(operators))


def _listed(operators: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in operators.items())


def _profiles(random: np.random.Generator) -> list[tuple]:
    cases = []
    for runs, nodes in ((1, ("Conv", "Clip", "Conv")), (3, ("Conv", "Clip", "Gemm", "Conv")), (4, ("Conv", "Add"))):
        events = [{"cat": "Session", "name": "session_initialization", "dur": int(random.integers(1e4, 1e5))}]
        for _ in range(runs):
            took = [int(random.integers(5, 900)) for _ in nodes]
            events += [
                {"cat": "Node", "name": f"node_{place}_kernel_time", "dur": dur, "args": {"op_name": operator}}
                for place, (operator, dur) in enumerate(zip(nodes, took, strict=True))
            ]
            events.append({"cat": "Session", "name": "SequentialExecutor::Execute", "dur": sum(took) + 5})
            events.append({"cat": "Session", "name": "model_run", "dur": sum(took) + 20})
        cases.append((events,))
    return cases


def _totals(events: list[dict], key) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for event in events:
        if event["cat"] == "Node":
            found[key(event)] += event["dur"]
    return dict(found)


def _runs(events: list[dict]) -> int:
    return sum(event["name"] == "model_run" for event in events)


@function_question(
    "m.graph.time_by_operator",
    points=3,
    title="Read a profile: the time of each operator",
    hints=(
        "Add up `dur` of the Node events by operator, then divide by the number of runs. Which unit is left?",
        '`found[event["args"]["op_name"]] += event["dur"] * 1e-6 / runs`, with `runs` the events named "model_run".',
    ),
    cases=_profiles,
    needs=(_BASELINE,),
    mistakes=(
        Mistake(
            "microseconds",
            lambda events: {op: 1e6 * seconds for op, seconds in time_by_operator(events).items()},
            "These are microseconds; seconds are asked for.",
        ),
        Mistake(
            "milliseconds",
            lambda events: {op: 1e3 * seconds for op, seconds in time_by_operator(events).items()},
            "These are milliseconds; seconds are asked for.",
        ),
        Mistake(
            "all runs",
            lambda events: {op: total * 1e-6 for op, total in _totals(events, lambda e: e["args"]["op_name"]).items()},
            "This is the time of all runs together: divide by their number.",
        ),
        Mistake(
            "nodes",
            lambda events: {
                name: total * 1e-6 / _runs(events) for name, total in _totals(events, lambda e: e["name"]).items()
            },
            "These are single nodes. Add up all that have the same `op_name`.",
        ),
        Mistake(
            "mean of a node",
            lambda events: {
                op: total * 1e-6 / sum(e["cat"] == "Node" and e["args"]["op_name"] == op for e in events)
                for op, total in _totals(events, lambda e: e["args"]["op_name"]).items()
            },
            "This is the mean of one node. A run has many nodes of an operator: divide by the runs, not by the nodes.",
        ),
    ),
    right="Whoever wants to make this model faster knows now where to begin.",
)
def time_by_operator(events: list[dict]) -> dict[str, float]:
    """Return the mean seconds of one run by operator."""
    found: dict[str, float] = defaultdict(float)
    runs = sum(event["name"] == "model_run" for event in events)
    for event in events:
        if event["cat"] == "Node":
            found[event["args"]["op_name"]] += event["dur"] * 1e-6 / runs
    return dict(found)


def _intervals(random: np.random.Generator) -> list[tuple]:
    middles, halves = random.uniform(0.9, 1.1, 4), random.uniform(0.01, 0.1, 4)
    drawn = [(float(middle - half), float(middle + half)) for middle, half in zip(middles, halves, strict=True)]
    return [*drawn, (0.42, 0.47), (1.31, 1.52), (0.93, 0.99), (1.01, 1.04), (0.97, 1.01), (0.96, 1.0), (1.0, 1.05)]


def _own_intervals(records: Records) -> list[tuple]:
    run = records.comparison(*_OPTIONS)
    found = [run.ratio(one, other).interval for one, other in permutations(_OPTIONS, 2)]
    return [(interval.low, interval.high) for interval in found]


def _by_the_middle(low: float, high: float) -> str:
    return "faster" if (low + high) / 2 < 1 else "slower"


@function_question(
    "m.graph.claim",
    points=2,
    title="Say what an interval of a ratio allows to be said",
    hints=(
        "Where does 1 lie: above the whole interval, below it, or inside?",
        '`"faster" if high < 1 else "slower" if low > 1 else "cannot tell"`.',
    ),
    cases=_intervals,
    own=_own_intervals,
    needs=(_RACE,),
    mistakes=(
        Mistake("middle", _by_the_middle, "An interval that holds 1 allows neither: what was measured may be noise."),
        Mistake(
            "touching",
            lambda low, high: "faster" if high <= 1 else "slower" if low >= 1 else "cannot tell",
            "An interval that ends at 1 still holds it.",
        ),
        Mistake(
            "turned",
            lambda low, high: "slower" if high < 1 else "faster" if low > 1 else "cannot tell",
            "Turned around: these are ratios of times, and less time is faster.",
        ),
    ),
    right="And nothing is claimed that lies inside the noise.",
)
def claim(low: float, high: float) -> str:
    """Return 'faster', 'slower' or 'cannot tell'."""
    return "faster" if high < 1 else "slower" if low > 1 else "cannot tell"
