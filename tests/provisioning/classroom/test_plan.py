"""Who runs when: the most students that fit, each machine once, wishes if possible; table and
calendars.
"""

import dataclasses
import itertools
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from labs.course.roster import RosterError, Student, Times, read_times
from provisioning.classroom.plan import Wish, make_plan, plan_text, read_plan, write_all
from provisioning.testbed import Booking, Lease, Reservation
from tests.provisioning.classroom.conftest import FIRST, MODEL, SECOND, nodes


@st.composite
def times(draw: st.DrawFn) -> Times:
    """Draw hours of Tuesday or Wednesday."""
    begins = time(draw(st.integers(0, 14)))
    ends = time(draw(st.integers(15, 23)))
    return Times(draw(st.integers(1, 2)), begins, ends)


#: Hours that a student prefers, and such that the student cannot.
WANTED = st.lists(st.lists(times(), max_size=2).map(tuple), min_size=2, max_size=2)
#: Bookings: hours from the beginning of the class's days, and how many hours each is.
BOOKED = st.lists(st.tuples(st.integers(0, 46), st.integers(1, 12)), max_size=3)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
CLASS = (Student("ada-x-edu"), Student("bob", cannot=read_times("Tue")), Student("cyd"))


def students(count: int, **more) -> list[Student]:
    return [Student(f"s{number}", **more) for number in range(count)]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def meet(first, second) -> bool:
    return first.start < second.end and second.start < first.end


def lease_of(student: str, machine: str, start: datetime, end: datetime) -> Lease:
    on = (Reservation("r", "physical:host", f'["==", "$node_name", "{machine}"]'),)
    return Lease(student, f"serve-model-{student}", "PENDING", start, end, on)


@pytest.fixture
def class_plan(wish):
    calendars = {FIRST: nodes("m"), SECOND: nodes("x", site="CHI@UC")}
    return make_plan(CLASS, MODEL, calendars, [], wish)


@settings(deadline=None)
@given(wanted=st.lists(WANTED, max_size=12), booked=BOOKED, machines=st.integers(1, 3))
def test_a_plan_keeps_its_promises_and_planned_again_it_is_the_same(wanted, booked, machines):
    """No student or machine twice at a time, within days, hours and deadline, and never when a
    student cannot come.
    """
    days_begin = at(10, 0)
    wish = Wish(days_begin, at(11, 23), UTC, time(9), time(18), frozenset({1, 2}))
    roster = []
    for number, (prefers, cannot) in enumerate(wanted):
        roster.append(Student(f"s{number}", "", prefers, cannot))
    bookings = []
    for begin_h, length_h in booked:
        start = days_begin + timedelta(hours=begin_h)
        bookings.append(Booking(start, start + timedelta(hours=length_h)))
    first_nodes = nodes(*"abc"[:machines], bookings=bookings)
    calendars = {FIRST: first_nodes, SECOND: nodes("x", site="CHI@UC")}
    plan = make_plan(roster, MODEL, calendars, [], wish)
    by_name = {student.name: student for student in roster}
    names = [seat.student for seat in plan.seats]
    assert sorted([*names, *plan.without]) == sorted(by_name)
    blocks = [seat.block for seat in plan.seats]
    for first, second in itertools.combinations(blocks, 2):
        assert first.resource != second.resource or not meet(first, second)
    for seat in plan.seats:
        check_seat(seat, by_name[seat.student], wish, bookings)

    leases = []
    for name, block in zip(names, blocks, strict=True):
        lease = lease_of(name, block.resource, block.start, block.end)
        leases.append((block.option, lease))
    booked_calendars = {}
    for option, machines_of_option in calendars.items():
        booked_calendars[option] = [with_blocks(machine, blocks) for machine in machines_of_option]
    second_plan = make_plan(roster, MODEL, booked_calendars, leases, wish)
    assert [seat.student for seat in second_plan.seats] == names
    assert all(seat.reserved for seat in second_plan.seats)
    second_starts = [seat.block.start for seat in second_plan.seats]
    assert second_starts == [block.start for block in blocks]


def check_seat(seat, student: Student, wish: Wish, bookings: list[Booking]) -> None:
    """A seat lies where class, student and the first option's bookings allow it."""
    block = seat.block
    assert time(9) <= block.start.time()
    assert block.start.time() <= block.end.time() <= time(17, 50)
    assert wish.allows(block.start, block.end)
    if block.option == FIRST:
        assert not any(meet(block, booking) for booking in bookings)
    assert student.can(block.start, block.end)
    assert seat.wished == student.likes(block.start, block.end)


def with_blocks(machine, blocks):
    """Return a machine that is also booked in its own blocks."""
    ours = [Booking(block.start, block.end) for block in blocks if block.resource == machine.name]
    return dataclasses.replace(machine, bookings=(*machine.bookings, *ours))


def test_a_later_option_takes_only_what_the_first_cannot(wish):
    """The first option is full before the next one is used, wherever wishes lie; out of service
    gives no seat.
    """
    calendars = {FIRST: nodes("a"), SECOND: nodes("x", site="CHI@UC")}
    wanting = students(8, prefers=read_times("Tue 9-12"))
    plan = make_plan(wanting, MODEL, calendars, [], wish)
    assert "6 on A100 40 GB at TACC, 2 on A100 80 GB at UC" in plan.sentence()
    second_only = make_plan(wanting, MODEL, {SECOND: calendars[SECOND]}, [], wish)
    assert {seat.block.option for seat in second_only.seats} == {SECOND}
    (node,) = calendars[FIRST]
    calendars[FIRST] = [dataclasses.replace(node, reservable=False)]
    assert len(make_plan(wanting, MODEL, calendars, [], wish).seats) == 6


def test_machines_of_a_class_are_filled_side_by_side(wish):
    """Each is a site, and none comes after another; the plan says what the hours cost."""
    shared = dataclasses.replace(
        FIRST, name="a machine of your class", type="class-model", usd_per_hour=1.2
    )
    options = [dataclasses.replace(shared, site=f"class machine labs@{name}") for name in "ab"]
    spec = dataclasses.replace(MODEL, options=(*options, SECOND))
    calendars = {option: nodes("box", site=option.site) for option in options}
    calendars[SECOND] = nodes("n")
    plan = make_plan(students(2), spec, calendars, [], wish)
    assert {seat.block.option for seat in plan.seats} == set(options)
    assert {seat.block.start for seat in plan.seats} == {at(10, 9)}
    assert "2 on a machine of your class;" in plan.sentence()
    assert plan.cost() == " They cost 6.80 dollars by the assignment."
    more = make_plan(students(13), spec, calendars, [], wish)
    assert more.cost().endswith(", and an unknown price for 1 of the blocks.")


def test_wishes_are_met_where_they_can_be(wish):
    """Three students prefer the same hour of one machine; the student who cannot come on the other
    day gets it.
    """
    wanting = students(3, prefers=read_times("Tue 9-12"))
    wanting[2] = dataclasses.replace(wanting[2], cannot=read_times("Wed; Tue 12-18"))
    plan = make_plan(wanting, MODEL, {FIRST: nodes("m")}, [], wish)
    seats = {seat.student: seat for seat in plan.seats}
    assert seats["s2"].block.start == at(10, 9)
    assert [seats[name].wished for name in ("s0", "s1", "s2")] == [False, False, True]


def test_leases_that_exist_are_kept_and_counted_even_after_the_deadline(wish):
    """On their machine; and the sentence does not promise what a moved deadline breaks."""
    start, end = at(12, 9), at(12, 11, 50)
    booked = nodes("m", bookings=[Booking(start, end)])
    lease = lease_of("s0", "m", start, end)
    plan = make_plan(students(2), MODEL, {FIRST: booked}, [(FIRST, lease)], wish)
    reserved = {seat.student: seat.reserved for seat in plan.seats}
    assert reserved == {"s1": False, "s0": True}
    assert plan.hours == pytest.approx(2 * 170 / 60)
    assert "All 2 have a block" in plan.sentence()
    assert plan.sentence().endswith("The last ends Thu 12 Mar 11:50.")


def test_a_plan_is_read_as_it_was_written_and_a_calendar_holds_its_students_block(
    class_plan, wish, tmp_path
):
    """Through the table that a person may change, nothing that matters is lost."""
    write_all(class_plan, tmp_path, NOW)
    blocks = {seat.student: seat.block for seat in class_plan.seats}
    read_seats = read_plan(tmp_path / "plan.csv", MODEL)
    assert {seat.student: seat.block for seat in read_seats} == blocks
    assert "8 machine hours." in plan_text(class_plan)
    # Each student's own calendar, with the preparation; a new plan's replace them.
    calendars = tmp_path / "calendars"
    text = (calendars / "serve-model-ada-x-edu.ics").read_bytes()
    preparation, lab = sorted(Calendar.from_ical(text).walk("VEVENT"), key=_event_start)
    assert str(preparation["summary"]) == f"Prepare for {MODEL.title}"
    assert str(lab["summary"]) == MODEL.title
    assert (lab.start, lab.end) == (blocks["ada-x-edu"].start, blocks["ada-x-edu"].end)
    (calendars / "my-own.ics").touch()
    smaller_plan = make_plan(CLASS[:1], MODEL, {FIRST: nodes("m")}, [], wish)
    write_all(smaller_plan, tmp_path, NOW)
    names = {path.name for path in calendars.iterdir()}
    assert names == {"my-own.ics", "serve-model-ada-x-edu.ics"}


def _event_start(event) -> datetime:
    return event.start


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
def test_a_plan_that_was_changed_for_the_worse_is_a_sentence(
    class_plan, tmp_path, old, new, message
):
    """A person may edit the table; a contradiction in it names its line."""
    write_all(class_plan, tmp_path, NOW)
    path = tmp_path / "plan.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RosterError, match=message):
        read_plan(path, MODEL)
