"""Choose a quantization format: five files, which of them are slow here, what they cost, and another processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    checkpoint,
    failed,
    failed_as,
    function_question,
    passed,
    prediction,
)
from grading.checkpoints.model.lesson_14 import BASELINE, stored_as
from labs.records import Records

_DYNAMIC = "int8-dynamic"

#: How each file of the lesson is written: layout, activations, weights, one scale a channel, seven bits.
FORMATS = {
    "int8-static-qdq": ("qdq", "uint8", "int8", True, False),
    "int8-static-qoperator": ("qoperator", "uint8", "int8", True, False),
    "int8-static-s8s8": ("qdq", "int8", "int8", True, False),
    "int8-static-u8u8": ("qdq", "uint8", "uint8", False, False),
    "int8-static-7bit": ("qdq", "uint8", "int8", True, True),
}

#: The formats that the prediction offers; all of them are measured in one run.
_OFFERED = (_DYNAMIC, "int8-static-qdq", "int8-static-qoperator", "int8-static-s8s8")


def _intervals(records: Records) -> dict[str, list[float]]:
    """Return low and high of each format's time over float32's, in the newest run that compared them all."""
    comparison = records.comparison(*_OFFERED, BASELINE)
    names = [name for name in (comparison.options if comparison else ()) if name.startswith("int8")]
    ratios = {name: comparison.ratio(name, BASELINE).interval for name in names}
    return {name: [one.low, one.high] for name, one in ratios.items()}


@prediction(
    "m.quantize.format_guess",
    about={"kind": "latency", "option": "int8-static-qoperator"},
    title="Predict which INT8 format answers fastest here",
    choices=_OFFERED,
)
def fastest_format(records: Records) -> str | None:
    """Return the offered format with the smallest ratio to float32."""
    comparison = records.comparison(*_OFFERED, BASELINE)
    if comparison is None:
        return None
    return min(_OFFERED, key=lambda name: comparison.ratio(name, BASELINE).interval.value)


def inspect_formats(paths: Mapping[str, str | Path]) -> dict:
    """Return how each file is stored."""
    return {name: stored_as(path) for name, path in paths.items()}


def _facts(**changed: object) -> dict:
    names = ("layout", "activations", "weights", "per_channel", "seven_bits")
    found = {}
    for option, (layout, activations, weights, per_channel, seven) in FORMATS.items():
        values = (layout, [activations], [weights], per_channel, seven)
        found[option] = {**dict(zip(names, values, strict=True)), "int8_share": 0.97, "numbers": 2_300_000}
    option = changed.pop("option", "int8-static-s8s8")
    found[option] = {**found[option], **changed}
    return found


@artefact_question(
    "m.quantize.formats",
    points=2,
    title="Write the model in five INT8 formats",
    hints=(
        "Compare each entry with its comment, word by word: layout, activations, weights, scales, bits.",
        "`quant_format=QuantFormat.QOperator`; `activation_type` and `weight_type`; `per_channel=True`; "
        "`reduce_range=True` for seven bits.",
    ),
    inspect=inspect_formats,
    mistakes={
        "missing": "A file is missing: all five names of the cell are wanted.",
        "layout": "This file has the other layout: `quant_format` takes `QuantFormat.QDQ` or `QuantFormat.QOperator`.",
        "activations": "The activations of this file have the other sign: `activation_type`, the first letter.",
        "weights": "The weights of this file have the other sign: `weight_type`, the second letter.",
        "scales": "One scale a channel where one a tensor was wanted, or the other way round: `per_channel`.",
        "bits": "This file's weights should use seven bits, or all eight: `reduce_range`.",
    },
    examples={
        "good": _facts(),
        "missing": {name: one for name, one in _facts().items() if name != "int8-static-7bit"},
        "layout": _facts(option="int8-static-qoperator", layout="qdq"),
        "activations": _facts(activations=["uint8"]),
        "weights": _facts(option="int8-static-u8u8", weights=["int8"]),
        "scales": _facts(per_channel=False),
        "bits": _facts(option="int8-static-7bit", seven_bits=False),
    },
)
def formats(facts: dict, records: Records) -> Verdict:
    """Judge each file's format."""
    for name, (layout, activations, weights, per_channel, seven) in FORMATS.items():
        if name not in facts:
            return failed_as("missing", name)
        found = facts[name]
        if found["layout"] != layout:
            return failed_as("layout", name)
        if found["activations"] != [activations]:
            return failed_as("activations", name)
        if found["weights"] != [weights]:
            return failed_as("weights", name)
        if found["per_channel"] != per_channel:
            return failed_as("scales", name)
        if found["seven_bits"] != seven:
            return failed_as("bits", name)
    return passed("Five files with the same weights, written down in five ways.")


def _runs(random: np.random.Generator) -> list[tuple]:
    made = []
    for _ in range(4):
        centres = random.uniform(0.5, 1.6, 5)
        half = random.uniform(0.02, 0.3, 5)
        names = random.permutation(["qdq", "qoperator", "s8s8", "u8u8", "dynamic"])
        made.append({str(n): [float(c - h), float(c + h)] for n, c, h in zip(names, centres, half, strict=True)})
    made[0] |= {"just above": [1.001, 1.2], "across": [0.95, 1.3], "just below": [0.8, 0.99]}
    return [(intervals,) for intervals in made]


def _own_intervals(records: Records) -> list[tuple]:
    found = _intervals(records)
    return [(found,)] if found else []


@function_question(
    "m.quantize.slower",
    points=1,
    title="Say which formats are slower than float32",
    hints=("Which end of the interval has to lie above 1?", "`sorted(name for name, (low, high) in … if low > 1)`"),
    cases=_runs,
    own=_own_intervals,
    needs=({"kind": "latency", "option": "int8-static-s8s8"},),
    mistakes=(
        Mistake(
            "high end",
            lambda intervals: sorted(name for name, (_, high) in intervals.items() if high > 1),
            "An interval that only reaches above 1 cannot tell: its lower end decides.",
        ),
        Mistake(
            "middle",
            lambda intervals: sorted(name for name, (low, high) in intervals.items() if low + high > 2),
            "The middle is above 1, but does the whole interval lie there?",
        ),
        Mistake(
            "faster",
            lambda intervals: sorted(name for name, (_, high) in intervals.items() if high < 1),
            "These are the faster ones: below 1, the format takes less time than float32.",
        ),
        Mistake(
            "not sorted",
            lambda intervals: sorted((name for name, (low, _) in intervals.items() if low > 1), reverse=True),
            "The right names; sort them from a to z.",
        ),
    ),
    compare=lambda given, wanted: list(given) == list(wanted),
    right="On another processor the list can be another one.",
)
def slower_than_float(intervals: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the names whose whole interval lies above 1."""
    return sorted(name for name, (low, _) in intervals.items() if low > 1)


def _pairs_of_lists(random: np.random.Generator) -> list[tuple]:
    made = []
    for size, kept in ((30, 0.9), (60, 0.8), (11, 0.5), (200, 0.97)):
        before = random.random(size) < 0.8
        after = np.where(random.random(size) < kept, before, random.random(size) < 0.3)
        made.append((before.astype(int).tolist(), after.astype(int).tolist()))
    return made


def _own_lists(records: Records) -> list[tuple]:
    one, other = (records.latest(kind="accuracy", option=name) for name in (BASELINE, "int8-static-qdq"))
    return [([int(v) for v in one.samples], [int(v) for v in other.samples])] if one and other else []


def _counts(before: Sequence, after: Sequence) -> tuple[int, int]:
    a, b = np.asarray(before) > 0, np.asarray(after) > 0
    return int(np.sum(a & ~b)), int(np.sum(b & ~a))


@function_question(
    "m.quantize.flips",
    points=1,
    title="Count the images that a format lost, and those it gained",
    hints=("Go through both lists together.", "`lost = sum(a > b for a, b in zip(before, after))`"),
    cases=_pairs_of_lists,
    own=_own_lists,
    needs=({"kind": "accuracy", "option": BASELINE}, {"kind": "accuracy", "option": "int8-static-qdq"}),
    mistakes=(
        Mistake(
            "turned around",
            lambda before, after: _counts(after, before),
            "Turned around: lost is right before and wrong after.",
        ),
        Mistake(
            "difference",
            lambda before, after: (max(sum(before) - sum(after), 0), max(sum(after) - sum(before), 0)),
            "That is the difference of the two sums. Count each way by itself.",
        ),
        Mistake(
            "all wrong",
            lambda before, after: (after.count(0), after.count(1)),
            "These are all wrong and all right ones; only images that changed count.",
        ),
    ),
    right="Their difference is what accuracy shows; their sum is how much has changed.",
)
def lost_and_gained(before: Sequence[int], after: Sequence[int]) -> tuple[int, int]:
    """Return how many images were lost, and how many gained."""
    return _counts(before, after)


def _operands(random: np.random.Generator) -> list[tuple]:
    fixed = [([255, 255], [127, 127]), ([255, 200], [-128, -128]), ([255, 255], [127, -128])]
    drawn = [(random.integers(0, 256, 2).tolist(), random.integers(-128, 128, 2).tolist()) for _ in range(3)]
    return [*fixed, *drawn, ([255, 180], [120, 100])]


def _sum(activations: Sequence[int], weights: Sequence[int]) -> int:
    return int(activations[0]) * int(weights[0]) + int(activations[1]) * int(weights[1])


@function_question(
    "m.quantize.saturates",
    points=2,
    title="Add two products as a processor without VNNI does",
    hints=(
        "Multiply, add, and then: which numbers can 16 bits hold?",
        "`int(np.clip(a[0] * w[0] + a[1] * w[1], -32768, 32767))`",
    ),
    cases=_operands,
    mistakes=(
        Mistake("32 bits", _sum, "That is VNNI's sum, in 32 bits. Here it is cut off at the ends of 16 bits."),
        Mistake(
            "wraps around",
            lambda activations, weights: (_sum(activations, weights) + 32768) % 65536 - 32768,
            "It does not wrap around to the other end: what does not fit stays at the end that it passed.",
        ),
        Mistake(
            "each product",
            lambda activations, weights: sum(
                int(np.clip(int(a) * int(w), -16384, 16383)) for a, w in zip(activations, weights, strict=True)
            ),
            "Each product is exact; only their sum is cut off.",
        ),
        Mistake(
            "one end",
            lambda activations, weights: min(_sum(activations, weights), 32767),
            "Sums that are too small are cut off as well, at -32,768.",
        ),
    ),
    right="Half of the largest sum is gone, and no error is raised.",
)
def pair_sum(activations: Sequence[int], weights: Sequence[int]) -> int:
    """Return the sum of two products, cut off at the ends of 16 bits."""
    return int(np.clip(_sum(activations, weights), -32768, 32767))


@checkpoint(
    "m.quantize.other_machine",
    points=2,
    title="Choose the file for a processor without VNNI, with a reason",
    hints=(
        "Look at the recorded run: which file is right as often on both processors?",
        "Only one of the accurate files keeps every pair of products within 16 bits.",
    ),
    form={"format": tuple(FORMATS), "reason": str},
    needs=({"kind": "accuracy", "option": "int8-static-7bit"},),
)
def other_machine(records: Records) -> Verdict:
    """Judge the format for an EPYC 7763; the reason is read by a person."""
    given = records.answer("m.quantize.other_machine")
    chosen, reason = given["format"], given["reason"].strip()
    if chosen == "int8-static-u8u8":
        return failed("It is not cut off, but what does one scale a tensor cost it everywhere?", chosen)
    if chosen != "int8-static-7bit":
        return failed("Its weights use all eight bits, and some sums do not fit into 16 bits there.", chosen)
    if len(reason.split()) < 4:
        return failed("The file is right. Say why, in a sentence.", reason)
    return passed("The same answers on both processors: what was tested at home holds on the lease.", "", chosen)
