"""Closed and open loops against a real server, from a real sender's process."""

import dataclasses
import socket
import threading
from functools import partial

import numpy as np
import psutil
import pytest

from labs.load import NothingAnsweredError, closed_loop, open_loop, predict
from labs.load.race import together
from labs.load.sender import arrivals
from labs.records import Ledger
from labs.runtimes.progress import Cancelled
from labs.serve.triton.control import Counters
from tests.labs.load.conftest import SERVED, ToldServer


def test_a_closed_loop_is_recorded_whole(told_server, told_target, tmp_path) -> None:
    """Every request has its start and latency; the warm-up is sent and not counted; the ledger gives it back equal."""
    made = closed_loop(told_target, concurrency=3, requests=40, option="plain", details={"lesson": 38})
    assert len(made.samples) == len(made.load.offsets_s) == 40
    assert (made.kind, made.concurrency, made.warmup_count) == ("load", 3, 6)
    assert len(told_server.seen) == 46
    assert 2 <= told_server.most_in_flight <= 3
    assert told_server.seen.count(b"first") == told_server.seen.count(b"second")
    assert min(made.samples) >= 0.002
    assert made.details["first_answer"] == "Bread"
    assert made.details["settings"] == {"instances": 1}
    assert made.details["lesson"] == 38
    assert made.model.sha256 == "a" * 64
    # Each sender waits: a request of the fourth cannot begin before one of the first three has ended.
    ends = sorted(np.add(made.load.offsets_s, made.samples))
    rounded_s = 3e-6
    assert all(begin >= end - rounded_s for begin, end in zip(made.load.offsets_s[3:], ends, strict=False))
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(made)
    assert list(ledger) == [made]


def test_failures_are_kept_apart(told_server, told_target) -> None:
    """Refusals do not flatter the percentiles, and each keeps its status."""
    told_server.status = lambda number: 503 if number % 4 == 3 else 200
    made = closed_loop(told_target, concurrency=2, requests=40, option="refusing")
    assert {one.status for one in made.load.failures} == {503}
    assert len(made.load.failures) == 10
    assert len(made.samples) == 30
    assert made.load.error_rate == pytest.approx(0.25)


def test_nobody_there_is_said_so() -> None:
    """A run without one good answer is no record; the message shows what came instead."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        target = predict(f"http://127.0.0.1:{free.getsockname()[1]}", [b"x"], SERVED, raw=True)
        with pytest.raises(NothingAnsweredError, match=r"none of 5 requests.*Connect"):
            closed_loop(target, concurrency=1, requests=5, option="nobody")


def test_an_open_loop_keeps_its_appointments(told_target) -> None:
    """Requests are due at the seed's Poisson arrivals, and each latency is counted from then."""
    made = open_loop(told_target, rate_rps=80, duration_s=1.0, seed=11, option="open")
    assert made.load.mode == "open"
    assert made.load.offered_rps == 80
    assert made.load.offsets_s == pytest.approx(arrivals(80, 1.0, 11), abs=1e-5)
    lag = np.subtract(made.load.sent_offsets_s, made.load.offsets_s)
    assert lag.min() >= -1e-5
    assert all(np.asarray(made.samples) >= lag + 0.002 - 1e-5)


def test_a_stall_is_felt_by_all_who_came_meanwhile() -> None:
    """Coordinated omission: one stall of a server that does one thing at a time is one slow request in a closed loop,
    and one for everybody who was due meanwhile in an open one."""
    slow = {}
    for mode in ("closed", "open"):
        server = ToldServer(one_at_a_time=True)
        server.pause_s = lambda number: 0.8 if number == 15 else 0.002
        target = predict(server.url, [b"x"], SERVED, raw=True)
        if mode == "closed":
            made = closed_loop(target, concurrency=1, requests=30, warmup_requests=2, option=mode)
        else:
            made = open_loop(target, rate_rps=60, duration_s=1.0, warmup_requests=2, option=mode)
        slow[mode] = sum(sample > 0.3 for sample in made.samples)
        server.close()
    assert slow["closed"] >= 1
    assert slow["open"] >= slow["closed"] + 10


def test_a_run_can_be_stopped(told_target) -> None:
    """Stopping ends the sender's process at once and records nothing."""

    def on_progress(fraction: float, text: str) -> None:
        if "requests/s" in text:
            raise Cancelled("enough")

    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(Cancelled):
        closed_loop(told_target, concurrency=1, duration_s=60, option="long", on_progress=on_progress)
    assert {child.pid for child in psutil.Process().children()} <= before


def test_progress_and_load_are_told(told_target) -> None:
    """A live picture gets rate and latency while the run goes on; the record, how busy the machine was."""
    told = []
    made = closed_loop(
        told_target, concurrency=2, duration_s=1.5, option="x", on_progress=lambda *one: told.append(one)
    )
    fractions = [fraction for fraction, _ in told]
    assert len(told) >= 4
    assert fractions == sorted(fractions)
    assert "requests/s, p50 " in told[-2][1]
    assert made.load.usage.cpu
    assert all(0 <= one <= 1 for one in made.load.usage.cpu)


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"concurrency": 1, "duration_s": 1, "requests": 1}])
def test_what_cannot_be_meant_is_refused(told_target, wrong) -> None:
    """Without a sender, or with two ends, there is no run."""
    with pytest.raises(ValueError, match="starts at 1"):
        closed_loop(told_target, option="x", **wrong)


def test_the_servers_counters_are_the_runs_alone(told_server, told_target) -> None:
    """They are read after the warm-up and before the first counted request, however few requests there are."""
    counted = dataclasses.replace(
        told_target,
        counters=lambda: Counters(
            len(told_server.seen), len(told_server.seen), 0.0, 0.0, 0.002 * len(told_server.seen), 0.0
        ),
    )
    made = closed_loop(counted, concurrency=1, requests=1, warmup_requests=5, option="counted")
    assert (made.load.server.requests, len(told_server.seen)) == (1, 6)
    assert made.load.server.infer_s == pytest.approx(0.002)


def test_open_loops_side_by_side_keep_their_rates_and_names(told_target) -> None:
    """Each has its own record, in the order in which they were named."""
    rates = {"few": 10.0, "many": 40.0}
    loops = [partial(open_loop, told_target, rate_rps=rate, duration_s=1.0, option=one) for one, rate in rates.items()]
    few, many = together(*loops)
    assert [(one.option, one.load.offered_rps) for one in (few, many)] == [("few", 10.0), ("many", 40.0)]
    assert len(few.samples) < len(many.samples)


def test_what_is_done_together_stops_together() -> None:
    """Each waits for the other, which only works side by side; the first one's progress is told, and can stop both."""
    meeting, told = threading.Barrier(2), []

    def work(on_progress, name: str) -> str:
        meeting.wait(30)
        on_progress(0.5, name)
        return name

    works = [partial(work, name=name) for name in ("first", "second")]
    assert together(*works, on_progress=lambda *one: told.append(one)) == ["first", "second"]
    assert told == [(0.5, "first")]

    def long(on_progress) -> None:
        while True:
            on_progress(0.1, "")

    def cancel(*_: object) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        together(long, long, on_progress=cancel)
