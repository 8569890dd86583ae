"""Lesson 42's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

import pytest

STRETCHED = {"shared": 20.0, "own": 1.0}
CRASH = {"own": {"failed": 0, "slowest_s": 0.02}, "shared": {"failed": 3, "slowest_s": 1.0}}
TEMPLATE = {"copies": 2, "queue_limit": 38}


@pytest.fixture
def known(entries):
    """Return a ledger of lesson 42: a neighbour makes 10 ms to 200; three requests fail in the shared crash."""
    runs = {"shared-alone": 0.01, "shared-crowded": 0.2, "own-alone": 0.02, "own-crowded": 0.02, "own-crash": 0.02}
    for option, seconds in {**runs, "shared-crash": 1.0}.items():
        failures = [{"offset_s": 0.1, "latency_s": 0.001, "status": 0}] * (3 if option == "shared-crash" else 0)
        entries.measured("load", f"menu-{option}", [seconds] * 10, load={"failures": failures})
    return entries


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("s.platform.isolated", {**STRETCHED, "shared": 0.05}, "turned around"),
        ("s.platform.isolated", {**STRETCHED, "own": 3}, "own: divide"),
        ("s.platform.crash", {**CRASH, "shared": {"failed": 0, "slowest_s": 1.0}}, "count"),
        ("s.platform.crash", {**CRASH, "own": {"failed": 0, "slowest_s": 20.0}}, "in seconds"),
        ("s.platform.crash", {**CRASH, "own": {"failed": 0, "slowest_s": 0.5}}, "largest sample"),
        ("s.platform.template", {**TEMPLATE, "copies": 1}, "75 %"),
        ("s.platform.template", {**TEMPLATE, "copies": 3}, "As few"),
        ("s.platform.template", {**TEMPLATE, "queue_limit": 19}, "one copy works off"),
        ("s.platform.template", {**TEMPLATE, "queue_limit": 64}, "Each copy"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id, mistake, says):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize(
    ("id", "right"),
    [("s.platform.isolated", STRETCHED), ("s.platform.crash", CRASH), ("s.platform.template", TEMPLATE)],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge, id, right):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


def test_without_runs_nothing_is_judged(entries, judge):
    """An answer without its measurement earns nothing, and hears why."""
    for id, given in (("s.platform.isolated", STRETCHED), ("s.platform.crash", CRASH)):
        assert "no load record" in judge(id, entries.answered(id, given)).message


def test_a_prediction_counts_when_it_comes_first(entries, known, judge):
    """Before the measurement it earns its point, right or wrong; after it, nothing."""
    assert not judge("s.platform.guess", known.predicted("s.platform.guess", 10)).ok
    fresh = type(entries)().predicted("s.platform.guess", 10)
    assert judge("s.platform.guess", fresh).state == "missing evidence"
