"""Events become a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from provisioning.setup.graph import Step, plan
from provisioning.setup.progress import Progress, lease_left
from provisioning.setup.runner import Event
from provisioning.setup.state import StateFile


def two_branches():
    def step(name, expected_s, *needs):
        return Step(name, name.title(), needs, lambda _c: {}, expected_s, 100)

    return plan([step("boot", 60), step("long", 600, "boot"), step("short", 30, "boot")])


def after(*events: Event) -> Progress:
    progress = Progress(two_branches())
    for event in events:
        progress.take(event)
    return progress


def test_the_text_shows_state_tail_and_error():
    """A line for each step; a wait that says the same at each look fills one line, and the oldest leave."""
    lines = [Event("boot", "line", text) for text in (*map(str, range(20)), *["server is BUILD"] * 30)]
    progress = after(Event("boot", "started"), *lines)
    assert list(progress.rows["boot"].tail) == [*map(str, range(13, 20)), "server is BUILD"]
    for event in (
        Event("boot", "done", elapsed_s=55),
        Event("long", "failed", "Broken.\n  Way out: again", elapsed_s=3),
        Event("short", "blocked", "waits for long"),
    ):
        progress.take(event)
    for words in ("v Boot", "x Long", "Way out: again", "- Short"):
        assert words in progress.text()


@pytest.mark.parametrize(
    ("events", "left_s"),
    [
        ([], 660),
        (
            [Event("boot", "done", elapsed_s=70), Event("long", "started"), Event("long", "line", "x", elapsed_s=100)],
            500,
        ),
        ([Event("boot", "done"), Event("long", "started"), Event("long", "line", "x", elapsed_s=900)], 30),
    ],
)
def test_time_left_follows_the_longest_branch(events, left_s):
    """Side by side: the short branch does not count."""
    assert after(*events).left_s == left_s


def test_a_new_kernel_shows_what_was_done(tmp_path):
    """'running' in the record of a dead kernel is not running."""
    state = StateFile(tmp_path / "s.json")
    state.update("boot", state="done", elapsed_s=50)
    state.update("long", state="running")
    state.update("short", state="failed", error="Broken.")
    progress = Progress(two_branches(), state)
    assert [row.state for row in progress.rows.values()] == ["done", "waiting", "failed"]
    assert progress.rows["boot"].elapsed_s == 50


def test_a_retry_starts_its_row_anew():
    """The old error and tail are gone."""
    events = (
        Event("boot", "failed", "Broken.", elapsed_s=9),
        Event("boot", "retrying", "503"),
        Event("boot", "started"),
    )
    row = after(*events).rows["boot"]
    assert (row.state, row.error, list(row.tail)) == ("running", "", [])


def test_what_is_left_of_a_lease_is_said():
    """Two hours; then it has ended."""
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert lease_left(now + timedelta(hours=2), now, 3600).text() == "2 h 00 min of the lease left"
    assert "has ended" in lease_left(now, now + timedelta(seconds=1), 0).text()
