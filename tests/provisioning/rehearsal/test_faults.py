"""Every fault strikes where it should, once, and the next attempt succeeds; and the switches of a notebook."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioning.rehearsal import drills, place
from provisioning.rehearsal.faults import FAULTS, parse_fault
from provisioning.rehearsal.world.clock import SERVER_BOOT_S, SSH_AFTER_ACTIVE_S
from provisioning.testbed.surroundings import MachineClock


def test_a_fault_is_spelt_with_seconds_times_and_user() -> None:
    found = {"id": "slow-boot@mary", "name": "slow-boot", "seconds": 7200.0, "times": 3, "user": "mary"}
    assert parse_fault("slow-boot=7200:3@mary") == found
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


@pytest.mark.parametrize(
    ("fault", "method", "path", "status"),
    [
        ("session-401", "GET", "reservation/v1/leases", 401),
        ("service-503", "GET", "reservation/v1/leases", 503),
    ],
)
def test_one_request_fails_and_the_next_succeeds(student, world, fault, method, path, status) -> None:
    mary, john = student(), student("john")
    world.faults.arm(f"{fault}@mary")
    assert john.send(method, path).status_code == 200
    assert [mary.send(method, path).status_code for _ in range(2)] == [status, 200]


def test_faults_of_a_start_shape_one_server_each(student, world, hand) -> None:
    mary = student()
    _, reservation_id = mary.leased(hand, hours=6.0)
    for fault, settled_s, ssh_s, fate in (
        ("server-error", SERVER_BOOT_S, SSH_AFTER_ACTIVE_S, "ERROR"),
        ("slow-boot", 3600, SSH_AFTER_ACTIVE_S, "ACTIVE"),
        ("ssh-late", SERVER_BOOT_S, 1800, "ACTIVE"),
        ("ssh-never", SERVER_BOOT_S, 1e18, "ACTIVE"),
    ):
        world.faults.arm(fault)
        server = world.store.get("server", mary.start_server(reservation_id)["id"])
        assert server["settled_at_s"] - world.now() == settled_s
        assert server["ssh_at_s"] - server["settled_at_s"] == pytest.approx(ssh_s)
        assert server["fate"] == fate
        world.remove_machine("server", server)
    assert world.store.find("fault") == []


def test_every_fault_meets_python_chi_or_a_request_and_says_what_one_sees() -> None:
    """The flow of `tests/provisioning/contract` arms them for unmodified python-chi."""
    flow = Path(__file__).parents[1] / "contract" / "flows" / "faults.py"
    text = flow.read_text(encoding="utf-8") + Path(__file__).read_text(encoding="utf-8")
    assert [name for name in FAULTS if f'"{name}' not in text] == []
    assert all(fault.seen.endswith(".") and len(fault.seen) > 20 for fault in FAULTS.values())


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
    assert type(drills.site_clock()) is MachineClock


def test_a_rehearsal_that_is_gone_says_how_to_bring_it_back(monkeypatch, tmp_path) -> None:
    """The message names the command; the countdown goes on by the computer's own clock."""
    monkeypatch.setenv("REHEARSAL_PORTS", str(tmp_path / "ports.json"))
    monkeypatch.setenv("REHEARSAL_HOME", str(tmp_path))
    monkeypatch.setattr(drills.PlayedClock, "_known", None)
    with pytest.raises(place.RehearsalDownError, match="rehearsal up"):
        drills.drills()
    assert abs(drills.site_clock().now() - datetime.now(UTC)) < timedelta(seconds=60)


@pytest.fixture
def asked(monkeypatch):
    """A rehearsal that answers what the test prepared, and keeps what it was asked."""
    kept, answers = [], {"/status": {"advanced_s": 0.0, "faults": []}, "/clock": {"now": "2026-03-02T12:00:00Z"}}

    def ask(_home, method, path, body=None):
        kept.append((method, path, body))
        return answers.get(path)

    monkeypatch.setenv("REHEARSAL_PORTS", "somewhere")
    monkeypatch.setattr(place, "ask", ask)
    monkeypatch.setattr(drills.PlayedClock, "_known", None)
    return kept, answers


def test_a_fault_is_armed_as_the_command_line_spells_it_and_shown_with_what_is_left_of_it(asked) -> None:
    """Once, several times, always; and a full spelling passes through."""
    kept, answers = asked
    for name, times in (("no-hosts", 1), ("no-hosts", 3), ("ssh-never", -1), ("slow-boot=60:2@ada", 1)):
        drills.arm(name, times)
    spelt = ["no-hosts:1", "no-hosts:3", "ssh-never:always", "slow-boot=60:2@ada"]
    assert [body["fault"] for _, _, body in kept] == spelt
    answers["/status"]["faults"] = [{"name": "no-hosts", "times": 2}, {"name": "ssh-late", "times": -1}]
    strikes = {drill.name: drill.strikes for drill in drills.drills()}
    assert {name: count for name, count in strikes.items() if count} == {"no-hosts": 2, "ssh-late": -1}
    assert len(strikes) == len(FAULTS)


def test_the_calendar_is_moved_to_a_moment_and_never_back(asked) -> None:
    """Just beyond it, so that what begins then has begun; the clock is asked once for many looks, anew after a move."""
    kept, answers = asked
    drills.advance_to(datetime.now(UTC) - timedelta(hours=1))
    assert not [path for _, path, _ in kept if path == "/clock"]
    answers["/status"] = {"advanced_s": 3600.0}
    assert drills.advance_to(datetime.now(UTC) + timedelta(hours=3)) == datetime(2026, 3, 2, 12, tzinfo=UTC)
    (moved,) = [body["advance_s"] for _, path, body in kept if path == "/clock"]
    assert 7190 < moved <= 7202
    kept.clear()
    ahead = [drills.site_clock().now() - datetime.now(UTC) for _ in range(5)]
    assert all(timedelta(minutes=59) < each <= timedelta(hours=1) for each in ahead)
    assert len(kept) == 1
