"""Lesson 32's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

import pytest

SERVER = {"requests": 1, "executions": 1, "queue_s": 0.0, "input_s": 0.001, "infer_s": 0.004, "output_s": 0.0}
STATUS = {"http-before": 200, "http-onnx": 422}
SUCCESS = {"http-before": True, "http-onnx": False}
RATIO = {"low": 2.0, "high": 2.0, "claim": "http-onnx is faster"}
BOUNDED = {"refused": 0.5, "p95_s": 0.1, "before_p95_s": 0.4, "phone": "it knows at once"}


def load_of(samples: list[float], failures: int = 0) -> dict:
    """Return a second of load whose requests began at even distances."""
    return {
        "mode": "closed",
        "target": "POST /predict",
        "duration_s": 1.0,
        "offsets_s": [number / len(samples) * 0.9 for number in range(len(samples))],
        "failures": [{"offset_s": 0.1, "latency_s": 0.001, "status": 503}] * failures,
        "server": SERVER,
        "usage": {},
    }


@pytest.fixture
def known(entries):
    """Return a ledger of lesson 32: http-onnx answers twice as much, 10 ms each; half of the drowned is refused."""
    for concurrency in (1, 16):
        for turn in (0, 1):
            for option, count in (("http-before", 24 * concurrency), ("http-onnx", 48 * concurrency)):
                samples = [0.01] * count
                details = {"race_id": f"race-{concurrency}", "round": turn}
                entries.measured(
                    "load", option, samples, concurrency=concurrency, details=details, load=load_of(samples)
                )
    for option, seconds, failures in (("http-before", 0.4, 0), ("http-bounded", 0.1, 10)):
        samples = [seconds] * 10
        entries.measured("load", option, samples, concurrency=64, load=load_of(samples, failures))
    return entries


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("s.http.status", {"status": {**STATUS, "http-before": 500}, "success": SUCCESS}, "read the status"),
        ("s.http.status", {"status": STATUS, "success": {**SUCCESS, "http-before": False}}, "Which one is counted"),
        ("s.http.status", {"status": STATUS, "success": {**SUCCESS, "http-onnx": True}}, "no success"),
        ("s.http.share", 0.6, "everything but"),
        ("s.http.share", 0.004, "seconds"),
        ("s.http.share", 40, "not percent"),
        ("s.http.share", 0.9, "Divide"),
        ("s.http.ratio", {**RATIO, "low": 0.5, "high": 0.5}, "Turned around"),
        ("s.http.ratio", {**RATIO, "low": 1.2}, "not the interval"),
        ("s.http.ratio", {**RATIO, "claim": "cannot tell"}, "which side of 1"),
        ("s.http.bounded", {**BOUNDED, "refused": 50}, "between 0 and 1"),
        ("s.http.bounded", {**BOUNDED, "refused": 1.0}, "over all"),
        ("s.http.bounded", {**BOUNDED, "p95_s": 100}, "in seconds"),
        ("s.http.bounded", {**BOUNDED, "before_p95_s": 0.1}, "before_p95_s"),
        ("s.http.bounded", {**BOUNDED, "phone": "it waits for ever"}, "an answer too"),
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
        ("s.http.status", {"status": STATUS, "success": SUCCESS}),
        ("s.http.share", 0.4),
        ("s.http.ratio", RATIO),
        ("s.http.bounded", BOUNDED),
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge, id, right):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


def test_without_a_race_nothing_is_judged(entries, judge):
    """An answer without its measurement earns nothing, and hears why."""
    for id, given in (("s.http.share", 0.4), ("s.http.ratio", RATIO), ("s.http.bounded", BOUNDED)):
        assert "no load record" in judge(id, entries.answered(id, given)).message


def test_a_prediction_counts_when_it_comes_first(entries, known, judge):
    """Before the measurement it earns its point, right or wrong; after it, nothing."""
    assert not judge("s.http.sixteen_guess", known.predicted("s.http.sixteen_guess", 2)).ok
    fresh = type(entries)().predicted("s.http.sixteen_guess", 2)
    assert judge("s.http.sixteen_guess", fresh).state == "missing evidence"
