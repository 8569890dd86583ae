"""Several works at once: begun together, told as one, stopped as one."""

from __future__ import annotations

import threading
from functools import partial

import psutil
import pytest

from labs.load import Cancelled, closed_loop
from labs.load.race import together


def test_works_run_at_the_same_time_and_come_back_in_order() -> None:
    """Each waits for the other, which only works side by side; what they return stands in their order."""
    meeting = threading.Barrier(2)

    def work(on_progress, name: str) -> str:
        meeting.wait(30)
        on_progress(0.5, name)
        return name

    told = []
    works = [partial(work, name=name) for name in ("first", "second")]
    assert together(*works, on_progress=lambda fraction, text: told.append((fraction, text))) == ["first", "second"]
    assert 0.5 in [fraction for fraction, _ in told]
    assert {"first", "second"} <= {word for _, text in told for word in text.split("; ")}


def test_the_first_error_comes_out_after_all_have_ended() -> None:
    """Whoever is still at work when another fails is waited for."""
    failed, ended = threading.Event(), []

    def fail(on_progress) -> None:
        failed.set()
        raise ValueError("no")

    def go_on(on_progress) -> None:
        failed.wait(30)
        on_progress(1.0, "")
        ended.append(True)

    with pytest.raises(ValueError, match="no"):
        together(go_on, fail)
    assert ended == [True]


def test_cancel_stops_all_of_them(told_target) -> None:
    """One Cancel for two runs of a minute: both senders end at their next report, and no process is left."""

    def on_progress(fraction: float, text: str) -> None:
        if text.count("requests/s") == 2:
            raise Cancelled("enough")

    before = {child.pid for child in psutil.Process().children()}
    runs = [partial(closed_loop, told_target, concurrency=1, duration_s=60, option=name) for name in ("a", "b")]
    with pytest.raises(Cancelled):
        together(*runs, on_progress=on_progress)
    assert {child.pid for child in psutil.Process().children()} <= before
