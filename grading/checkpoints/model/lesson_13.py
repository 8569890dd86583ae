"""Optimize the graph: which nodes went where, what they moved, and what each level brings."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import answer_to, is_close, is_number, side_by_side
from labs import stats
from labs.records.format import megabytes, percent, times

PLAIN_JSON = True

_LEVELS = ("disabled", "basic", "extended", "all")

#: What the first Clip of block 2 works on: channels, height, width; and bytes in a float32.
_CHANNELS, _HEIGHT_PX, _WIDTH_PX, _FLOAT32_BYTES = 96, 112, 112, 4

_NO_RUN = "There is no side-by-side record of the four levels yet: run the comparison's cell."


@prediction(
    "m.graph.speedup_guess",
    about={"kind": "latency", "option": "onnx-all"},
    title="Predict how many times as fast the fully optimized graph answers",
    between=(0.05, 100),
    show=times,
)
def optimized_speedup(entries: list[dict]) -> float | None:
    """Return how many times shorter the median latency is with all optimizations than with none, side by side."""
    ratio = level_ratio(entries, "all", "disabled")
    return None if ratio is None else 1 / ratio.interval.value


@checkpoint(
    "m.graph.fewer",
    points=2,
    title="Count the nodes that each optimization level removes",
    hint='For `basic`: `nodes["disabled"] - nodes["basic"]`.',
)
def fewer(entries: list[dict]) -> Verdict:
    """Judge the differences between the node counts of neighbouring levels."""
    given = answer_to(entries, "m.graph.fewer")
    if given is None:
        return unanswered()
    nodes, yours = given["nodes"], given["fewer"]
    expected = {after: nodes[before] - nodes[after] for before, after in pairwise(_LEVELS)}
    shown = (_words(expected), _words(yours))
    if nodes["basic"] >= nodes["disabled"]:
        return failed("These are not the graphs of food11-unfolded.onnx: run the cells above again.", yours=shown[1])
    if yours == expected:
        return passed("One number for each kind of node that went.", *shown)
    if yours == {level: nodes["disabled"] - nodes[level] for level in expected}:
        return failed("These count from the start. Each level is asked about by itself.", *shown)
    if yours == {level: -count for level, count in expected.items()}:
        return failed("Turned around: how many *fewer* are there?", *shown)
    if yours == {level: nodes[level] for level in expected}:
        return failed("These nodes are left. How many went?", *shown)
    return failed("Subtract each level's number of nodes from that of the level before.", *shown)


@checkpoint(
    "m.graph.gone",
    points=2,
    title="Find the level at which three kinds of nodes disappear",
    hint="Print `counts` and look, for each operator, for the first level that has 0 of it.",
)
def gone(entries: list[dict]) -> Verdict:
    """Judge, for each operator, the first level whose graph holds none of it."""
    given = answer_to(entries, "m.graph.gone")
    if given is None:
        return unanswered()
    counts, yours = given["counts"], given["gone"]
    expected = {op: next((level for level in _LEVELS if not counts[level][op]), "never") for op in counts["disabled"]}
    shown = (_words(expected), _words(yours))
    for operator, level in expected.items():
        chosen = yours[operator]
        if chosen == level:
            continue
        if chosen not in (*_LEVELS, "never"):
            return failed(f"{operator}: name one of the four levels, or 'never'.", *shown)
        left = 0 if chosen == "never" else counts[chosen][operator]
        if left:
            return failed(f"{operator}: {left} are left at this level.", *shown)
        return failed(f"{operator}: they are gone at a lower level already.", *shown)
    return passed("Each of them lives on inside a convolution.", *shown)


@checkpoint(
    "m.graph.traffic",
    points=2,
    title="Work out how many bytes a node of its own moves",
    hint="Values × bytes a value × how often each value passes.",
)
def traffic(entries: list[dict]) -> Verdict:
    """Judge the bytes that one Clip reads and writes."""
    given = answer_to(entries, "m.graph.traffic")
    if given is None:
        return unanswered()
    if not is_number(given):
        return failed("A number of bytes is asked for.", yours=repr(given))
    values = _CHANNELS * _HEIGHT_PX * _WIDTH_PX
    expected = 2 * values * _FLOAT32_BYTES
    yours = f"{given:,.0f} bytes"
    if is_close(given, expected, within=0.001):
        return passed("More than all weights of the model together.", megabytes(expected), yours)
    if is_close(given, expected / 2, within=0.001):
        return failed("Each value is read and written: it passes twice.", yours=yours)
    if is_close(given, 2 * values, within=0.001) or is_close(given, values, within=0.001):
        return failed("These are values. How many bytes has a float32?", yours=yours)
    if any(is_close(given, expected / unit, within=0.02) for unit in (1e3, 1e6, 2**10, 2**20)):
        return failed("Right but for the unit: give it in bytes.", yours=yours)
    return failed("Count the values first: channels × height × width.", yours=yours)


@checkpoint(
    "m.graph.twins",
    points=3,
    title="Say what a comparison of two equal graphs shows, and what it could have seen",
    hint='`ratio = comparison.ratio("onnx-basic", "onnx-disabled")`, then its `interval` and its effect.',
)
def twins(entries: list[dict]) -> Verdict:
    """Judge the interval and the detectable difference against the samples, and the claim against the interval."""
    given = answer_to(entries, "m.graph.twins")
    if given is None:
        return unanswered()
    ratio = level_ratio(entries, "basic", "disabled")
    if ratio is None:
        return failed(_NO_RUN)
    interval = ratio.interval
    claim = "cannot tell" if not ratio.is_resolved else f"{'basic' if interval.high < 1 else 'disabled'} is faster"
    expected = f"{interval.low:.3f} to {interval.high:.3f}, from {percent(ratio.minimum_detectable_effect)} on: {claim}"
    yours = f"{given['low']:.3f} to {given['high']:.3f}, from {percent(given['smallest'])} on: {given['claim']}"
    if not all(is_close(given[end], getattr(interval, end), within=0.002) for end in ("low", "high")):
        return failed("This is not the newest run's interval of basic over disabled.", expected, yours)
    if not is_close(given["smallest"], ratio.minimum_detectable_effect, within=0.02):
        if is_close(given["smallest"], 100 * ratio.minimum_detectable_effect, within=0.02):
            return failed("Give the smallest difference as a fraction: 0.03 for 3 %.", expected, yours)
        return failed("The smallest difference is `minimum_detectable_effect` of the ratio.", expected, yours)
    if given["claim"] != claim:
        return failed("Does the interval hold 1? Then neither may be called faster.", expected, yours)
    if claim != "cannot tell":
        return passed("So says the interval, and the graphs say no: one in twenty misses the truth.", expected, yours)
    return passed("No difference was seen, and you can say how large it would have had to be.", expected, yours)


@checkpoint(
    "m.graph.steps",
    points=2,
    title="Measure what each optimization level saves, and say which saves more",
    hint='`comparison.ratio("onnx-extended", "onnx-basic").interval.value`; do the two intervals overlap?',
)
def steps(entries: list[dict]) -> Verdict:
    """Judge the two ratios, and the claim which of them is smaller."""
    given = answer_to(entries, "m.graph.steps")
    if given is None:
        return unanswered()
    ratios = {after: level_ratio(entries, after, before) for before, after in (("basic", "extended"), _LEVELS[2:])}
    if None in ratios.values():
        return failed(_NO_RUN)
    found = {level: ratio.interval for level, ratio in ratios.items()}
    low, high = sorted(found, key=lambda level: found[level].value)
    larger = low if found[low].high < found[high].low else "cannot tell"
    expected, yours = (
        f"extended × {extended:.3f}, all × {all_:.3f}; larger: {which}"
        for extended, all_, which in (
            (found["extended"].value, found["all"].value, larger),
            (given["extended"], given["all"], given["larger"]),
        )
    )
    for level, interval in found.items():
        if is_close(given[level], interval.value, within=0.005):
            continue
        if is_close(given[level], 1 / interval.value, within=0.005):
            return failed(f"{level}: turned around. The later level goes first.", expected, yours)
        if is_close(given[level], level_ratio(entries, level, "disabled").interval.value, within=0.005):
            return failed(f"{level}: that is all levels so far. Compare with the level before it.", expected, yours)
        return failed(f"{level}: this is not the newest run's ratio to the level before it.", expected, yours)
    if given["larger"] != larger:
        return failed("A smaller ratio saves more; overlapping intervals leave it open.", expected, yours)
    return passed("Nodes counted and time saved are two things.", expected, yours)


def level_ratio(entries: list[dict], option: str, baseline: str) -> stats.Ratio | None:
    """Return the ratio of two optimization levels' medians from the newest run in which both took turns, or None."""
    blocks = side_by_side(entries, f"onnx-{option}", f"onnx-{baseline}")
    return None if blocks is None else stats.ratio_of_medians(*blocks)


def _words(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in values.items())
