"""Lesson 41's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

import pytest

from labs.records.load import line_through

ASSUMPTION = "service time does not depend on the load"
WAIT = {"M/M/1": 0.7 * 0.01 / 0.3, "M/D/1": 0.35 * 0.01 / 0.3, "nearer": "M/D/1"}
FAILS = {"promised_rps": 200.0, "reached_rps": 120.0, "service_factor": 1.5, "assumption": ASSUMPTION}
LINE = {"fixed_s": 0.004, "per_picture_s": 0.006, "gain": 16 * 0.010 / 0.100}


def ran(
    entries, option: str, compute_s: float, *, rate_rps: float | None = None, answered: int = 100, **fields
) -> None:
    """Append a load record of one second whose answers are spread evenly."""
    server = {"queue_s": 0.012, "input_s": 0.0, "infer_s": compute_s, "output_s": 0.0, "requests": 1, "executions": 1}
    load = {
        "mode": "open" if rate_rps else "closed",
        "target": "gRPC x",
        "duration_s": 1.0,
        "offsets_s": [(n + 0.2) / answered for n in range(answered)],
        "offered_rps": rate_rps,
        "failures": [],
        "server": server | {"batches": {"1": 5, "3": 5}},
        "usage": {"offsets_s": [], "cpu": []},
    }
    details = {"sweep_id": "a"} if rate_rps else {}
    samples = [0.5 / answered] * answered
    entries.measured("load", option, samples, load=load, details=details, **fields)


@pytest.fixture
def known(entries):
    """Return a ledger of lesson 41: 10 ms of service, a sweep, batches on a line, two copies at 15 ms."""
    ran(entries, "theory-1", 0.010, answered=90)
    for share in (0.3, 0.5, 0.7, 0.8, 0.9):
        ran(entries, "theory-1", 0.010, rate_rps=share * 100, answered=round(share * 100))
    for size in (4, 16):
        ran(entries, "theory-batch", 0.004 + 0.006 * size, batch_size=size)
    for rate_rps in (70.0, 100.0):
        ran(entries, "theory-batched", 0.010, rate_rps=rate_rps)
    ran(entries, "theory-2", 0.015, answered=120)
    return entries


RIGHT = {
    "s.theory.capacity": 100.0,
    "s.theory.utilization": [0.3, 0.5, 0.7, 0.8, 0.9],
    "s.theory.wait": WAIT,
    "s.theory.little": 90 * 0.022,
    "s.theory.batch": LINE,
    "s.theory.batched": {"expected": 1.0, "counted": 2.0},
    "s.theory.fails": FAILS,
}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("s.theory.capacity", 90.0, "one sender reached"),
        ("s.theory.capacity", 0.010, "photos a second"),
        ("s.theory.capacity", 50.0, "newest run with one sender"),
        ("s.theory.utilization", [0.3, 0.5], "One number for each run"),
        ("s.theory.utilization", [30, 50, 70, 80, 90], "not in percent"),
        ("s.theory.utilization", [0.5] * 5, "photos inside"),
        ("s.theory.utilization", [0.1] * 5, "same run"),
        ("s.theory.wait", {**WAIT, "M/M/1": WAIT["M/M/1"] + 0.01}, "wait and service together"),
        ("s.theory.wait", {**WAIT, "M/D/1": 1.0}, "M/D/1: put"),
        ("s.theory.wait", {**WAIT, "nearer": "M/M/1"}, "nearer to the counted"),
        ("s.theory.little", 90 * 0.012, "inside too"),
        ("s.theory.little", 7.0, "the last run"),
        ("s.theory.batch", {**LINE, "gain": 1 / 1.6}, "Turned around"),
        ("s.theory.batch", {**LINE, "per_picture_s": 0.1}, "not the line"),
        ("s.theory.batch", {**LINE, "gain": 16.0}, "over its seconds"),
        ("s.theory.batched", {"expected": 1.0, "counted": 1.0}, "counted mean"),
        ("s.theory.batched", {"expected": 0.4, "counted": 2.0}, "at most sixteen"),
        ("s.theory.batched", {"expected": 9.0, "counted": 2.0}, "Solve b"),
        ("s.theory.fails", {**FAILS, "promised_rps": 100.0}, "promised_rps does not follow"),
        ("s.theory.fails", {**FAILS, "assumption": "none"}, "do they speak of"),
        ("s.theory.fails", {**FAILS, "assumption": "bad luck"}, "Choose one"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id, mistake, says) -> None:
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize("id", RIGHT)
def test_the_answer_earns_its_points_and_the_stub_none(known, judge, id) -> None:
    """Right from the records: full. Nothing answered: nothing earned, and the message says so."""
    assert "Not answered" in judge(id, known).message
    verdict = judge(id, known.answered(id, RIGHT[id]))
    assert verdict.ok, verdict


@pytest.mark.parametrize("id", RIGHT)
def test_an_answer_without_its_run_earns_nothing(entries, judge, id) -> None:
    """A right number without a record behind it is a guess."""
    verdict = judge(id, entries.answered(id, RIGHT[id]))
    assert not verdict.ok
    assert "no load record" in verdict.message


def test_the_prediction_is_held_against_the_sweep(known, judge) -> None:
    """Predicted after the first run it is too late; before it, any earnest number will do."""
    assert not judge("s.theory.ninety_guess", known.predicted("s.theory.ninety_guess", 3.0)).ok
    early = type(known)().predicted("s.theory.ninety_guess", 3.0)
    assert judge("s.theory.ninety_guess", early).state == "missing evidence"


@pytest.mark.parametrize(("seconds", "line"), [({1: 0.01, 16: 0.1}, (0.004, 0.006)), ({1: 0.01, 4: 0.2}, (0.0, None))])
def test_the_line_has_no_part_below_zero(seconds, line) -> None:
    """Noise can tilt a line; seconds stay seconds."""
    fixed_s, per_picture_s = line_through(seconds)
    assert fixed_s == pytest.approx(line[0])
    assert per_picture_s == pytest.approx(line[1]) if line[1] else per_picture_s > 0
