"""Lesson 13's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

import pytest

from labs import stats

NODES = {"disabled": 156, "basic": 104, "extended": 69, "all": 60}
FEWER = {"basic": 52, "extended": 35, "all": 9}
COUNTS = {
    "disabled": {"BatchNormalization": 52, "Clip": 35, "Add": 10},
    "basic": {"BatchNormalization": 0, "Clip": 35, "Add": 10},
    "extended": {"BatchNormalization": 0, "Clip": 0, "Add": 10},
    "all": {"BatchNormalization": 0, "Clip": 0, "Add": 0},
}
GONE = {"BatchNormalization": "basic", "Clip": "extended", "Add": "all"}
WOBBLE = (1.0, 1.02, 0.97, 1.01)
#: Two blocks of two calls a level: basic wobbles around disabled, extended saves a tenth, all saves half of that.
SECONDS = {
    "onnx-disabled": [0.02] * 8,
    "onnx-basic": [0.02 * w for w in WOBBLE for _ in range(2)],
    "onnx-extended": [0.018] * 8,
    "onnx-all": [0.009] * 8,
}


def ratio_of(option: str, baseline: str) -> stats.Ratio:
    """Return the ratio that a student reads off the comparison of ``SECONDS``."""
    return stats.ratio_of_medians(*([SECONDS[name][i : i + 2] for i in range(0, 8, 2)] for name in (option, baseline)))


TWINS = ratio_of("onnx-basic", "onnx-disabled")
TOLD = {
    "low": TWINS.interval.low,
    "high": TWINS.interval.high,
    "smallest": TWINS.minimum_detectable_effect,
    "claim": "cannot tell",
}
STEPS = {
    "extended": ratio_of("onnx-extended", "onnx-basic").interval.value,
    "all": ratio_of("onnx-all", "onnx-extended").interval.value,
    "larger": "all",
}


@pytest.fixture
def known(entries):
    """Return a ledger with one run in which the four levels took turns."""
    for option, samples in SECONDS.items():
        entries.measured("latency", option, samples, details={"comparison_id": "a", "block_calls": 2})
    return entries


def counted(fewer: dict) -> dict:
    """Return an answer about the graphs' node counts."""
    return {"fewer": fewer, "nodes": NODES}


def told_gone(**changed: str) -> dict:
    """Return an answer about the levels, with some operators answered otherwise."""
    return {"gone": {**GONE, **changed}, "counts": COUNTS}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("m.graph.fewer", counted({"basic": 52, "extended": 87, "all": 96}), "count from the start"),
        ("m.graph.fewer", counted({"basic": -52, "extended": -35, "all": -9}), "Turned around"),
        ("m.graph.fewer", counted({"basic": 104, "extended": 69, "all": 60}), "are left"),
        ("m.graph.fewer", counted({"basic": 1, "extended": 2, "all": 3}), "Subtract"),
        ("m.graph.fewer", {"fewer": FEWER, "nodes": {**NODES, "disabled": 104}}, "run the cells above again"),
        ("m.graph.gone", told_gone(Clip="basic"), "35 are left"),
        ("m.graph.gone", told_gone(Clip="all"), "lower level already"),
        ("m.graph.gone", told_gone(Add="never"), "lower level already"),
        ("m.graph.gone", told_gone(Add="last"), "one of the four"),
        ("m.graph.traffic", 4_816_896, "read and written"),
        ("m.graph.traffic", 1_204_224, "How many bytes"),
        ("m.graph.traffic", 2_408_448, "How many bytes"),
        ("m.graph.traffic", 9.63, "unit"),
        ("m.graph.traffic", 12_544, "Count the values first"),
        ("m.graph.twins", {**TOLD, "low": 1 / TOLD["high"], "high": 1 / TOLD["low"]}, "not the newest run's interval"),
        ("m.graph.twins", {**TOLD, "smallest": TOLD["smallest"] * 100}, "as a fraction"),
        ("m.graph.twins", {**TOLD, "smallest": 0.5}, "minimum_detectable_effect"),
        ("m.graph.twins", {**TOLD, "claim": "basic is faster"}, "hold 1"),
        ("m.graph.steps", {**STEPS, "all": 1 / STEPS["all"]}, "turned around"),
        ("m.graph.steps", {**STEPS, "all": 0.45}, "all levels so far"),
        ("m.graph.steps", {**STEPS, "extended": 0.5}, "not the newest run's ratio"),
        ("m.graph.steps", {**STEPS, "larger": "extended"}, "saves more"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id, mistake, says):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize(
    ("id", "right"),
    [
        ("m.graph.fewer", counted(FEWER)),
        ("m.graph.gone", told_gone()),
        ("m.graph.traffic", 9_633_792),
        ("m.graph.twins", TOLD),
        ("m.graph.steps", STEPS),
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge, id, right):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


def test_a_processor_without_a_layout_of_its_own_keeps_its_sums(entries, judge):
    """Where no level removes the Adds, 'never' is right and a level is not."""
    counts = {**COUNTS, "all": COUNTS["extended"]}
    right = {"gone": {**GONE, "Add": "never"}, "counts": counts}
    assert judge("m.graph.gone", entries.answered("m.graph.gone", right)).ok
    wrong = {"gone": GONE, "counts": counts}
    assert "10 are left" in judge("m.graph.gone", entries.answered("m.graph.gone", wrong)).message


@pytest.mark.parametrize(("id", "given"), [("m.graph.twins", TOLD), ("m.graph.steps", STEPS)])
def test_without_a_side_by_side_run_there_is_nothing_to_read(entries, judge, id, given):
    """Records that saw no partner have no ratio."""
    entries.measured("latency", "onnx-basic", [0.02] * 4)
    assert "side-by-side" in judge(id, entries.answered(id, given)).message


def test_a_later_lesson_s_comparison_does_not_hide_this_one(known, judge):
    """Lesson 15 races onnx-all against other providers; this lesson's run is still there."""
    known.measured("latency", "onnx-all", [0.009] * 8, details={"comparison_id": "b", "block_calls": 2})
    known.measured("latency", "openvino", [0.009] * 8, details={"comparison_id": "b", "block_calls": 2})
    assert judge("m.graph.steps", known.answered("m.graph.steps", STEPS)).ok


def test_a_prediction_counts_when_it_comes_first(entries, known, judge):
    """Before the measurement it earns its point, right or wrong; after it, nothing."""
    assert not judge("m.graph.speedup_guess", known.predicted("m.graph.speedup_guess", 2)).ok
    fresh = type(entries)().predicted("m.graph.speedup_guess", 2)
    assert judge("m.graph.speedup_guess", fresh.measured("latency", "onnx-all", [0.01])).ok
