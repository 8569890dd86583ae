"""Lesson 11's checkpoints: the stub, plausible mistakes with a message that helps, and the answer.

The samples are told: 200 requests with a fastest time of 10 ms and an exponential tail, as real ones have.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from labs import stats

SAMPLES = [0.010 - 0.002 * math.log(1 - (step + 0.5) / 200) for step in range(200)]
BLOCKS = {"torch-eager": [0.020, 0.021, 0.022, 0.030], "torch-compiled": [0.010, 0.0105, 0.0115, 0.014]}


@pytest.fixture
def known(entries):
    """Return a ledger with everything that lesson 11 measures."""
    entries.measured("accuracy", "torch-eager", [1] * 80 + [0] * 20)
    entries.measured("latency", "torch-eager", SAMPLES)
    for size, seconds in ((1, 0.02), (4, 0.04), (16, 0.1), (32, 0.195)):
        entries.measured("throughput", "torch-eager", [seconds] * 3, batch_size=size)
    entries.measured("latency", "torch-compiled", SAMPLES)
    for option, samples in BLOCKS.items():
        details = {"comparison_id": "a", "block_calls": 1}
        entries.measured("latency", option, samples, details=details)
    return entries


RATIO = stats.ratio_of_medians(
    [[sample] for sample in BLOCKS["torch-compiled"]], [[sample] for sample in BLOCKS["torch-eager"]]
).interval
PERCENTILES = {f"p{q}": float(np.percentile(SAMPLES, q)) for q in (50, 95, 99)}
FACTOR = 0.011 / 0.003
FASTER = {"low": RATIO.low, "high": RATIO.high, "claim": "compiled is faster"}
HALF_WIDTH = 50 * (stats.proportion_interval(80, 100).high - stats.proportion_interval(80, 100).low)
WIDEST = max((50, 95, 99), key=lambda q: stats.median_interval(SAMPLES, q=q).relative_half_width)
BEYOND = sum(sample > PERCENTILES[f"p{WIDEST}"] for sample in SAMPLES)
CERTAIN = min((50, 95, 99), key=lambda q: stats.median_interval(SAMPLES, q=q).relative_half_width)


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("m.measure.percentiles", {name: 1e3 * value for name, value in PERCENTILES.items()}, "milliseconds"),
        ("m.measure.percentiles", {**PERCENTILES, "p99": 0.150}, "Not this record's: p99"),
        ("m.measure.percentiles", {"p50": 0.1}, "does not have the form"),
        ("m.measure.certainty", {"widest": f"p{CERTAIN}", "samples_beyond": 2}, "Another percentile"),
        ("m.measure.certainty", {"widest": f"p{WIDEST}", "samples_beyond": 99}, "Count the samples"),
        ("m.measure.certainty", {"widest": "99", "samples_beyond": 2}, "Name one of"),
        ("m.measure.more_samples", 800, "halve the interval once"),
        ("m.measure.more_samples", 16, "That is the factor"),
        ("m.measure.more_samples", 400, "square root"),
        ("m.measure.accuracy_interval", 2 * HALF_WIDTH, "whole width"),
        ("m.measure.accuracy_interval", HALF_WIDTH / 100, "a fraction"),
        ("m.measure.accuracy_interval", 1, "not half the width"),
        ("m.measure.knee", 32, "A smaller batch"),
        ("m.measure.knee", 4, "more than 10 % below"),
        ("m.measure.knee", 64, "was not measured"),
        ("m.measure.speedup", {**FASTER, "low": 1 / RATIO.high, "high": 1 / RATIO.low}, "Turned around"),
        ("m.measure.speedup", {**FASTER, "low": 0.9, "high": 1.1}, "not the interval"),
        ("m.measure.speedup", {**FASTER, "claim": "cannot tell"}, "where does 1 lie"),
        ("m.measure.speedup", {**FASTER, "claim": "faster"}, "one of the three claims"),
        ("m.measure.gap", 1 / FACTOR, "Turned around"),
        ("m.measure.gap", 1000 * FACTOR, "milliseconds"),
        ("m.measure.gap", 7, "smaller of the comparison's two medians"),
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
        ("m.measure.percentiles", PERCENTILES),
        ("m.measure.percentiles", {"p50": SAMPLES[100], "p95": SAMPLES[190], "p99": SAMPLES[198]}),
        ("m.measure.certainty", {"widest": f"p{WIDEST}", "samples_beyond": BEYOND}),
        ("m.measure.more_samples", 3200),
        ("m.measure.accuracy_interval", HALF_WIDTH),
        ("m.measure.knee", 16),
        ("m.measure.speedup", FASTER),
        ("m.measure.gap", FACTOR),
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge, id, right):
    """Nothing before, everything after; other ways to interpolate a percentile are right too."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


def test_the_mean_is_not_the_median(entries, judge):
    """A tail pulls the mean up."""
    samples = [0.010] * 90 + [0.100] * 10
    entries.measured("latency", "torch-eager", samples)
    given = {"p50": 0.019, "p95": 0.1, "p99": 0.1}
    assert (
        "mean is not the median"
        in judge("m.measure.percentiles", entries.answered("m.measure.percentiles", given)).message
    )


@pytest.mark.parametrize(
    ("sizes", "says"),
    [((), "Not answered yet"), ((1, 4, 16, 64), "batches of 32"), ((1, 32), "Add sizes"), ((1, 8, 32, 64), "")],
)
def test_batches_need_both_ends_and_enough_between(entries, judge, sizes, says):
    """1 and 32 for the comparison, and two more to see the bend."""
    for size in sizes:
        entries.measured("throughput", "torch-eager", [0.01 * size], batch_size=size)
    verdict = judge("m.measure.batches", entries)
    assert verdict.ok is (says == "")
    assert says in verdict.message


def test_a_comparison_that_holds_one_allows_no_claim(entries, judge):
    """Three blocks this way and three that way."""
    details = {"comparison_id": "a", "block_calls": 1}
    entries.measured("latency", "torch-eager", [0.01] * 6, details=details)
    entries.measured("latency", "torch-compiled", [0.009, 0.011] * 3, details=details)
    interval = stats.ratio_of_medians([[0.009], [0.011]] * 3, [[0.01]] * 6).interval
    given = {"low": interval.low, "high": interval.high, "claim": "compiled is faster"}
    assert not judge("m.measure.speedup", entries.answered("m.measure.speedup", given)).ok
    given["claim"] = "cannot tell"
    assert judge("m.measure.speedup", entries.answered("m.measure.speedup", given)).ok


def test_measured_minutes_apart_is_not_side_by_side(entries, judge):
    """Records of two runs have no ratio, and the message names the way for a machine without a compiler."""
    entries.measured("latency", "torch-eager", SAMPLES).measured("latency", "torch-compiled", SAMPLES)
    assert "C++ compiler" in judge("m.measure.speedup", entries.answered("m.measure.speedup", FASTER)).message


def test_without_a_compiler_the_gap_is_the_eager_models(entries, judge):
    """There, the comparison could not run."""
    entries.measured("latency", "torch-eager", [0.03] * 100)
    assert judge("m.measure.gap", entries.answered("m.measure.gap", 10)).ok


def test_predictions_are_compared_with_the_right_measurements(known):
    """Half the latency is twice as fast; batches of 32 against batches of 1."""
    from grading.checkpoints import all_checkpoints

    measured = {
        id: all_checkpoints()[id].prediction.measured(known)
        for id in ("m.measure.compile_guess", "m.measure.batch_guess")
    }
    assert measured["m.measure.compile_guess"] == pytest.approx(1 / RATIO.value)
    assert measured["m.measure.batch_guess"] == pytest.approx((32 / 0.195) / (1 / 0.02))
