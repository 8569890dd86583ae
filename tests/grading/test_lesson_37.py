"""Checkpoints of lesson 37: the stub, plausible mistakes with a message that helps, the answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

#: Seconds of every run here.
RUN_S = 1.2


def ran(entries, option: str, rate: int, latency_s: float, **told) -> None:
    """Append a closed-loop record with so many answers a second, evenly spread, all of one latency."""
    count = round(rate * RUN_S)
    server = {"requests": count, "executions": told.pop("executions", count), "batches": told.pop("batches", {})}
    for name in ("queue_s", "input_s", "infer_s", "output_s"):
        server[name] = told.pop(name, 0.001)
    entries.measured(
        "load",
        option,
        [latency_s] * count,
        details=told.pop("details", {}),
        load={
            "mode": "closed",
            "target": "t",
            "duration_s": RUN_S,
            # Answers in the middle of equal steps, so that blocks hold equal numbers.
            "offsets_s": [(index + 0.5) * RUN_S / count - latency_s for index in range(count)],
            "server": server,
            "failures": told.pop("failures", []),
            "usage": {"cpu": told.pop("cpu", [])},
        },
    )
    assert not told


@pytest.fixture
def known(entries):
    """Return a ledger in which every run of the lesson is there."""
    for option, latency_s in (("classifier-alone", 0.01), ("classifier-both", 0.02), ("classifier-during", 0.01)):
        ran(entries, option, 60 if option == "classifier-both" else 120, latency_s)
    ran(entries, "palette-alone", 120, 0.01)
    ran(entries, "palette-both", 90, 0.01)
    ran(entries, "palette-crowd", 60, 0.01, failures=[{"offset_s": 0, "latency_s": 0.001, "status": 503}])
    return entries


RIGHT = {
    "s.several.slower": 2.0,
    "s.several.shares": {"classifier": 0.5, "palette": 0.75, "sum": 1.25},
    "s.several.during": 0,
    "s.several.refused": {"status": 503, "page": "leave them out"},
}


def but(id: str, **changed: object) -> dict:
    """Return the right answer with some parts changed."""
    return {**RIGHT[id], **changed}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("s.several.slower", 0.5, "Turned around"),
        ("s.several.shares", but("s.several.shares", classifier=2.0), "classifier: turned around"),
        ("s.several.shares", but("s.several.shares", sum=2.0), "not the sum"),
        ("s.several.during", 3, "Count the failures"),
        ("s.several.refused", but("s.several.refused", status=200), "has this status"),
        ("s.several.refused", but("s.several.refused", page="retry until it works"), "becomes of the load"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id: str, mistake: object, says: str):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize("id", RIGHT)
def test_the_answer_earns_its_points_and_the_stub_none(known, judge, id: str):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    verdict = judge(id, known.answered(id, RIGHT[id]))
    assert verdict.ok, verdict.message


@pytest.mark.parametrize("id", RIGHT)
def test_an_answer_without_its_run_earns_nothing(entries, judge, id: str):
    """Numbers that no record stands behind are worth nothing, and the message says which cells to run."""
    assert "no load record" in judge(id, entries.answered(id, RIGHT[id])).message


@pytest.mark.parametrize(
    ("id", "option", "measured"),
    [
        ("s.several.slower_guess", "classifier-both", 2.0),
    ],
)
def test_a_prediction_counts_when_it_comes_first(
    entries, known, judge: Callable, id: str, option: str, measured: float
):
    """Before the measurement it earns its point, right or wrong; after it, nothing; and what was measured is told."""
    from grading.checkpoints import all_checkpoints

    assert all_checkpoints()[id].asks.measured(known.records) == pytest.approx(measured)
    assert not judge(id, known.predicted(id, 2)).ok
    fresh = type(entries)().predicted(id, 2)
    ran(fresh, option, 60, 0.01)
    assert judge(id, fresh).ok
