"""Lesson 26's checkpoints. Told: 12 ms in the app, 15 ms through the service, 20 ms over a network."""

from __future__ import annotations

import pytest

PI, PLAYED = {"architecture": "aarch64", "testbed": {}}, {"architecture": "x86_64", "testbed": {"site": "rehearsal"}}
INSIDE = {"queue": 0.0005, "prepare": 0.005, "model": 0.0075}


def told(entries, machine=PI, over="network"):
    """Return a ledger with the three ways of asking."""
    entries.measured("latency", "edge-int8-app", [0.012] * 9, machine=machine)
    details = {"server_timing_s": INSIDE}
    entries.measured("latency", "edge-int8-app-service", [0.015] * 9, machine=machine, details=details)
    details = {**details, "over": over}
    return entries.measured("latency", "edge-int8-app-network", [0.020] * 9, machine=machine, details=details)


PARTS = {"prepare": 0.005, "model": 0.0075, "rest": 0.002}
NETWORK = {"seconds": 0.005, "real": True}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("e.serve.parts", {name: 1e3 * value for name, value in PARTS.items()}, "milliseconds"),
        ("e.serve.parts", {**PARTS, "rest": 0.015}, "That is the whole"),
        ("e.serve.parts", {**PARTS, "model": 0.012}, "model"),
        ("e.serve.network", {**NETWORK, "seconds": -0.005}, "Turned around"),
        ("e.serve.network", {**NETWORK, "seconds": 0.020}, "What of it is the way"),
        ("e.serve.network", {**NETWORK, "seconds": 5.0}, "Subtract"),
        ("e.serve.network", {**NETWORK, "real": False}, "that is a network"),
        ("e.serve.break_even", 9.0, "milliseconds"),
        ("e.serve.break_even", -0.009, "Turned around"),
        ("e.serve.break_even", 0.015, "takes longer"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(entries, judge, id, mistake, says):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, told(entries).answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize(
    ("id", "right"), [("e.serve.parts", PARTS), ("e.serve.network", NETWORK), ("e.serve.break_even", 0.009)]
)
def test_the_answer_earns_the_points_and_the_stub_does_not(entries, judge, id, right):
    """Nothing before, everything after; and nothing without the records."""
    known = told(entries)
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok
    assert not judge(id, type(entries)().answered(id, right)).ok


@pytest.mark.parametrize("machine", [PLAYED, PI], ids=["in a rehearsal", "in the device's own Jupyter"])
def test_one_computer_is_no_network(entries, judge, machine):
    """Both ends are the same, and who says otherwise earns nothing."""
    known = told(entries, machine, over="loopback")
    assert "both ends are one computer" in judge("e.serve.network", known.answered("e.serve.network", NETWORK)).message
    assert judge("e.serve.network", known.answered("e.serve.network", {**NETWORK, "real": False})).ok


def test_the_overhead_is_predicted_in_time(entries, judge):
    """Before the service was asked."""
    from grading.checkpoints.edge.lesson_26 import overhead

    assert judge("e.serve.overhead_guess", entries.predicted("e.serve.overhead_guess", 1.3)).state == "missing evidence"
    known = told(type(entries)())
    assert not judge("e.serve.overhead_guess", known.predicted("e.serve.overhead_guess", 1.3)).ok
    assert overhead(known.records) == pytest.approx(1.25)
