"""Who runs when: as many students as fit, nobody's machine twice, wishes where they can be met, and what is missing."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from provisioning.classroom.plan import assign, make_plan
from provisioning.classroom.roster import Student, read_times
from provisioning.testbed import Booking, Lease, Reservation

from .conftest import FIRST, MODEL, SECOND, nodes


def students(count: int, **more) -> list[Student]:
    return [Student(f"s{number}", **more) for number in range(count)]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def overlaps(seats) -> list[tuple]:
    """Return the pairs of seats that share a machine or a student at a time."""
    return [
        (one, other)
        for one, other in itertools.combinations(seats, 2)
        if one.block.start < other.block.end
        and other.block.start < one.block.end
        and (one.block.resource == other.block.resource or one.student == other.student)
    ]


def test_every_seat_is_given_out_and_none_twice(wish):
    """Two machines, two days of three blocks: twelve students have one, and the plan says what the thirteenth lacks."""
    plan = make_plan(students(13), MODEL, {FIRST: nodes("a", "b")}, [], wish)
    assert len(plan.seats) == 12
    assert overlaps(plan.seats) == []
    assert plan.missing == 1
    assert list(plan.without.values()) == [(1,)]
    assert {seat.block.end.minute for seat in plan.seats} == {50}
    assert all(seat.block.start.hour >= 9 and seat.block.end.hour < 18 for seat in plan.seats)
    assert "1 of 13 blocks are missing before Wed 11 Mar 23:00" in plan.sentence()
    assert "about 1 more day like these (6 blocks a day)" in plan.sentence()


def test_a_later_option_takes_only_what_the_first_cannot(wish):
    """Overflow (E4): the first option is full before the next one is used, wherever wishes lie."""
    calendars = {FIRST: nodes("a"), SECOND: nodes("x", site="CHI@UC")}
    wanting = students(8, prefers=read_times("Tue 9-12"))
    plan = make_plan(wanting, MODEL, calendars, [], wish)
    used = [seat.block.option for seat in plan.seats]
    assert (used.count(FIRST), used.count(SECOND)) == (6, 2)
    assert "6 on A100 40 GB at TACC, 2 on A100 80 GB at UC" in plan.sentence()
    alone = make_plan(wanting, MODEL, calendars, [], wish, use=[FIRST])
    assert alone.missing == 2
    assert f"{SECOND.name} (--type {SECOND.type}, 6 more)" in alone.sentence()
    other = make_plan(wanting, MODEL, calendars, [], wish, use=[SECOND])
    assert {seat.block.option for seat in other.seats} == {SECOND}


def test_wishes_are_met_where_they_can_be_and_what_cannot_be_never_happens(wish):
    """Three want the same hour of one machine; one of them cannot come on the other day."""
    wanting = [
        Student("a", prefers=read_times("Tue 9-12")),
        Student("b", prefers=read_times("Tue 9-12")),
        Student("c", prefers=read_times("Tue 9-12"), cannot=read_times("Wed; Tue 12-18")),
    ]
    plan = make_plan(wanting, MODEL, {FIRST: nodes("m")}, [], wish)
    by_name = {seat.student: seat for seat in plan.seats}
    assert by_name["c"].block.start == at(10, 9)
    assert [by_name[name].wished for name in "abc"] == [False, False, True]
    assert plan.missing == 0


def test_somebody_between_the_packed_seats_still_finds_a_machine(wish):
    """Packed seats begin at 9, 12 and 15; who can only come from 10 to 13 is seated where the machine is free then."""
    only = Student("late", cannot=read_times("Tue 9-10; Tue 13-18; Wed"))
    plan = make_plan([only], MODEL, {FIRST: nodes("m")}, [], wish)
    assert [(seat.block.start, seat.block.end) for seat in plan.seats] == [(at(10, 10), at(10, 12, 50))]
    nobody = make_plan([Student("never", cannot=read_times("Tue; Wed"))], MODEL, {FIRST: nodes("m")}, [], wish)
    assert nobody.missing == 1
    assert "6 seats are free, but not when never can come" in nobody.sentence()


def test_everybody_has_one_before_anybody_has_two(wish):
    """Several blocks for one student, on different days where that can be."""
    plan = make_plan(students(2, blocks=2), MODEL, {FIRST: nodes("m")}, [], wish)
    assert overlaps(plan.seats) == []
    assert {len({seat.block.start.date() for seat in plan.seats if seat.student == name}) for name in ("s0", "s1")} == {
        2
    }
    short = make_plan(students(4), MODEL, {FIRST: nodes("m")}, [], wish, blocks=2)
    assert sorted(seat.student for seat in short.seats if seat.number == 1) == ["s0", "s1", "s2", "s3"]
    assert short.missing == 2
    assert set(short.without.values()) == {(2,)}


def test_leases_that_exist_are_kept_and_counted(wish):
    """A student with a lease keeps it, on its machine; planned again, the same class asks for nothing new (E1)."""
    calendars = {FIRST: nodes("m", bookings=[Booking(at(10, 9), at(10, 11, 50))])}
    there = Lease(
        "1",
        "serve-model-s0",
        "PENDING",
        at(10, 9),
        at(10, 11, 50),
        (Reservation("r", "physical:host", '["==", "$node_name", "m"]'),),
    )
    spent = Lease("2", "serve-model-s1", "TERMINATED", at(10, 12), at(10, 14, 50))
    plan = make_plan(students(2), MODEL, calendars, [(FIRST, there), (FIRST, spent)], wish)
    kept = [seat for seat in plan.seats if seat.kept]
    assert [(seat.student, seat.block.resource, seat.block.start) for seat in kept] == [("s0", "m", at(10, 9))]
    assert [seat.student for seat in plan.seats if not seat.kept] == ["s1"]
    assert plan.hours == pytest.approx(2 * 170 / 60)


def test_machines_out_of_service_and_others_bookings_are_left_alone(wish):
    """A broken machine gives no seat, and a booking none that overlaps it."""
    booked = nodes("m", bookings=[Booking(at(10, 10), at(11, 12, 30))])
    broken = [one.__class__(one.site, one.name, one.type, reservable=False) for one in nodes("x")]
    plan = make_plan(students(3), MODEL, {FIRST: booked + broken}, [], wish)
    assert [seat.block.start for seat in plan.seats] == [at(11, 13)]


def test_choosing_seats_is_the_best_choice():
    """As many as SciPy seats, and at its cost, for 200 random tables with seats that some cannot take."""
    rng = np.random.default_rng(7)
    for _ in range(200):
        rows, columns = int(rng.integers(1, 10)), int(rng.integers(0, 12))
        costs = rng.integers(0, 40, size=(rows, columns)).astype(float)
        costs[rng.random((rows, columns)) < rng.random()] = np.inf
        chosen = assign(costs)
        used = [column for column in chosen if column is not None]
        assert len(used) == len(set(used))
        nothing = 1e6
        wide = np.hstack([np.where(np.isfinite(costs), costs, 1e9), np.full((rows, rows), nothing)])
        best = wide[linear_sum_assignment(wide)].sum()
        ours = sum(nothing if column is None else costs[row, column] for row, column in enumerate(chosen))
        assert ours == pytest.approx(best)
