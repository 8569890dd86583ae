"""Lesson 14's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

import pytest

#: Seconds of one photo, by option; each sample a turn of its own.
SECONDS = {"onnx-all": 0.0027, "int8-dynamic": 0.0135}


@pytest.fixture
def known(entries):
    """Return a ledger with the race of lesson 14."""
    for option, seconds in SECONDS.items():
        details = {"comparison_id": "a", "block_calls": 2}
        samples = [seconds * (1 + 0.001 * turn) for turn in range(12)]
        entries.measured("latency", option, samples, details=details)
    return entries


AFFINE = {"scale": 1.5 / 255, "zero_point": 85}
ROUNDTRIP = {"integer": 141, "back": 56 * 1.5 / 255, "outlier_back": 1.0}
CHANNELS = {"per_tensor_db": 21.0, "per_channel_db": 40.0}
SEARCHES = {"searches": 53, "op_counts": {"DynamicQuantizeLinear": 53, "ConvInteger": 52, "Mul": 106}}


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
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge, id, right):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


def test_the_prediction_comes_before_the_race(entries, judge):
    """In time, it earns its point whatever it says."""
    id = "m.quantize.dynamic_guess"
    assert not judge(id, entries).ok
    assert judge(id, entries.predicted(id, 0.5)).ok


def test_a_prediction_after_the_measurement_earns_nothing(known, judge):
    """What has been seen cannot be predicted any more."""
    assert not judge("m.quantize.dynamic_guess", known.predicted("m.quantize.dynamic_guess", 0.2)).ok


def test_the_prediction_is_compared_with_the_race(entries, known):
    """Five times as long is 0.2 times as fast; without a race there is nothing to compare with."""
    from grading.checkpoints.model.lesson_14_dynamic import dynamic_speedup

    assert dynamic_speedup(known) == pytest.approx(0.2)
    assert dynamic_speedup([]) is None
