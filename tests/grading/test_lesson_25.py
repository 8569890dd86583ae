"""Lesson 25's checkpoints. Told: a Pi that is held back in its last windows, and a laptop that tells nothing."""

from __future__ import annotations

import pytest

PI_BITS, PI = 0xE0008, {"architecture": "aarch64", "testbed": {}}
VITALS = {"unreadable": ["throttle flags"], "power": {"covers": ""}, "machine": PI, "heat": {}}


def windows(bits: int | None) -> list[dict]:
    """Return ten windows, of which the last take 1.5 times as long as the first."""
    return [{"t_s": 5 * n, "p50_s": 0.008 if n < 5 else 0.012, "calls": 600, "throttle_bits": bits} for n in range(10)]


def told(entries, bits: int | None = PI_BITS):
    """Return a ledger with what the device tells, and a run under load."""
    entries.observed("edge.vitals", VITALS)
    return entries.measured("latency", "edge-int8-s8s8-busy", [0.01], details={"windows": windows(bits)}, machine=PI)


TOLD = {"not_told": ["throttle flags"], "power": False}
SLOWED = {"ratio": 1.5, "claim": "held back"}
ENERGY = {"joules_a_photo": 7 / 120, "photos": 925_714}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("e.busy.told", {**TOLD, "not_told": []}, "None is not 0"),
        ("e.busy.told", {**TOLD, "not_told": ["temperature", "throttle flags"]}, "One of these is told"),
        ("e.busy.told", {**TOLD, "not_told": ["heat"]}, "three words"),
        ("e.busy.told", {**TOLD, "power": True}, "`covers`"),
        ("e.busy.flags", [3], "stands further left"),
        ("e.busy.flags", [0, 17, 18, 19], "the last digit is 8"),
        ("e.busy.flags", [3, 16, 17, 18], "1110"),
        ("e.busy.flags", [14, 8], "count from the right"),
        ("e.busy.slowdown", {**SLOWED, "ratio": 1 / 1.5}, "Turned around"),
        ("e.busy.slowdown", {**SLOWED, "ratio": 1.0}, "two fifths"),
        ("e.busy.slowdown", {**SLOWED, "claim": "not held back"}, "bits 1 to 3"),
        ("e.busy.slowdown", {**SLOWED, "claim": "hot"}, "one of the three"),
        ("e.busy.energy", {**ENERGY, "joules_a_photo": 120 / 7}, "photos a joule"),
        ("e.busy.energy", {**ENERGY, "joules_a_photo": 840}, "shared by its photos"),
        ("e.busy.energy", {**ENERGY, "joules_a_photo": 1}, "Watts are joules"),
        ("e.busy.energy", {**ENERGY, "photos": 257}, "3600 joules"),
        ("e.busy.energy", {**ENERGY, "photos": 1}, "How many of them"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(entries, judge, id, mistake, says):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, told(entries).answered(id, mistake))
    assert not verdict.ok
    assert says.lower() in verdict.message.lower()


@pytest.mark.parametrize(
    ("id", "right"),
    [
        ("e.busy.told", TOLD),
        ("e.busy.flags", [3, 17, 18, 19]),
        ("e.busy.slowdown", SLOWED),
        ("e.busy.energy", ENERGY),
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(entries, judge, id, right):
    """Nothing before, everything after."""
    known = told(entries)
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


def test_without_flags_nothing_is_claimed(entries, judge):
    """A slower end may have other reasons than heat; and flags of the past are not about now."""
    silent = told(entries, None)
    assert "Without flags" in judge("e.busy.slowdown", silent.answered("e.busy.slowdown", SLOWED)).message
    assert judge("e.busy.slowdown", silent.answered("e.busy.slowdown", {**SLOWED, "claim": "cannot tell"})).ok
    cool = told(type(entries)(), 0xE0000)
    assert judge("e.busy.slowdown", cool.answered("e.busy.slowdown", {**SLOWED, "claim": "not held back"})).ok


def test_the_slow_down_is_predicted_in_time(entries, judge):
    """Before the load began; and an answer without a run earns nothing."""
    from grading.checkpoints.edge.lesson_25 import measured_slowdown

    assert judge("e.busy.slowdown_guess", entries.predicted("e.busy.slowdown_guess", 1.2)).state == "missing evidence"
    assert measured_slowdown(told(type(entries)()).records) == pytest.approx(1.5)
    assert not judge("e.busy.slowdown", type(entries)().answered("e.busy.slowdown", SLOWED)).ok
