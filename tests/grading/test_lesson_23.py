"""Lesson 23's checkpoints. Told: on the device, INT8 takes half as long, and signed is the fastest."""

from __future__ import annotations

import pytest

from labs import stats

SECONDS = {"edge-fp32": 0.012, "edge-int8-dynamic": 0.03, "edge-int8-qdq": 0.0066, "edge-int8-s8s8": 0.006}
LAPTOP = {"architecture": "x86_64", "testbed": {"site": "rehearsal"}}
PI = {"architecture": "aarch64", "cpu_model": "Cortex-A76, Raspberry Pi 5", "testbed": {}, "emulator": ""}
COUNTED = {"macs": 300_000_000, "dense": 279_000_000}
ESTIMATE = {
    "edge-fp32": {"low_s": 0.0106, "high_s": 0.0229},
    "edge-int8-s8s8": {"low_s": 0.0033, "high_s": 0.0073},
}


def told(entries, machine=LAPTOP):
    """Return a ledger with the estimate, a race, and what each file got right."""
    entries.observed("edge.work", COUNTED).observed("edge.estimate", ESTIMATE)
    for option, right in (("edge-fp32", 90), ("edge-int8-dynamic", 85), ("edge-int8-s8s8", 89), ("int8-one-scale", 70)):
        entries.measured("accuracy", option, [1] * right + [0] * (100 - right), batch_size=32, machine=machine)
    for option, seconds in SECONDS.items():
        samples = [seconds * (1 + 0.01 * (turn % 3)) for turn in range(12)]
        details = {"comparison_id": "a", "block_calls": 2}
        entries.measured("latency", option, samples, details=details, machine=machine)
    return entries


def interval():
    """Return the told race's interval."""
    blocks = [[[s * (1 + 0.01 * (t % 3)) for t in range(b, b + 2)] for b in range(0, 12, 2)] for s in (0.006, 0.012)]
    return stats.ratio_of_medians(*blocks).interval


WORK = {"million_macs": 300.0, "dense_share": 0.93}
FLOOR = 300e6 / (4 * 2.4e9 * 32)
RATIO = {"low": interval().low, "high": interval().high, "claim": "INT8 is faster"}
LOSS = {"dynamic": 5.0, "s8s8": 1.0}
OLDER = {"on_intel": 0.72, "more_on_epyc": 2.75}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("e.device.work", {**WORK, "million_macs": 300e6}, "millions are asked for"),
        ("e.device.work", {**WORK, "million_macs": 279}, "both kinds"),
        ("e.device.work", {**WORK, "dense_share": 93}, "a fraction"),
        ("e.device.work", {**WORK, "dense_share": 0.5}, "Divide the dense"),
        ("e.device.floor", 1e3 * FLOOR, "milliseconds"),
        ("e.device.floor", 4 * FLOOR, "one core's time"),
        ("e.device.floor", 16 * FLOOR, "float32's rate"),
        ("e.device.floor", 2 * FLOOR, "with its addition"),
        ("e.device.floor", 9.0, "Divide the MACs"),
        ("e.device.ratio", {**RATIO, "low": 1 / RATIO["high"], "high": 1 / RATIO["low"]}, "Turned around"),
        ("e.device.ratio", {**RATIO, "low": 0.3}, "not the interval"),
        ("e.device.ratio", {**RATIO, "claim": "cannot tell"}, "Which side"),
        ("e.device.tested", "within", "has not been tested at all"),
        ("e.device.tested", "yes", "one of the three"),
        ("e.device.loss", {"dynamic": -5.0, "s8s8": -1.0}, "A loss is positive"),
        ("e.device.loss", {"dynamic": 0.05, "s8s8": 0.01}, "a hundredth"),
        ("e.device.loss", {**LOSS, "s8s8": 3.0}, "s8s8"),
        ("e.device.older", {"on_intel": 2.75, "more_on_epyc": 0.72}, "other way round"),
        ("e.device.older", {"on_intel": 0.72, "more_on_epyc": 3.47}, "whole loss"),
        ("e.device.older", {"on_intel": 1.0, "more_on_epyc": 1.0}, "Subtract"),
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
        ("e.device.work", WORK),
        ("e.device.floor", FLOOR),
        ("e.device.ratio", RATIO),
        ("e.device.tested", "not tested"),
        ("e.device.loss", LOSS),
        ("e.device.older", OLDER),
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(entries, judge, id, right):
    """Nothing before, everything after."""
    known = told(entries)
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


def test_on_a_real_device_the_estimate_is_tested(entries, judge):
    """12 ms lie within 10.6 to 22.9; 'not tested' would be too modest there."""
    known = told(entries, PI)
    assert judge("e.device.tested", known.answered("e.device.tested", "within")).ok
    assert not judge("e.device.tested", known.answered("e.device.tested", "not tested")).ok
    assert not judge("e.device.tested", known.answered("e.device.tested", "outside")).ok


@pytest.mark.parametrize(
    "machine",
    [
        {**PI, "emulator": "qemu-aarch64"},
        {**PI, "cpu_model": "Cortex-A72, Raspberry Pi 4"},
        {**LAPTOP, "architecture": "arm64", "cpu_model": "Apple M2"},
    ],
    ids=["emulated", "the older board", "an ARM laptop in rehearsal"],
)
def test_another_arm_core_does_not_test_the_estimate(entries, judge, machine):
    """Its architecture is the Pi's, and its times are not."""
    known = told(entries, machine)
    assert judge("e.device.tested", known.answered("e.device.tested", "not tested")).ok
    assert not judge("e.device.tested", known.answered("e.device.tested", "within")).ok


def test_an_arm_laptop_is_told_that_it_is_not_the_device(entries, judge):
    """In rehearsal its figures are its own."""
    known = told(entries, {**LAPTOP, "architecture": "arm64", "cpu_model": "Apple M2"})
    assert "nothing about the Pi" in judge("e.device.ratio", known.answered("e.device.ratio", RATIO)).message


@pytest.mark.parametrize(("id", "right"), [("e.device.ratio", RATIO), ("e.device.loss", LOSS), ("e.device.work", WORK)])
def test_an_answer_without_its_measurement_earns_nothing(entries, judge, id, right):
    """An answer copied from a neighbour has no record behind it."""
    assert not judge(id, entries.answered(id, right)).ok


def test_the_form_is_predicted_in_time_and_compared_with_the_race(entries, judge):
    """From the four, before any of them ran."""
    from grading.checkpoints.edge.lesson_23 import fastest_form

    assert (
        judge("e.device.form_guess", entries.predicted("e.device.form_guess", "edge-int8-qdq")).state
        == "missing evidence"
    )
    assert not judge("e.device.form_guess", type(entries)().predicted("e.device.form_guess", "fp16")).ok
    assert fastest_form(told(type(entries)()).records) == "edge-int8-s8s8"
