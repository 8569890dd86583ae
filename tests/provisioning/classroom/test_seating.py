"""Another solver places the same number of students on drawn classes; students without a block get
a message.
"""

import dataclasses
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import pytest

from labs.course.roster import DAY_ENDS, Student, Times, read_times
from provisioning.classroom.plan import Wish, make_plan
from provisioning.planning.blocks import HOUR, block_end, is_free
from provisioning.testbed import Booking, Resource
from tests.provisioning.classroom.conftest import FIRST, MODEL, SECOND, nodes

MONDAY = datetime(2026, 3, 9, tzinfo=UTC)
FORTNIGHT = Wish(MONDAY, MONDAY + timedelta(days=14), UTC)


def drawn_class(seed: int) -> tuple[list[Student], dict]:
    """Return 8 to 200 students with windows of 3 to 5 hours, half of them from a half hour on, and
    barely enough machines, booked here and there.
    """
    draw = random.Random(seed)
    count = round(8 * 25 ** draw.random() ** 2)
    students = []
    for number in range(count):
        windows = {day: draw.randint(8, 17) for day in draw.sample(range(7), draw.randint(1, 3))}
        cannot = [Times(day, time(0), DAY_ENDS) for day in range(7) if day not in windows]
        for day, first_hour in windows.items():
            minute = draw.choice((0, 30))
            begins = time(first_hour, minute)
            ends = time(first_hour + draw.randint(3, 5), minute)
            cannot += [Times(day, time(0), begins), Times(day, ends, DAY_ENDS)]
        wish: tuple[Times, ...] = ()
        if draw.random() < 0.3:
            wish = (Times(draw.randrange(7), time(8), time(18)),)
        hours = 4 if draw.random() < 0.1 else 0
        students.append(Student(f"s{number}", "", wish, tuple(cannot), hours=hours))
    calendars: dict = {FIRST: [], SECOND: []}
    machine_count = max(1, count // 32) + draw.randint(0, 1)
    for number in range(machine_count):
        booking_count = draw.choice((0, 0, 2, 4))
        start_hours = [draw.randrange(24 * 14) for _ in range(booking_count)]
        bookings = []
        for start_hour in start_hours:
            start = MONDAY + start_hour * HOUR
            bookings.append(Booking(start, start + draw.randint(2, 30) * HOUR))
        option = draw.choice((FIRST, FIRST, SECOND))
        machine = Resource(option.site, f"m{number}", option.type, bookings=tuple(bookings))
        calendars[option].append(machine)
    return students, calendars


def possible_blocks(
    student: Student, calendars: dict, wish: Wish
) -> Iterator[tuple[Resource, datetime]]:
    """Yield each machine with each beginning at which the student could have it."""
    hours = student.hours or MODEL.hours
    for number in range(14 * 24 * HOUR // wish.step):
        start = MONDAY + number * wish.step
        for option, machines in calendars.items():
            end = block_end(start, hours, option.end_minute)
            if not student.can(start, end) or not wish.allows(start, end):
                continue
            for machine in machines:
                if is_free(machine.bookings, start, end):
                    yield machine, start


def bounds(students: list[Student], calendars: dict, wish: Wish) -> tuple[int, float]:
    """Return the number of students that CP-SAT places, and its proven upper bound."""
    cp_model = pytest.importorskip("ortools.sat.python.cp_model")
    model = cp_model.CpModel()
    placed: list = []
    #: For each machine and moment, the unknowns of the blocks in it.
    busy: dict[tuple[str, datetime], list] = defaultdict(list)
    for student in students:
        length = (student.hours or MODEL.hours) * HOUR
        blocks_of_student = []
        for machine, start in possible_blocks(student, calendars, wish):
            block = model.new_bool_var("")
            blocks_of_student.append(block)
            for number in range(length // wish.step):
                busy[machine.name, start + number * wish.step].append(block)
        model.add_at_most_one(blocks_of_student)
        placed += blocks_of_student
    for blocks in busy.values():
        model.add_at_most_one(blocks)
    model.maximize(sum(placed))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = 4
    solver.solve(model)
    return round(solver.objective_value), solver.best_objective_bound


SEEDS = [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 50))]


@pytest.mark.parametrize("seed", SEEDS)
def test_as_many_are_placed_as_by_another_solver(seed):
    """Never fewer than CP-SAT places, and never more than it has proven to be possible."""
    students, calendars = drawn_class(seed)
    least, most = bounds(students, calendars, FORTNIGHT)
    plan = make_plan(students, MODEL, calendars, [], FORTNIGHT)
    assert least <= len(plan.seats) <= most


BUSY = [Booking(MONDAY, MONDAY + timedelta(days=14))]
ONE_DAY = Wish(MONDAY, MONDAY + timedelta(hours=12), UTC, time(6), time(12))
THREE = "every block that fits is needed by others"


@pytest.mark.parametrize(
    ("calendars", "cannot", "why", "would_do"),
    [
        # Two blocks in six hours, on one machine, for three students.
        (
            {FIRST: nodes("a")},
            "",
            THREE,
            ["a deadline 1 day later", "every hour of every day", "1 more of A100"],
        ),
        # A machine that is free while others are booked counts; before, a grid of blocks went past
        # it.
        (
            {FIRST: nodes("a", bookings=[Booking(MONDAY + 6 * HOUR, MONDAY + 8 * HOUR)])},
            "",
            THREE,
            ["a deadline 1 day"],
        ),
        (
            {FIRST: nodes("a", bookings=BUSY)},
            "",
            "others have booked every machine",
            ["2 more of A100 40 GB"],
        ),
        ({FIRST: nodes("a", "b")}, "Mon", "cannot come to any block of 3 h from a full or", []),
        ({FIRST: []}, "", "no machine is in service", ["2 more of A100 40 GB"]),
    ],
)
def test_who_is_left_out_reads_why_and_what_would_do(calendars, cannot, why, would_do):
    """By name, each with the reason; and every remedy is a change that was tried and serves all."""
    students = [Student("ada"), Student("bob"), Student("cyd", cannot=read_times(cannot))]
    plan = make_plan(students, MODEL, calendars, [], ONE_DAY)
    *_, last_reason = plan.without.values()
    assert why in last_reason
    for remedy in would_do:
        assert any(remedy in sentence for sentence in plan.would_do), plan.would_do
    assert bool(plan.would_do) == bool(would_do)
    for name, reason in plan.without.items():
        assert f"{name}: {reason}" in plan.sentence()


HALF_PAST = read_times("Mon 0-9:30; Mon 12:30-24")
BRIEF = dataclasses.replace(ONE_DAY, day_begins=time(6), day_ends=time(8))


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (ONE_DAY, "cannot come to any block of 3 h from a full or half hour on"),
        (BRIEF, "no block of 3 h fits into the days and hours that are allowed until Mon 09 Mar"),
    ],
)
def test_the_reason_names_what_stands_in_the_way(wish, why):
    """The student's own hours, or the class's, in which nobody could have a block."""
    student = Student("ada", cannot=read_times("Mon 7-24"))
    plan = make_plan([student], MODEL, {FIRST: nodes("a")}, [], wish)
    assert plan.without["ada"].startswith(why)


def test_hours_from_half_past_hold_a_block_that_full_hours_do_not():
    """Three hours from 9:30 are one block; planned by full hours, the reason says which blocks were
    tried.
    """
    student = Student("ada", cannot=HALF_PAST)
    wish = dataclasses.replace(ONE_DAY, day_ends=time(18), latest=MONDAY + timedelta(hours=20))
    plan = make_plan([student], MODEL, {FIRST: nodes("a")}, [], wish)
    (seat,) = plan.seats
    assert seat.block.start == MONDAY + timedelta(hours=9, minutes=30)
    assert seat.block.end == MONDAY + timedelta(hours=12, minutes=20)
    by_hours = make_plan(
        [student], MODEL, {FIRST: nodes("a")}, [], dataclasses.replace(wish, step=HOUR)
    )
    assert "cannot come to any block of 3 h from a full hour on" in by_hours.without["ada"]
