"""Who runs when: as many students as fit, nobody's machine twice, wishes where they can be met; table and calendars."""

import dataclasses
import itertools
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from provisioning.classroom.plan import Wish, make_plan, plan_text, read_plan, write_all
from provisioning.classroom.roster import RosterError, Student, Times, read_times
from provisioning.testbed import Booking, Lease, Reservation

from .conftest import FIRST, MODEL, SECOND, nodes

HOURS = st.tuples(st.integers(0, 14), st.integers(15, 23))
TIMES = st.builds(lambda day, hours: Times(day, *map(time, hours)), st.integers(1, 2), HOURS)
WANTED = st.lists(st.lists(TIMES, max_size=2).map(tuple), min_size=2, max_size=2)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
CLASS = (Student("ada-x-edu"), Student("bob", cannot=read_times("Tue")), Student("cyd"))
BOOKED = st.lists(st.tuples(st.integers(0, 46), st.integers(1, 12)), max_size=3)


def students(count: int, **more) -> list[Student]:
    return [Student(f"s{number}", **more) for number in range(count)]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def meet(one, other) -> bool:
    return one.start < other.end and other.start < one.end


def lease_of(student: str, machine: str, start: datetime, end: datetime) -> Lease:
    on = (Reservation("r", "physical:host", f'["==", "$node_name", "{machine}"]'),)
    return Lease(student, f"serve-model-{student}", "PENDING", start, end, on)


@pytest.fixture
def made(wish):
    return make_plan(CLASS, MODEL, {FIRST: nodes("m"), SECOND: nodes("x", site="CHI@UC")}, [], wish)


@settings(deadline=None)
@given(wanted=st.lists(WANTED, max_size=12), booked=BOOKED, machines=st.integers(1, 3))
def test_a_plan_keeps_its_promises_and_planned_again_it_is_the_same(wanted, booked, machines):
    """No student or machine twice at a time, within days, hours and deadline, and never when a student cannot come."""
    wish = Wish(at(10, 0), at(11, 23), UTC, time(9), time(18), frozenset({1, 2}))
    roster = [Student(f"s{number}", "", *one) for number, one in enumerate(wanted)]
    bookings = [
        Booking(at(10, 0) + timedelta(hours=b), at(10, 0) + timedelta(hours=b + h))
        for b, h in booked
    ]
    calendars = {
        FIRST: nodes(*"abc"[:machines], bookings=bookings),
        SECOND: nodes("x", site="CHI@UC"),
    }
    plan = make_plan(roster, MODEL, calendars, [], wish)
    names = [seat.student for seat in plan.seats]
    assert sorted([*names, *plan.without]) == sorted(one.name for one in roster)
    for one, other in itertools.combinations(plan.seats, 2):
        assert one.block.resource != other.block.resource or not meet(one.block, other.block)
    by_name = {one.name: one for one in roster}
    for seat in plan.seats:
        block, student = seat.block, by_name[seat.student]
        assert time(9) <= block.start.time() <= block.end.time() <= time(17, 50)
        assert wish.allows(block.start, block.end)
        assert block.option != FIRST or not any(meet(block, one) for one in bookings)
        assert student.can(block.start, block.end)
        assert seat.wished == student.likes(block.start, block.end)

    blocks = [(seat.student, seat.block) for seat in plan.seats]
    there = [
        (block.option, lease_of(name, block.resource, block.start, block.end))
        for name, block in blocks
    ]
    for found in calendars.values():
        for place, one in enumerate(found):
            ours = tuple(
                Booking(block.start, block.end) for _, block in blocks if block.resource == one.name
            )
            found[place] = dataclasses.replace(one, bookings=one.bookings + ours)
    again = make_plan(roster, MODEL, calendars, there, wish)
    assert [(seat.student, seat.block.start, seat.kept) for seat in again.seats] == [
        (name, block.start, True) for name, block in blocks
    ]


def test_a_later_option_takes_only_what_the_first_cannot(wish):
    """The first option is full before the next one is used, wherever wishes lie; out of service gives no seat."""
    calendars = {FIRST: nodes("a"), SECOND: nodes("x", site="CHI@UC")}
    wanting = students(8, prefers=read_times("Tue 9-12"))
    assert (
        "6 on A100 40 GB at TACC, 2 on A100 80 GB at UC"
        in make_plan(wanting, MODEL, calendars, [], wish).sentence()
    )
    other = make_plan(wanting, MODEL, {SECOND: calendars[SECOND]}, [], wish)
    assert {seat.block.option for seat in other.seats} == {SECOND}
    calendars[FIRST] = [dataclasses.replace(one, reservable=False) for one in calendars[FIRST]]
    assert len(make_plan(wanting, MODEL, calendars, [], wish).seats) == 6


def test_wishes_are_met_where_they_can_be(wish):
    """Three want the same hour of one machine; the one who cannot come on the other day has it."""
    wanting = students(3, prefers=read_times("Tue 9-12"))
    wanting[2] = dataclasses.replace(wanting[2], cannot=read_times("Wed; Tue 12-18"))
    seats = {
        seat.student: seat
        for seat in make_plan(wanting, MODEL, {FIRST: nodes("m")}, [], wish).seats
    }
    assert seats["s2"].block.start == at(10, 9)
    assert [seats[one.name].wished for one in wanting] == [False, False, True]


def test_leases_that_exist_are_kept_and_counted_even_after_the_deadline(wish):
    """On their machine; and the sentence does not promise what a moved deadline breaks."""
    booked = nodes("m", bookings=[Booking(at(12, 9), at(12, 11, 50))])
    there = lease_of("s0", "m", at(12, 9), at(12, 11, 50))
    plan = make_plan(students(2), MODEL, {FIRST: booked}, [(FIRST, there)], wish)
    assert [(seat.student, seat.kept) for seat in plan.seats] == [("s1", False), ("s0", True)]
    assert plan.hours == pytest.approx(2 * 170 / 60)
    assert "All 2 have a block" in plan.sentence()
    assert plan.sentence().endswith("The last ends Thu 12 Mar 11:50.")


def test_a_plan_is_read_as_it_was_written_and_a_calendar_holds_its_students_block(
    made, wish, tmp_path
):
    """Through the table that a person may change, nothing that matters is lost."""
    write_all(made, tmp_path, NOW)
    read = read_plan(tmp_path / "plan.csv", MODEL)
    assert [(seat.student, seat.block) for seat in read] == [
        (seat.student, seat.block) for seat in made.seats
    ]
    assert "8 machine hours." in plan_text(made)
    # Each student's own calendar, with the preparation; a new plan's replace them.
    mine = next(seat.block for seat in made.seats if seat.student == "ada-x-edu")
    events = Calendar.from_ical(
        (tmp_path / "calendars" / "serve-model-ada-x-edu.ics").read_bytes()
    ).walk("VEVENT")
    assert [
        (event.start, event.end) for event in events if str(event["summary"]) == MODEL.title
    ] == [(mine.start, mine.end)]
    assert len(events) == 2
    (tmp_path / "calendars" / "my-own.ics").touch()
    write_all(make_plan(CLASS[:1], MODEL, {FIRST: nodes("m")}, [], wish), tmp_path, NOW)
    assert {path.name for path in (tmp_path / "calendars").iterdir()} == {
        "my-own.ics",
        "serve-model-ada-x-edu.ics",
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("student,", "who,", "lacks the columns student"),
        ("compute_liqid", "gpu_x", "line 2: Part 1: model optimizations has no machine gpu_x"),
        ("2026-03-10 09:00", "10.03.2026", "line 2: time data '10.03.2026' does not match"),
        ("14:50", "11:50", "the block ends before it begins"),
        ("\ncyd,", "\nada-x-edu,", "ada-x-edu has a block already"),
    ],
)
def test_a_plan_that_was_changed_for_the_worse_is_a_sentence(made, tmp_path, old, new, message):
    """A person may edit the table; what does not fit together names its line."""
    write_all(made, tmp_path, NOW)
    path = tmp_path / "plan.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RosterError, match=message):
        read_plan(path, MODEL)
