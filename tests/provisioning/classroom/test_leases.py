"""The class's leases: made once, extended, moved without a gap, and given back if the student did
not come.
"""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from labs.course.roster import Student
from provisioning.classroom import leases
from provisioning.classroom.plan import make_plan
from provisioning.planning.blocks import block_end, calendars_of, free_resources
from provisioning.testbed import Booking
from provisioning.testbed.errors import ConflictError, NoCapacityError, ServiceBusyError
from tests.provisioning.classroom.conftest import FIRST, MODEL, nodes

BEFORE = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def seats(wish):
    students = [Student(name) for name in ("ada", "bob", "cyd")]
    plan = make_plan(students, MODEL, {FIRST: nodes("a", "b", "c")}, [], wish)
    return plan.seats


def outcome(memory, seats, now=BEFORE) -> list[str]:
    return [what for _, what in leases.reserve_all(lambda _site: memory, "model", seats, now)]


def test_reserving_again_fills_the_gaps_only(memory, seats):
    """A refusal does not stop the others; a second run makes only missing leases."""
    memory.refuse("reserve", None, NoCapacityError("taken meanwhile"))
    assert outcome(memory, seats) == ["reserved", "refused: taken meanwhile (b)", "reserved"]
    assert outcome(memory, seats) == ["there already", "reserved", "there already"]
    assert outcome(memory, seats) == ["there already"] * 3
    memory.lease_list[0] = dataclasses.replace(memory.lease_list[0], status="TERMINATED")
    evening = datetime(2026, 3, 10, 20, tzinfo=UTC)
    assert outcome(memory, seats, evening) == ["over", "there already", "there already"]
    names = {lease.name for lease in memory.lease_list}
    assert names == {"serve-model-ada", "serve-model-bob", "serve-model-cyd"}
    assert len(memory.lease_list) == 3


def test_a_refused_machine_is_passed_over_and_the_next_plan_is_another_one(memory, seats):
    """For a machine that the plan leaves free then; a new plan does not offer it for those
    hours.
    """
    reserve = memory.reserve
    memory.resources = lambda _kind, _type: nodes("a", "b", "c", "d")

    def refuse(request):
        if request.node == "b":
            raise NoCapacityError("not enough hosts available")
        return reserve(request)

    memory.reserve = refuse
    assert outcome(memory, seats) == ["reserved", "reserved: on d, for b was refused", "reserved"]
    calendars, _ = calendars_of(MODEL, lambda _site: memory)
    block = seats[1].block
    free = free_resources(calendars[FIRST], block.start, block.end)
    assert [machine.name for machine in free] == ["a", "c", "d"]


def test_a_lease_that_was_moved_by_hand_stands_for_its_seat(memory, seats):
    """No second lease beside the one at another time; a seat whose time has come is not made, and
    said so.
    """
    start = BEFORE + timedelta(days=3)
    memory.give_lease("serve-model-ada", "PENDING", start=start, end=start + timedelta(hours=3))
    assert outcome(memory, seats) == [
        "has another one: Wed 04 Mar 00:00 UTC",
        "reserved",
        "reserved",
    ]
    late = [dataclasses.replace(seats[0], student="dan")]
    assert outcome(memory, late, datetime(2026, 4, 1, tzinfo=UTC)) == [
        "not made: its time has come already"
    ]


def test_a_site_in_maintenance_stands_in_nobody_elses_way(memory, seats):
    """Its own seats are refused in a sentence."""
    block_elsewhere = dataclasses.replace(seats[1].block, option=MODEL.options[1])
    elsewhere = dataclasses.replace(seats[1], block=block_elsewhere)

    def testbed_for(site):
        if site == "CHI@UC":
            raise ServiceBusyError("CHI@UC is in maintenance")
        return memory

    chosen = [seats[0], elsewhere, seats[2]]
    outcomes = [what for _, what in leases.reserve_all(testbed_for, "model", chosen, BEFORE)]
    assert outcomes == ["reserved", "refused: CHI@UC is in maintenance", "reserved"]


def test_moving_makes_the_new_lease_first(memory):
    """On any free machine that the site grants; a student who cannot have the new block keeps the
    old one.
    """
    start = datetime(2026, 3, 10, 12, tzinfo=UTC)
    hour = timedelta(hours=1)
    free = nodes("a", "b", bookings=[Booking(start - hour, start)])
    memory.resources = lambda _kind, _type: free
    memory.refuse("reserve", NoCapacityError("taken meanwhile"))
    day_before = start - timedelta(days=1)
    old_start = day_before - timedelta(hours=4)
    memory.give_lease("serve-model-ada", "PENDING", start=old_start, end=day_before)
    option, machine, lease = leases.move(lambda _site: memory, MODEL, "ada", start)
    assert (option, machine, lease.start) == (FIRST, "b", start)
    assert lease.end == block_end(start, 4, FIRST.end_minute), "an accommodation goes along"
    assert memory.requests.index("reserve") < memory.requests.index("delete_lease")
    with pytest.raises(NoCapacityError, match="no machine of"):
        leases.move(lambda _site: memory, MODEL, "ada", start - hour)
    assert [remaining.id for remaining in memory.lease_list] == [lease.id]
    # On a machine that runs, moving would delete what was measured.
    memory.lease_list = [dataclasses.replace(lease, status="ACTIVE")]
    memory.make("serve-model-ada", "server")
    with pytest.raises(ConflictError, match="a machine runs on serve-model-ada"):
        leases.move(lambda _site: memory, MODEL, "ada", start + timedelta(days=1))


def test_what_those_who_left_hold_is_asked_and_given_back_together(memory, monkeypatch):
    """Two students need the same number of lists as one; students who are still in the class keep
    everything.
    """
    monkeypatch.setattr(leases, "poll_s", lambda: 0.0)
    for name in ("ada", "bob", "cyd"):
        memory.give_lease(f"serve-model-{name}")
        memory.make(f"serve-model-{name}", "server")
    lines = list(leases.drop(memory, "model", ("ada", "bob"), release=True))
    assert sorted(line.partition(" at ")[0] for line in lines) == [
        "ada: lease serve-model-ada",
        "ada: server serve-model-ada",
        "bob: lease serve-model-bob",
        "bob: server serve-model-bob",
    ]
    # The list itself, then one look each before machines, before leases, and after.
    assert memory.requests.count("leases") == 4
    assert [lease.name for lease in memory.lease_list] == ["serve-model-cyd"]
    assert [machine.name for machine in memory.machine_list] == ["serve-model-cyd"]
