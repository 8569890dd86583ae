"""The class's leases: made once, made longer, moved without a gap, given back where nobody came, and watched."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from provisioning.classroom import leases
from provisioning.classroom.plan import make_plan
from provisioning.classroom.roster import Student
from provisioning.setup.release import survey, sweep, table
from provisioning.testbed import Booking, Reservation
from provisioning.testbed.errors import ConflictError, LeaseMissingError, NoCapacityError, ServiceBusyError

from .conftest import FIRST, MODEL, nodes

BEFORE = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def seats(wish):
    plan = make_plan([Student(name) for name in ("ada", "bob", "cyd")], MODEL, {FIRST: nodes("a", "b", "c")}, [], wish)
    return plan.seats


def outcome(memory, seats, now=BEFORE) -> list[str]:
    return [what for _, what in leases.reserve_all(lambda _site: memory, "model", seats, now)]


def test_reserving_again_fills_the_gaps_only(memory, seats):
    """A refusal does not stop the others; a second run makes only what is missing (E1)."""
    refused = iter([False, True])

    def refuse(request):
        if request == "reserve" and next(refused, False):
            raise NoCapacityError("taken meanwhile")

    memory.before = refuse
    assert outcome(memory, seats) == ["reserved", "refused: taken meanwhile", "reserved"]
    memory.before = lambda _request: None
    assert outcome(memory, seats) == ["there already", "reserved", "there already"]
    assert outcome(memory, seats) == ["there already"] * 3
    memory.lease_list[0] = dataclasses.replace(memory.lease_list[0], status="TERMINATED")
    assert outcome(memory, seats, datetime(2026, 3, 10, 20, tzinfo=UTC)) == ["over", "there already", "there already"]
    assert sorted(one.name for one in memory.lease_list) == ["serve-model-ada", "serve-model-bob", "serve-model-cyd"]


def test_a_site_in_maintenance_keeps_nobody_elsewhere_waiting(memory, seats):
    """Its own seats are refused in a sentence, and the next run makes them."""
    elsewhere = dataclasses.replace(seats[1], block=dataclasses.replace(seats[1].block, option=MODEL.options[1]))

    def testbed_for(site):
        if site == "CHI@UC":
            raise ServiceBusyError("CHI@UC is in maintenance")
        return memory

    made = leases.reserve_all(testbed_for, "model", [seats[0], elsewhere, seats[2]], BEFORE)
    assert [what for _, what in made] == ["reserved", "refused: CHI@UC is in maintenance", "reserved"]


def test_a_lease_that_was_moved_by_hand_stands_for_its_seat(memory, seats):
    """No second lease beside the one at another time; a seat whose time has come is not made, and said so (E3)."""
    memory.give_lease(
        "serve-model-ada", "PENDING", start=BEFORE + timedelta(days=3), end=BEFORE + timedelta(days=3, hours=3)
    )
    said = outcome(memory, seats)
    assert said[0] == "has another one: Wed 04 Mar 00:00 UTC"
    assert said[1:] == ["reserved", "reserved"]
    assert outcome(memory, [dataclasses.replace(seats[0], student="dan")], datetime(2026, 4, 1, tzinfo=UTC)) == [
        "not made: its time has come already"
    ]


def test_extending_moves_the_end(memory, clock):
    """By so many hours, of the lease that runs; without one, a sentence."""
    lease = memory.give_lease("serve-model-ada")
    made = leases.extend(lambda _site: memory, "model", "ada", 1.5)
    assert made.end == lease.end + timedelta(hours=1.5)
    with pytest.raises(LeaseMissingError, match="bob has no lease 'serve-model-bob' at CHI@TACC, CHI@UC"):
        leases.extend(lambda _site: memory, "model", "bob", 1)


def test_a_refused_extension_names_whoever_comes_next(memory):
    """(E4) Plans put blocks end to end: an instructor can act on who follows, not on a student's planner."""
    on_m = (Reservation("r", "physical:host", '["==", "$node_name", "m"]'),)
    memory.give_lease("serve-model-ada")
    for days, name in ((2, "serve-model-cyd"), (1, "serve-model-bob")):
        start = memory.lease_list[0].end + timedelta(days=days)
        memory.give_lease(name, "PENDING", start=start, end=start + timedelta(hours=3))
    memory.lease_list = [dataclasses.replace(one, reservations=on_m) for one in memory.lease_list]
    memory.before = lambda request: (_ for _ in ()).throw(NoCapacityError("no")) if request == "extend_lease" else None
    with pytest.raises(NoCapacityError, match="serve-model-bob has m from") as refused:
        leases.extend(lambda _site: memory, "model", "ada", 48)
    assert "`class move`" in refused.value.way_out


def test_a_site_in_maintenance_does_not_hide_a_lease_elsewhere(memory):
    """What did not answer is named where nothing was found."""

    def testbed_for(site):
        if site == "CHI@TACC":
            raise ServiceBusyError("503")
        return memory

    memory.give_lease("serve-model-ada")
    assert leases.lease_of(testbed_for, "model", "ada")[0].site == "CHI@UC"
    with pytest.raises(LeaseMissingError, match=r"CHI@TACC did not answer \(503\), CHI@UC"):
        leases.lease_of(testbed_for, "model", "bob")


def test_moving_makes_the_new_lease_first(memory):
    """Whoever cannot have the new block keeps the old one; a running machine is not moved away under its student."""
    start = datetime(2026, 3, 10, 12, tzinfo=UTC)
    free = nodes("a", bookings=[Booking(start - timedelta(hours=1), start)])
    memory.resources = lambda _kind, _type: free
    old = memory.give_lease("serve-model-ada", "PENDING", start=start - timedelta(days=1), end=start)
    option, machine, made = leases.move(lambda _site: memory, MODEL, "ada", start, BEFORE)
    assert (option, machine, made.start) == (FIRST, "a", start)
    assert [one.id for one in memory.lease_list] == [made.id]
    assert memory.requests.index("reserve") < memory.requests.index("delete_lease")
    with pytest.raises(NoCapacityError, match="no machine of"):
        leases.move(lambda _site: memory, MODEL, "ada", start - timedelta(hours=1), BEFORE)
    assert [one.id for one in memory.lease_list] == [made.id]
    assert old.id != made.id
    with pytest.raises(ValueError, match="has gone by"):
        leases.move(lambda _site: memory, MODEL, "ada", BEFORE, BEFORE)
    memory.give_lease("serve-model-bob")
    memory._make(type("Request", (), {"name": "serve-model-bob"}), "server")
    with pytest.raises(ConflictError, match="a machine runs on serve-model-bob"):
        leases.move(lambda _site: memory, MODEL, "bob", start + timedelta(hours=5), BEFORE)


def test_no_shows_are_given_back_after_a_grace_that_can_be_chosen(memory, clock):
    """Active for 5 minutes without a machine: a no-show after 3, not after 45; strangers' are left alone (E3)."""
    memory.give_lease("serve-model-ada")
    memory.give_lease("serve-model-zoe")
    memory.give_lease("serve-model-bob")
    memory._make(type("Request", (), {"name": "serve-model-bob"}), "server")

    def found(minutes):
        grace = timedelta(minutes=minutes)
        return leases.no_shows(memory, "model", ("ada", "bob"), clock.now(), grace), grace

    assert found(45)[0] == []
    items, grace = found(3)
    assert [item.name for item in items] == ["serve-model-ada"]
    assert sweep(memory, items, clock.now(), grace=grace) == ["deleted lease serve-model-ada"]
    assert [one.name for one in memory.lease_list] == ["serve-model-zoe", "serve-model-bob"]


def test_a_lease_that_is_to_come_is_not_in_use(memory, clock):
    """Future leases were shown as 'in use' (E3)."""
    memory.give_lease("serve-model-ada", "PENDING", start=clock.now() + timedelta(hours=5))
    assert "to come, 02 Mar 17:00 UTC" in table(survey(memory, clock.now()))


def test_who_is_where(memory, clock):
    """Every state has its word, from a fixed number of requests however large the class."""
    for name, status in (
        ("ada", "ACTIVE"),
        ("bob", "ACTIVE"),
        ("cyd", "PENDING"),
        ("dan", "TERMINATED"),
        ("eve", "ERROR"),
    ):
        memory.give_lease(f"serve-model-{name}", status=status)
    memory.fate = ["ACTIVE"]
    memory._make(type("Request", (), {"name": "serve-model-ada"}), "server")
    memory.machine_list[0] = dataclasses.replace(memory.machine_list[0], addresses=("192.0.2.7",))
    memory.requests.clear()
    rows = leases.watch([memory], "model", ("ada", "bob", "cyd", "dan", "eve", "fay"))
    assert {row.student: row.state for row in rows} == {
        "ada": "works", "bob": "no machine", "cyd": "waits", "dan": "over", "eve": "failed", "fay": "none",
    }  # fmt: skip
    assert len(memory.requests) == 2
    text = leases.watch_table(rows, clock.now(), UTC)
    assert "192.0.2.7" in text
    assert "180 min" in text
    assert "1 works, 1 no machine" in text
