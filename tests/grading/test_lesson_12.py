"""Lesson 12's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

import pytest


@pytest.fixture
def known(entries):
    """Return a ledger with everything that lesson 12 measures: 1 of 4 pictures changed, ONNX twice as fast."""
    entries.measured("accuracy", "torch-eager", [1] * 4, details={"predicted": [0, 1, 2, 3]})
    entries.measured("accuracy", "onnx-disabled", [1] * 4, details={"predicted": [0, 1, 2, 4]})
    for option, seconds in (("torch-eager", 0.02), ("onnx-disabled", 0.01)):
        details = {"comparison_id": "a", "block_calls": 1}
        entries.measured("latency", option, [seconds] * 4, details=details)
    return entries


FOLDED = {"weight": 2.4, "bias": -1.4}
CHOSEN = {"tolerance": 1e-3, "max_abs_diff": 1.2e-5}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("m.export.fold", {**FOLDED, "weight": 1.2}, "division by sigma"),
        ("m.export.fold", {**FOLDED, "weight": 1.0}, "what multiplies x"),
        ("m.export.fold", {**FOLDED, "bias": -0.2}, "also carries mu"),
        ("m.export.fold", {**FOLDED, "bias": 1.0}, "when x is zero"),
        ("m.export.tolerance", {**CHOSEN, "tolerance": 1e-6}, "fail your own test"),
        ("m.export.tolerance", {**CHOSEN, "tolerance": 2e-5}, "more room"),
        ("m.export.tolerance", {**CHOSEN, "tolerance": 0.1}, "unnoticed"),
        ("m.export.tolerance", {"tolerance": 1e-3, "max_abs_diff": 0.0}, "run the cells above again"),
        ("m.export.spoiled", {"by_classes": True, "by_logits": True}, "largest one change"),
        ("m.export.spoiled", {"by_classes": False, "by_logits": False}, "above your tolerance"),
        ("m.export.changed", 3, "where they agree"),
        ("m.export.changed", 0, "every place"),
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
        ("m.export.fold", FOLDED),
        ("m.export.tolerance", CHOSEN),
        ("m.export.spoiled", {"by_classes": False, "by_logits": True}),
        ("m.export.changed", 1),
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge, id, right):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


def test_a_prediction_made_after_the_measurement_earns_nothing(known, judge):
    """What has been seen cannot be predicted any more."""
    assert not judge("m.export.runtime_guess", known.predicted("m.export.runtime_guess", 2)).ok


def test_accuracy_on_other_pictures_is_no_comparison(entries, judge):
    """Two records about different sets of pictures have no difference to count."""
    entries.measured("accuracy", "torch-eager", [1] * 4, details={"predicted": [0, 1, 2, 3]})
    entries.measured("accuracy", "onnx-disabled", [1] * 2, details={"predicted": [0, 1]})
    assert "different sets" in judge("m.export.changed", entries.answered("m.export.changed", 0)).message
