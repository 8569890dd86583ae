"""Lesson 40's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

import pytest

OBJECTIVE = {"latency_s": 0.05, "q": 95, "error_rate": 0.01}
WINNER = {"option": "best-2x1", "rate_rps": 140.0}
PRICE = {"fastest": "best-1x2", "share": 0.7}
SKIPPED = {"options": ["best-1x1"], "could_win": False}
VERIFIED = {"p95_s": 0.02, "low": 0.02, "high": 0.02, "verdict": "kept"}


def ran(entries, option: str, latency_s: float, *, rate_rps: float | None = None, answered: int = 100, failed: int = 0):
    """Append a run of the search that lasted a second."""
    load = {
        "mode": "open" if rate_rps else "closed",
        "target": "gRPC x",
        "duration_s": 1.0,
        "offsets_s": [n / answered / 2 for n in range(answered)],
        "offered_rps": rate_rps,
        "failures": [{"offset_s": 0.1, "latency_s": 0.0, "status": 503}] * failed,
        "usage": {"offsets_s": [], "cpu": []},
    }
    details = {"search": "lesson-40", "level": {}, "objective": OBJECTIVE}
    return entries.measured("load", option, [latency_s] * answered, load=load, details=details)


@pytest.fixture
def known(entries):
    """Return a search: 2x1 keeps 140 of its 200; 1x1 was given up; 1x2 is faster flat out and keeps 100."""
    ran(entries, "best-2x1", 0.080, answered=200)
    ran(entries, "best-2x1", 0.040, rate_rps=140.0)
    ran(entries, "best-2x1", 0.060, rate_rps=180.0)
    ran(entries, "best-1x1", 0.080, answered=110)
    ran(entries, "best-1x2", 0.080, answered=220)
    ran(entries, "best-1x2", 0.040, rate_rps=100.0)
    # Fast only because it refused: no promise is kept that way.
    ran(entries, "best-1x2", 0.001, rate_rps=154.0, failed=5)
    # Requests that never meet: enough busy periods in one run.
    load = {"mode": "open", "duration_s": 30.0, "offsets_s": [n / 10 for n in range(300)], "offered_rps": 10.0}
    return entries.measured("load", "best-verified", [0.02] * 300, load=load, details={"run": 0})


RIGHT = {"s.best.winner": WINNER, "s.best.price": PRICE, "s.best.skipped": SKIPPED, "s.best.verified": VERIFIED}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("s.best.winner", {**WINNER, "rate_rps": 200.0}, "closed loop, where no promise"),
        ("s.best.winner", {**WINNER, "rate_rps": 180.0}, "at which it *kept*"),
        ("s.best.winner", {"option": "2x1", "rate_rps": 140.0}, "as the table does"),
        ("s.best.winner", {"option": "best-1x2", "rate_rps": 154.0}, "fastest in the closed loop"),
        ("s.best.winner", {"option": "best-1x1", "rate_rps": 110.0}, "higher rate"),
        ("s.best.price", {**PRICE, "fastest": "best-2x1"}, "Compare the closed loops"),
        ("s.best.price", {**PRICE, "share": 1 / 0.7}, "Turned around"),
        ("s.best.price", {**PRICE, "share": 0.3}, "given up"),
        ("s.best.price", {**PRICE, "share": 0.5}, "first entry"),
        ("s.best.skipped", {**SKIPPED, "options": []}, "nothing else"),
        ("s.best.skipped", {**SKIPPED, "could_win": True}, "carry at most"),
        ("s.best.verified", {**VERIFIED, "p95_s": 20.0}, "in seconds"),
        ("s.best.verified", {**VERIFIED, "low": 0.01}, "does not follow"),
        ("s.best.verified", {**VERIFIED, "verdict": "cannot tell"}, "all beyond"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id, mistake, says) -> None:
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize("id", RIGHT)
def test_the_answer_earns_its_points_and_the_stub_none(known, judge, id) -> None:
    """Right from the records: full. Nothing answered: nothing earned."""
    assert "Not answered" in judge(id, known).message
    verdict = judge(id, known.answered(id, RIGHT[id]))
    assert verdict.ok, verdict


@pytest.mark.parametrize("id", RIGHT)
def test_an_answer_without_the_search_earns_nothing(entries, judge, id) -> None:
    """A right answer without a run behind it is a guess."""
    assert "no run of the search" in judge(id, entries.answered(id, RIGHT[id])).message


def test_where_nobody_keeps_it_none_is_the_answer(entries, judge) -> None:
    """An objective that no configuration keeps is an outcome, and 'none' its name."""
    ran(entries, "best-2x1", 0.080, answered=200)
    ran(entries, "best-2x1", 0.900, rate_rps=140.0)
    assert judge("s.best.winner", entries.answered("s.best.winner", {"option": "none", "rate_rps": 0})).ok
    assert judge("s.best.price", entries.answered("s.best.price", {"fastest": "best-2x1", "share": 0.0})).ok


def test_the_guess_is_one_of_the_four_and_comes_first(known, judge) -> None:
    """A name that was not offered is none, and after the search it is too late."""
    early = type(known)().predicted("s.best.guess", "2x1")
    assert judge("s.best.guess", early).state == "missing evidence"
    assert "Choose one" in judge("s.best.guess", type(known)().predicted("s.best.guess", "3x1")).message
    assert not judge("s.best.guess", known.predicted("s.best.guess", "2x1")).ok
