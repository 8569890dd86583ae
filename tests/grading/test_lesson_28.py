"""Lesson 28's checkpoints. Told: a file of 2.45 MB that loses 0.4 points, measured in a rehearsal."""

from __future__ import annotations

import pytest

PLAYED = {"architecture": "x86_64", "testbed": {"site": "rehearsal"}}
PI = {"architecture": "aarch64", "testbed": {}}
SIZE, CHOICE = 2_452_785, "edge-int8-s8s8"


def told(entries, machine=PLAYED, *, examined="aa", size=SIZE, right=808):
    """Return a ledger with records from the device, and the same bytes examined here."""
    for option, known, seconds, sha in (("edge-fp32", 812, 0.012, "ff"), (CHOICE, 808, 0.006, "aa")):
        common = {"machine": machine, "model": {"sha256": sha}}
        samples = [1] * known + [0] * (1000 - known)
        predicted = {"predicted": [3] * 1000}
        entries.measured("size", option, [size], record_id=f"size {option}", **common)
        entries.measured("accuracy", option, samples, details=predicted, record_id=f"accuracy {option}", **common)
        entries.measured("latency", option, [seconds] * 5, record_id=f"latency {option}", **common)
    for option, known, sha in (("budget-float", 812, "ff"), ("budget-choice", right, examined)):
        samples, model = [1] * known + [0] * (1000 - known), {"sha256": sha}
        entries.measured("size", option, [size], model=model)
        entries.measured("accuracy", option, samples, model=model, details={"predicted": [3] * 998 + [4, 5]})
    return entries.answered("e.choose.file", CHOICE)


FAIR = {"accuracy": True, "latency": False, "size": True, "ratio": True}
WORDS = (
    f"I recommend {CHOICE}: it was rehearsed on a laptop, where it kept both limits by a wide margin and lost less "
    "than half a point on the very same pictures. For the Pi there is an estimate only, and it lies below fifteen ms."
)
RECOMMENDATION = {
    "choice": CHOICE,
    "evidence": [f"{kind} {CHOICE}" for kind in ("accuracy", "size", "latency")],
    "p50_s": 0.006,
    "where": "rehearsal",
    "points_lost": 0.4,
    "to_the_manager": WORDS,
    "what_it_costs": "less than half a point, and a calibration",
    "what_would_change_my_mind": "a real Pi in its cupboard that takes longer than that",
}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("e.choose.fair", {**FAIR, "latency": True}, "precision both differ"),
        ("e.choose.fair", {**FAIR, "ratio": False}, "two ratios"),
        ("e.choose.file", "edge-int8-dynamic", "not measured on the device"),
        ("e.choose.file", "edge-fp32", "another hash"),
        ("e.choose.recommendation", {**RECOMMENDATION, "choice": "int8-static-qdq"}, "not measured on the device"),
        ("e.choose.recommendation", {**RECOMMENDATION, "evidence": ["x"]}, "copy it whole"),
        ("e.choose.recommendation", {**RECOMMENDATION, "evidence": [f"size {CHOICE}"]}, "missing: accuracy, latency"),
        ("e.choose.recommendation", {**RECOMMENDATION, "p50_s": 6.0}, "p50_s"),
        ("e.choose.recommendation", {**RECOMMENDATION, "where": "device"}, "another place"),
        ("e.choose.recommendation", {**RECOMMENDATION, "points_lost": 4}, "points_lost"),
        ("e.choose.recommendation", {**RECOMMENDATION, "what_it_costs": "little"}, "says too little"),
        ("e.choose.recommendation", {**RECOMMENDATION, "to_the_manager": "a word " * 20}, "does not name"),
        (
            "e.choose.recommendation",
            {**RECOMMENDATION, "to_the_manager": WORDS.replace("rehearsed", "measured")},
            "does not say so",
        ),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(entries, judge, id, mistake, says):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, told(entries).answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize(
    ("id", "right"),
    [
        ("e.choose.fair", FAIR),
        ("e.choose.recommendation", RECOMMENDATION),
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(entries, judge, id, right):
    """Nothing before, everything after."""
    known = told(entries)
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


def test_the_file_is_the_one_that_was_measured(entries, judge):
    """By its hash: another file of the same name and size is another file."""
    assert judge("e.choose.file", type(entries)()).message.startswith("Not answered yet")
    assert judge("e.choose.file", told(entries)).ok
    assert "another hash" in judge("e.choose.file", told(type(entries)(), examined="bb")).message


@pytest.mark.parametrize(("size", "right"), [(2_600_000, 808), (8_918_386, 808), (SIZE, 777)])
def test_a_file_that_breaks_a_bar_earns_nothing(entries, judge, size, right):
    """The bar is the product's, not the student's: too many bytes, or 3.5 points as the older files lost."""
    verdict = judge("e.choose.file", told(entries, size=size, right=right))
    assert not verdict.ok
    assert "breaks a bar" in verdict.message


def test_on_a_real_device_the_same_answers_say_so(entries, judge):
    """There 'rehearsal' would be wrong, and the text need not mention one."""
    known = told(entries, PI)
    there = {**RECOMMENDATION, "where": "device", "to_the_manager": WORDS.replace("rehearsed", "measured")}
    assert judge("e.choose.recommendation", known.answered("e.choose.recommendation", there)).ok


def test_flips_are_predicted_before_the_file_is_examined_and_counted_on_equal_bytes(entries, judge):
    """Two of a thousand pictures; other bytes have no partner."""
    from grading.checkpoints.edge.lesson_28 import flips

    assert judge("e.choose.flips_guess", entries.predicted("e.choose.flips_guess", 0)).state == "missing evidence"
    known = told(type(entries)())
    assert not judge("e.choose.flips_guess", known.predicted("e.choose.flips_guess", 0)).ok
    assert flips(known.records) == 2
    assert flips(told(type(entries)(), examined="bb").records) is None
