"""Lesson 14's checkpoints: the stub, plausible mistakes with a message that helps, and the answer.

The comparison is told: QOperator is fastest, signed and dynamic INT8 are slower than float32.
"""

from __future__ import annotations

import pytest

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
    """Return a ledger with everything that lesson 14 measures."""
    entries.measured("size", "onnx-all", [8_920_000])
    entries.measured("accuracy", "onnx-all", [1] * 80 + [0] * 20)
    entries.measured("accuracy", "int8-static-qdq", [0] * 3 + [1] * 78 + [0] * 19)
    entries.measured("accuracy", "int8-budget-05", [1] * 77 + [0] * 23)
    entries.measured("accuracy", "int8-budget-01", [1] * 78 + [0] * 22)
    for option, seconds in SECONDS.items():
        details = {"comparison_id": "a", "block_calls": 2}
        samples = [seconds * (1 + 0.001 * turn) for turn in range(12)]
        entries.measured("latency", option, samples, details=details)
    return entries


AFFINE = {"scale": 1.5 / 255, "zero_point": 85}
ROUNDTRIP = {"integer": 141, "back": 56 * 1.5 / 255, "outlier_back": 1.0}
CHANNELS = {"per_tensor_db": 21.0, "per_channel_db": 40.0}
SEARCHES = {"searches": 53, "op_counts": {"DynamicQuantizeLinear": 53, "ConvInteger": 52, "Mul": 106}}
CALIBRATION = {"split": "training", "count": 128, "needs_labels": False}
FORMS = {"fastest": "int8-static-qoperator", "slower": ["int8-dynamic", "int8-static-s8s8"]}
FLIPS = {"lost": 3, "gained": 1}
RANKING = [
    {"node": "deep/Conv", "alone_snr_db": 7.2, "float_bytes": 10368},
    {"node": "last/Gemm", "alone_snr_db": 31.0, "float_bytes": 42240},
    {"node": "wide/Conv", "alone_snr_db": 46.0, "float_bytes": 460800},
]
WORST = {"node": "deep/Conv", "added_bytes": 10368, "ranking": RANKING}
STEPS = [
    {"kept": True, "loss": 0.6152},
    {"kept": True, "loss": 0.2455},
    {"kept": False, "loss": 0.2455},
    {"kept": True, "loss": 0.0082},
]
TUNER = {"float_layers": 2, "loss": 0.0082, "within_budget": True, "steps": STEPS}
BUDGET = {"lost_05": 3.0, "kept_05": True, "lost_01": 2.0, "kept_01": False}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("m.quantize.affine", {**AFFINE, "scale": 1 / 127}, "symmetric ruler"),
        ("m.quantize.affine", {**AFFINE, "scale": 1.5 / 256}, "255 gaps"),
        ("m.quantize.affine", {**AFFINE, "scale": 1 / 255}, "begin at the smallest"),
        ("m.quantize.affine", {**AFFINE, "scale": 170}, "width of one step"),
        ("m.quantize.affine", {**AFFINE, "scale": 0.3}, "divided by the number of steps"),
        ("m.quantize.affine", {**AFFINE, "zero_point": 0}, "nothing negative"),
        ("m.quantize.affine", {**AFFINE, "zero_point": 128}, "not in the middle"),
        ("m.quantize.affine", {**AFFINE, "zero_point": 170}, "how many steps"),
        ("m.quantize.affine", {"scale": 1.5 / 255}, "does not have the form"),
        ("m.quantize.roundtrip", {**ROUNDTRIP, "integer": 56}, "zero point has to be added"),
        ("m.quantize.roundtrip", {**ROUNDTRIP, "integer": 140}, "round to a whole number"),
        ("m.quantize.roundtrip", {**ROUNDTRIP, "back": 0.33}, "forgotten the exact value"),
        ("m.quantize.roundtrip", {**ROUNDTRIP, "back": 0.829}, "take the zero point away"),
        ("m.quantize.roundtrip", {**ROUNDTRIP, "outlier_back": 1.4}, "no mark above 255"),
        ("m.quantize.roundtrip", {**ROUNDTRIP, "outlier_back": 0.5}, "last mark"),
        ("m.quantize.channels", {"per_tensor_db": 40.0, "per_channel_db": 21.0}, "Turned around"),
        ("m.quantize.channels", {"per_tensor_db": 40.0, "per_channel_db": 40.0}, "same ruler"),
        ("m.quantize.channels", {"per_tensor_db": 0.001, "per_channel_db": -3}, "between 0 and 80"),
        ("m.quantize.searches", {**SEARCHES, "searches": 1}, "every layer behind"),
        ("m.quantize.searches", {**SEARCHES, "searches": 52}, "other nodes"),
        ("m.quantize.searches", {**SEARCHES, "searches": 7}, "dynamic_ops"),
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
        ("m.quantize.worst_layer", {**WORST, "node": "wide/Conv"}, "suffers least"),
        ("m.quantize.worst_layer", {**WORST, "node": "last/Gemm"}, "whole ranking"),
        ("m.quantize.worst_layer", {**WORST, "node": "Conv"}, "as it stands"),
        ("m.quantize.worst_layer", {**WORST, "added_bytes": 13824}, "three more"),
        ("m.quantize.worst_layer", {**WORST, "added_bytes": 1}, "float_bytes"),
        ("m.quantize.tuner", {**TUNER, "float_layers": 3}, "all trials"),
        ("m.quantize.tuner", {**TUNER, "float_layers": 1}, "gave a layer back and kept"),
        ("m.quantize.tuner", {**TUNER, "loss": 0.82}, "as a fraction"),
        ("m.quantize.tuner", {**TUNER, "loss": 0.6152}, "last step that was kept"),
        ("m.quantize.tuner", {**TUNER, "within_budget": False}, "Compare that loss"),
        ("m.quantize.budget", {**BUDGET, "lost_05": -3.0}, "turned around"),
        ("m.quantize.budget", {**BUDGET, "lost_01": 0.02}, "a point is a hundredth"),
        ("m.quantize.budget", {**BUDGET, "lost_05": 1.5}, "not the difference"),
        ("m.quantize.budget", {**BUDGET, "kept_01": True}, "Compare it with the budget"),
        ("m.quantize.floor", 2_230_000, "These are bytes"),
        ("m.quantize.floor", 8.92, "the float file"),
        ("m.quantize.floor", 2.0, "One byte in place of four"),
        ("m.quantize.floor", "2 MB", "A number of MB"),
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
        ("m.quantize.affine", AFFINE),
        ("m.quantize.roundtrip", ROUNDTRIP),
        ("m.quantize.channels", CHANNELS),
        ("m.quantize.searches", SEARCHES),
        ("m.quantize.calibration", CALIBRATION),
        ("m.quantize.calibration", {**CALIBRATION, "split": "validation"}),
        ("m.quantize.forms", FORMS),
        ("m.quantize.flips", FLIPS),
        ("m.quantize.worst_layer", WORST),
        ("m.quantize.tuner", TUNER),
        ("m.quantize.budget", BUDGET),
        ("m.quantize.floor", 2.23),
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
        ("m.quantize.budget", BUDGET),
        ("m.quantize.floor", 2.23),
    ],
)
def test_an_answer_without_its_measurement_earns_nothing(entries, judge, id, right):
    """An answer copied from a neighbour has no record behind it."""
    verdict = judge(id, entries.answered(id, right))
    assert not verdict.ok
    assert "run the" in verdict.message


def test_predictions_come_before_the_forms_are_measured(entries, judge):
    """A form is named in time, from those offered."""
    for id, value in (("m.quantize.form_guess", "int8-static-qdq"), ("m.quantize.dynamic_guess", 0.5)):
        assert not judge(id, entries).ok
        assert judge(id, entries.predicted(id, value)).ok
    assert not judge("m.quantize.form_guess", entries.predicted("m.quantize.form_guess", "fp8")).ok


def test_a_prediction_after_the_measurement_earns_nothing(known, judge):
    """What has been seen cannot be predicted any more."""
    assert not judge("m.quantize.dynamic_guess", known.predicted("m.quantize.dynamic_guess", 0.2)).ok


def test_predictions_are_compared_with_the_newest_run(known):
    """The fastest of the four forms, and dynamic's speed against float32."""
    from grading.checkpoints.model.lesson_14_forms import dynamic_speedup, fastest_form

    assert fastest_form(known) == "int8-static-qoperator"
    assert dynamic_speedup(known) == pytest.approx(0.2)
