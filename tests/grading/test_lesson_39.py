"""Lesson 39's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

from math import exp, log

import pytest

LARGEST = {"cold-torch": "to ready", "cold-onnx": "to alive"}
SHARE = {"cold_share": exp(-0.5), "idle_s_for_one_percent": 60 * log(100)}


@pytest.fixture
def known(entries):
    """Return a ledger of lesson 39: torch is ready after 4 s, ONNX after 1 s, and a warm answer takes 10 ms."""
    for option, alive_s, ready_s in (("cold-torch", 0.6, 4.0), ("cold-onnx", 0.6, 1.0)):
        entries.measured("load_time", option, [ready_s] * 3, details={"alive_s": [alive_s] * 3})
        entries.measured("first_prediction", option, [0.02] * 3)
        entries.measured("latency", option, [0.01] * 9)
    return entries


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("s.cold.largest", {**LARGEST, "cold-torch": "first answer"}, "another part"),
        ("s.cold.largest", {**LARGEST, "cold-onnx": "import"}, "word for word"),
        ("s.cold.runtime", 0.25, "Turned around"),
        ("s.cold.runtime", 3.0, "difference in seconds"),
        ("s.cold.runtime", 7.0, "Divide the medians"),
        ("s.cold.runtime", "four", "One number"),
        ("s.cold.share", {**SHARE, "cold_share": 1 - exp(-0.5)}, "finds it warm"),
        ("s.cold.share", {**SHARE, "cold_share": 60.65}, "not percent"),
        ("s.cold.share", {**SHARE, "cold_share": 0.5}, "longer than 30 s"),
        ("s.cold.share", {**SHARE, "idle_s_for_one_percent": -60 * log(0.99)}, "*warm*"),
        ("s.cold.share", {**SHARE, "idle_s_for_one_percent": 60}, "solve"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id, mistake, says):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize(
    ("id", "right"), [("s.cold.largest", LARGEST), ("s.cold.runtime", 4.0), ("s.cold.share", SHARE)]
)
def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge, id, right):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


def test_without_starts_nothing_is_judged(entries, judge):
    """An answer without its measurement earns nothing, and hears why."""
    for id, given in (("s.cold.largest", LARGEST), ("s.cold.runtime", 4.0)):
        assert "no record" in judge(id, entries.answered(id, given)).message


def test_a_prediction_counts_when_it_comes_first(entries, known, judge):
    """Before the measurement it earns its point, right or wrong; after it, nothing."""
    assert not judge("s.cold.guess", known.predicted("s.cold.guess", 100)).ok
    fresh = type(entries)().predicted("s.cold.guess", 100)
    assert judge("s.cold.guess", fresh).state == "missing evidence"
