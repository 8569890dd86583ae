"""What comes out of a plan: a table that is read again, calendars, and the text on the screen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from icalendar import Calendar

from provisioning.classroom.plan import make_plan
from provisioning.classroom.plan_files import plan_text, read_plan, write_all
from provisioning.classroom.roster import RosterError, Student, read_times

from .conftest import FIRST, MODEL, SECOND, nodes

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STUDENTS = (Student("ada-x-edu"), Student("bob", cannot=read_times("Tue")), Student("cyd"))


@pytest.fixture
def plan(wish):
    return make_plan(STUDENTS, MODEL, {FIRST: nodes("m"), SECOND: nodes("x", site="CHI@UC")}, [], wish)


def test_a_plan_is_read_as_it_was_written(plan, tmp_path):
    """Through the table that a person may change, nothing that matters is lost."""
    write_all(plan, tmp_path, NOW)
    read = read_plan(tmp_path / "plan.csv", MODEL)
    assert [(seat.student, seat.block) for seat in read] == [(seat.student, seat.block) for seat in plan.seats]
    assert "8 machine hours." in plan_text(plan)


def test_a_calendar_holds_its_students_block(plan, wish, tmp_path):
    """Each student's own, with the preparation; a new plan's replace them."""
    write_all(plan, tmp_path, NOW)
    mine = next(seat.block for seat in plan.seats if seat.student == "ada-x-edu")
    events = Calendar.from_ical((tmp_path / "calendars" / "serve-model-ada-x-edu.ics").read_bytes()).walk("VEVENT")
    assert [(event.start, event.end) for event in events if str(event["summary"]) == MODEL.title] == [
        (mine.start, mine.end)
    ]
    assert len(events) == 2
    (tmp_path / "calendars" / "my-own.ics").touch()
    write_all(make_plan(STUDENTS[:1], MODEL, {FIRST: nodes("m")}, [], wish), tmp_path, NOW)
    assert {path.name for path in (tmp_path / "calendars").iterdir()} == {"my-own.ics", "serve-model-ada-x-edu.ics"}


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
def test_a_plan_that_was_changed_for_the_worse_is_a_sentence(plan, tmp_path, old, new, message):
    """A person may edit the table; what does not fit together names its line."""
    write_all(plan, tmp_path, NOW)
    path = tmp_path / "plan.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RosterError, match=message):
        read_plan(path, MODEL)
