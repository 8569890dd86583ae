"""Lesson 14b's checkpoints: the stub, plausible mistakes with a message that helps, and the answer.

The comparison is told: QOperator is fastest, signed and dynamic INT8 are slower than float32.
"""

from __future__ import annotations

import pytest

from grading.checkpoints.model.lesson_14b_forms import fastest_form

#: Seconds of one photo, by option; each sample a turn of its own.
SECONDS = {
    "onnx-all": 0.0027,
    "int8-dynamic": 0.0135,
    "int8-static-qdq": 0.0019,
    "int8-static-qoperator": 0.0016,
    "int8-static-s8s8": 0.0036,
}


@pytest.fixture
def known(entries):
    """Return a ledger with everything that lesson 14b measures."""
    entries.measured("accuracy", "onnx-all", [1] * 80 + [0] * 20)
    entries.measured("accuracy", "int8-static-qdq", [0] * 3 + [1] * 78 + [0] * 19)
    for option, seconds in SECONDS.items():
        details = {"comparison_id": "a", "block_calls": 2}
        samples = [seconds * (1 + 0.001 * turn) for turn in range(12)]
        entries.measured("latency", option, samples, details=details)
    return entries


CALIBRATION = {"split": "training", "count": 128, "needs_labels": False}
FORMS = {"fastest": "int8-static-qoperator", "slower": ["int8-dynamic", "int8-static-s8s8"]}
FLIPS = {"lost": 3, "gained": 1}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("m.quantize.calibration", {**CALIBRATION, "split": "evaluation"}, "no longer honest"),
        ("m.quantize.calibration", {**CALIBRATION, "split": "test"}, "one of the three splits"),
        ("m.quantize.calibration", {**CALIBRATION, "count": 4}, "So few"),
        ("m.quantize.calibration", {**CALIBRATION, "count": 100_000}, "bring outliers"),
        ("m.quantize.calibration", {**CALIBRATION, "needs_labels": True}, "Nothing is compared"),
        ("m.quantize.forms", {**FORMS, "fastest": "int8-static-s8s8"}, "Another form is faster"),
        ("m.quantize.forms", {**FORMS, "fastest": "qoperator"}, "names as they stand"),
        ("m.quantize.forms", {**FORMS, "slower": ["int8-dynamic"]}, "is missing"),
        ("m.quantize.forms", {**FORMS, "slower": [*FORMS["slower"], "int8-static-qdq"]}, "reaches 1 or less"),
        ("m.quantize.flips", {"lost": 1, "gained": 3}, "Turned around"),
        ("m.quantize.flips", {"lost": 2, "gained": 0}, "Count each of them"),
        ("m.quantize.flips", {"lost": 4, "gained": 4}, "each way by itself"),
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
        ("m.quantize.calibration", CALIBRATION),
        ("m.quantize.calibration", {**CALIBRATION, "split": "validation"}),
        ("m.quantize.forms", FORMS),
        ("m.quantize.flips", FLIPS),
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge, id, right):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


@pytest.mark.parametrize(
    ("id", "right"),
    [
        ("m.quantize.forms", FORMS),
        ("m.quantize.flips", FLIPS),
    ],
)
def test_an_answer_without_its_measurement_earns_nothing(entries, judge, id, right):
    """An answer copied from a neighbour has no record behind it."""
    verdict = judge(id, entries.answered(id, right))
    assert not verdict.ok
    assert "run the" in verdict.message


def test_a_form_is_named_in_time_from_those_offered(entries, judge):
    """A word of one's own cannot be compared with anything."""
    id = "m.quantize.form_guess"
    assert not judge(id, entries).ok
    assert judge(id, entries.predicted(id, "int8-static-qdq")).ok
    assert not judge(id, entries.predicted(id, "fp8")).ok


def test_a_prediction_after_the_measurement_earns_nothing(known, judge):
    """What has been seen cannot be predicted any more."""
    assert not judge("m.quantize.form_guess", known.predicted("m.quantize.form_guess", "int8-static-qdq")).ok


def test_another_lessons_race_changes_nothing(known, judge):
    """Later races hold some of the forms only, perhaps in another order."""
    for option, seconds in (("onnx-all", 0.003), ("int8-dynamic", 0.001), ("int8-static-qdq", 0.002)):
        known.measured("latency", option, [seconds] * 12, details={"comparison_id": "b", "block_calls": 2})
    assert fastest_form(known) == "int8-static-qoperator"
    assert judge("m.quantize.forms", known.answered("m.quantize.forms", FORMS)).ok
