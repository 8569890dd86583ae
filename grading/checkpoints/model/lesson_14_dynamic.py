"""Quantize, dynamically: how often it searches for a range, and what that costs."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import answer_to, side_by_side
from labs import stats
from labs.records.format import times

PLAIN_JSON = True

#: The float model that every form is held against.
BASELINE = "onnx-all"

_DYNAMIC = "int8-dynamic"


@prediction(
    "m.quantize.dynamic_guess",
    about={"kind": "latency", "option": _DYNAMIC},
    title="Predict how many times as fast as float32 dynamic INT8 answers",
    between=(0.005, 100),
    show=times,
)
def dynamic_speedup(entries: list[dict]) -> float | None:
    """Return how many times shorter dynamic INT8's median latency is than float32's; below 1 it is longer."""
    blocks = side_by_side(entries, _DYNAMIC, BASELINE)
    return None if blocks is None else 1 / stats.ratio_of_medians(*blocks).interval.value


@checkpoint(
    "m.quantize.searches",
    title="Count how often dynamic quantization searches for a range",
    hint="One `DynamicQuantizeLinear` node is one search for each photo.",
)
def searches(entries: list[dict]) -> Verdict:
    """Judge the count against the operators of the dynamic graph."""
    given = answer_to(entries, "m.quantize.searches")
    if given is None:
        return unanswered()
    counts = given["op_counts"]
    expected, yours = counts["DynamicQuantizeLinear"], given["searches"]
    if yours == expected:
        return passed("Each of them walks through a whole tensor twice.", str(expected), str(yours))
    if yours == 1:
        return failed("Once for the photo, and then for the input of every layer behind it.", str(expected), str(yours))
    if yours in (counts.get("ConvInteger"), sum(counts.values())):
        return failed("These are other nodes; count the ones that search.", str(expected), str(yours))
    return failed("Look the operator up in `dynamic_ops`.", str(expected), str(yours))
