"""Events become a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from provisioning.setup.plan import Step, plan
from provisioning.setup.record import Record
from provisioning.setup.run import Event, Progress, lease_left


def two_branches():
    def step(name, expected_s, *needs):
        return Step(name, name.title(), needs, lambda _c: {}, expected_s, 100)

    return plan([step("boot", 60), step("long", 600, "boot"), step("short", 30, "boot")])


def test_rows_follow_events():
    """State, elapsed, tail and error."""
    progress = Progress(two_branches())
    progress.take(Event("boot", "started"))
    for number in range(20):
        progress.take(Event("boot", "line", f"line {number}", elapsed_s=number))
    row = progress.rows["boot"]
    assert row.state == "running"
    assert list(row.tail) == [f"line {n}" for n in range(12, 20)]
    progress.take(Event("boot", "done", elapsed_s=55))
    progress.take(Event("long", "failed", "Broken.\n  Way out: again", elapsed_s=3))
    progress.take(Event("short", "blocked", "waits for long"))
    text = progress.text()
    assert "v Boot" in text
    assert "x Long" in text
    assert "Way out: again" in text
    assert "- Short" in text


def test_a_wait_that_says_the_same_at_each_look_fills_one_line():
    """What was said before it stays in sight."""
    progress = Progress(two_branches())
    progress.take(Event("boot", "started"))
    for text in ("removing server 7", *["server is BUILD"] * 30):
        progress.take(Event("boot", "line", text))
    assert list(progress.rows["boot"].tail) == ["removing server 7", "server is BUILD"]


def test_time_left_follows_the_longest_branch():
    """Side by side: the short branch does not count."""
    progress = Progress(two_branches())
    assert progress.left_s == 660
    progress.take(Event("boot", "done", elapsed_s=70))
    progress.take(Event("long", "started"))
    progress.take(Event("long", "line", "x", elapsed_s=100))
    assert progress.left_s == 500
    progress.take(Event("long", "line", "x", elapsed_s=900))
    assert progress.left_s == 30


def test_a_new_kernel_shows_what_was_done(tmp_path):
    """'running' in the record of a dead kernel is not running."""
    state = Record(tmp_path / "s.json")
    state.update("boot", state="done", elapsed_s=50)
    state.update("long", state="running")
    state.update("short", state="failed", error="Broken.")
    progress = Progress(two_branches(), state)
    assert [row.state for row in progress.rows.values()] == ["done", "waiting", "failed"]
    assert progress.rows["boot"].elapsed_s == 50


def test_a_retry_starts_its_row_anew():
    """The old error and tail are gone."""
    progress = Progress(two_branches())
    progress.take(Event("boot", "failed", "Broken.", elapsed_s=9))
    progress.take(Event("boot", "retrying", "503"))
    progress.take(Event("boot", "started"))
    row = progress.rows["boot"]
    assert (row.state, row.error, list(row.tail)) == ("running", "", [])


def test_countdown_warns_when_the_lessons_do_not_fit():
    """Two hours left and 150 minutes of lessons."""
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    end = now + timedelta(hours=2)
    assert lease_left(end, now, 3600).text() == "2 h 00 min of the lease left"
    assert "30 min more than is left" in lease_left(end, now, 9000).text()
    assert "has ended" in lease_left(now, now + timedelta(seconds=1), 0).text()
