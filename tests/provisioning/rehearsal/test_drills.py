"""Faults as a drill: each is described, and the real testbed is out of reach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from provisioning.rehearsal import drills, place
from provisioning.rehearsal.faults import FAULTS
from provisioning.testbed.surroundings import MachineClock


def test_every_fault_says_what_one_sees():
    """No more and no less than there are."""
    assert drills.SEEN.keys() == FAULTS.keys()
    assert all(words.endswith(".") and len(words) > 20 for words in drills.SEEN.values())


@pytest.mark.parametrize(
    "act",
    [
        lambda: drills.arm("no-hosts"),
        lambda: drills.disarm(),
        lambda: drills.advance(timedelta(hours=1)),
        lambda: drills.advance_to(datetime(2100, 1, 1, tzinfo=UTC)),
        drills.drills,
        drills.status,
    ],
    ids=["arm", "disarm", "advance", "advance_to", "drills", "status"],
)
def test_the_real_testbed_is_refused_without_a_request(monkeypatch, act):
    """Not even asked: there is nothing there that could answer."""
    monkeypatch.delenv("REHEARSAL_PORTS", raising=False)
    monkeypatch.setattr(place, "ask", lambda *_: pytest.fail("a request was sent"))
    with pytest.raises(drills.NotRehearsingError, match="rehearsal"):
        act()
    assert type(drills.site_clock()) is MachineClock


def test_a_rehearsal_that_is_gone_says_how_to_bring_it_back(monkeypatch, tmp_path):
    """The message names the command."""
    monkeypatch.setenv("REHEARSAL_PORTS", str(tmp_path / "ports.json"))
    monkeypatch.setenv("REHEARSAL_HOME", str(tmp_path))
    monkeypatch.setattr(drills.PlayedClock, "_known", None)
    with pytest.raises(drills.NoRehearsalAnswersError, match="rehearsal up"):
        drills.drills()
    # The countdown goes on by the computer's own clock.
    assert abs(drills.site_clock().now() - datetime.now(UTC)) < timedelta(seconds=60)


@pytest.fixture
def asked(monkeypatch):
    """A rehearsal that answers what the test prepared, and keeps what it was asked."""
    kept, answers = [], {"/faults": {"armed": []}, "/status": {"advanced_s": 0.0}, "/clock": {"now": ""}}

    def ask(_home, method, path, body=None):
        kept.append((method, path, body))
        return answers.get(path)

    monkeypatch.setenv("REHEARSAL_PORTS", "somewhere")
    monkeypatch.setattr(place, "ask", ask)
    monkeypatch.setattr(place, "port", lambda _home: 1)
    monkeypatch.setattr(drills.PlayedClock, "_known", None)
    return kept, answers


def test_a_fault_is_armed_as_the_command_line_spells_it(asked):
    """Once, several times, always; and a full spelling passes through."""
    kept, _ = asked
    for name, times in (("no-hosts", 1), ("no-hosts", 3), ("ssh-never", -1), ("slow-boot=60:2@ada", 1)):
        drills.arm(name, times)
    assert [body["fault"] for _, _, body in kept] == [
        "no-hosts:1",
        "no-hosts:3",
        "ssh-never:always",
        "slow-boot=60:2@ada",
    ]


def test_armed_faults_are_shown_with_what_is_left_of_them(asked):
    """A fault that was used up is off again."""
    _, answers = asked
    answers["/faults"] = {"armed": [{"name": "no-hosts", "times": 2}, {"name": "ssh-late", "times": -1}]}
    strikes = {drill.name: drill.strikes for drill in drills.drills()}
    assert {name: count for name, count in strikes.items() if count} == {"no-hosts": 2, "ssh-late": -1}
    assert len(strikes) == len(FAULTS)


def test_the_calendar_is_moved_to_a_moment_and_never_back(asked):
    """Just beyond it, so that what begins then has begun."""
    kept, answers = asked
    answers["/clock"] = {"now": "2026-03-02T12:00:00Z"}
    drills.advance_to(datetime.now(UTC) - timedelta(hours=1))
    assert not [path for _, path, _ in kept if path == "/clock"]
    answers["/status"] = {"advanced_s": 3600.0}
    assert drills.advance_to(datetime.now(UTC) + timedelta(hours=3)) == datetime(2026, 3, 2, 12, tzinfo=UTC)
    (moved,) = [body["advance_s"] for _, path, body in kept if path == "/clock"]
    assert 7190 < moved <= 7202


def test_the_played_clock_asks_once_for_many_looks_and_anew_after_a_move(asked):
    """A calendar page looks at the clock a dozen times; the service is asked once."""
    kept, answers = asked
    answers |= {"/status": {"advanced_s": 7200.0}, "/clock": {"now": "2026-03-02T12:00:00Z"}}
    clock = drills.site_clock()
    ahead = [clock.now() - datetime.now(UTC) for _ in range(5)]
    assert all(timedelta(minutes=119) < each <= timedelta(hours=2) for each in ahead)
    assert len(kept) == 1
    answers["/status"] = {"advanced_s": 0.0}
    drills.advance(timedelta(hours=1))
    assert clock.now() - datetime.now(UTC) < timedelta(minutes=1)
