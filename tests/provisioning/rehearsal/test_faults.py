"""A fault strikes whom it should, as often as it should; and the switches and the calendar of a notebook.

What each fault does to a set-up, the flows beside this show (``lab``).
"""

from datetime import UTC, datetime, timedelta

import pytest

from provisioning.rehearsal import drills, place
from provisioning.rehearsal.faults import FAULTS, parse_fault
from provisioning.testbed.surroundings import CALENDAR_NAME, MachineClock, site_clock


def test_a_fault_is_spelt_with_site_seconds_times_and_user() -> None:
    found = {"name": "slow-boot", "site": "uc", "seconds": 7200.0, "times": 3, "user": "mary"}
    assert parse_fault("slow-boot/uc=7200:3@mary") == {"id": "slow-boot/uc@mary", **found}
    assert parse_fault("no-hosts:always")["times"] == -1
    assert parse_fault("ssh-late")["seconds"] == FAULTS["ssh-late"].seconds
    with pytest.raises(ValueError, match=r"NAME one of .*ssh-late"):
        parse_fault("ssh-latte")


def test_a_fault_strikes_as_often_as_it_was_armed_and_only_its_user(world) -> None:
    world.faults.arm("no-hosts:2@mary")
    assert world.faults.strike("no-hosts", "john") is None
    assert [bool(world.faults.strike("no-hosts", "mary")) for _ in range(3)] == [True, True, False]
    world.faults.arm("no-hosts:always")
    assert all(world.faults.strike("no-hosts", "anybody") for _ in range(5))
    world.faults.clear("no-hosts")
    assert world.store.find("fault") == []


ACTS = {
    "arm": lambda: drills.arm("no-hosts"),
    "disarm": drills.disarm,
    "advance": lambda: drills.advance(timedelta(hours=1)),
    "advance_to": lambda: drills.advance_to(datetime(2100, 1, 1, tzinfo=UTC)),
    "drills": drills.drills,
    "status": drills.status,
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_the_real_testbed_is_refused_without_a_request(monkeypatch, act) -> None:
    """Not even asked: there is nothing there that could answer."""
    monkeypatch.delenv("REHEARSAL_PORTS", raising=False)
    monkeypatch.setattr(place, "ask", lambda *_: pytest.fail("a request was sent"))
    with pytest.raises(drills.NotRehearsingError, match="rehearsal"):
        act()
    assert type(site_clock()) is MachineClock


def test_a_rehearsal_that_is_gone_says_how_to_bring_it_back(monkeypatch, tmp_path) -> None:
    """The message names the command; the countdown goes on by the computer's own clock."""
    monkeypatch.setenv("REHEARSAL_PORTS", str(tmp_path / "ports.json"))
    monkeypatch.setenv("REHEARSAL_HOME", str(tmp_path))
    with pytest.raises(place.RehearsalDownError, match="rehearsal up"):
        drills.drills()
    assert abs(site_clock().now() - datetime.now(UTC)) < timedelta(seconds=60)


@pytest.fixture
def asked(monkeypatch):
    """A rehearsal that answers what the test prepared, and keeps what it was asked."""
    kept, answers = (
        [],
        {"/status": {"now": "2026-03-02T09:00:00Z", "faults": []}, "/clock": {"now": "2026-03-02T12:00:00Z"}},
    )

    def ask(_home, method, path, body=None):
        kept.append((method, path, body))
        return answers.get(path)

    monkeypatch.setenv("REHEARSAL_PORTS", "somewhere")
    monkeypatch.setattr(place, "ask", ask)
    return kept, answers


def test_the_calendar_is_moved_to_a_moment_and_never_back(asked) -> None:
    """Just beyond it, so that what begins then has begun."""
    kept, answers = asked
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert drills.advance_to(now - timedelta(hours=1)) == now
    assert not [path for _, path, _ in kept if path == "/clock"]
    assert drills.advance_to(now + timedelta(hours=3)) == datetime.fromisoformat(answers["/clock"]["now"])
    assert [body["advance_s"] for _, path, body in kept if path == "/clock"] == [3 * 3600 + 1]


@pytest.mark.parametrize(
    ("text", "ahead_s"), [(None, 0), ('{"ahead_s": 7200}', 7200), ("[", 0), ('{"ahead_s": "x"}', 0), ("[]", 0)]
)
def test_the_sites_clock_runs_ahead_as_the_rehearsal_wrote_down(monkeypatch, tmp_path, text, ahead_s) -> None:
    """Without asking it, so that a countdown goes on while the rehearsal is down."""
    monkeypatch.setenv("REHEARSAL_PORTS", str(tmp_path / "ports.json"))
    if text is not None:
        (tmp_path / CALENDAR_NAME).write_text(text)
    assert abs(site_clock().now() - datetime.now(UTC) - timedelta(seconds=ahead_s)) < timedelta(seconds=60)
