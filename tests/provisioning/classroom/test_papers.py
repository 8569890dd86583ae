"""What comes out of a plan can be read again, imported by calendars, and sent."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from icalendar import Calendar

from provisioning.classroom.papers import plan_text, read_plan, write_all
from provisioning.classroom.plan import make_plan
from provisioning.classroom.roster import RosterError, Student, read_times

from .conftest import FIRST, MODEL, SECOND, nodes

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STUDENTS = (
    Student("ada-x-edu", "ada@x.edu", 2),
    Student("bob", cannot=read_times("Tue")),
    Student("cyd"),
)


@pytest.fixture
def plan(wish):
    return make_plan(STUDENTS, MODEL, {FIRST: nodes("m"), SECOND: nodes("x", site="CHI@UC")}, [], wish)


def test_a_plan_is_read_as_it_was_written(plan, tmp_path):
    """Through the table that a person may change, nothing that matters is lost."""
    write_all(plan, STUDENTS, tmp_path, NOW, 2.0)
    read = read_plan(tmp_path / "plan.csv", MODEL)
    assert [(seat.student, seat.number, seat.block) for seat in read] == [
        (seat.student, seat.number, seat.block) for seat in plan.seats
    ]
    assert ",5.7\n" in (tmp_path / "plan.csv").read_text()


def test_calendars_hold_every_block_of_a_student(plan, tmp_path):
    """Two blocks and the preparation for each; the class's calendar has one entry for each beginning."""
    write_all(plan, STUDENTS, tmp_path, NOW)
    mine = [seat.block for seat in plan.seats if seat.student == "ada-x-edu"]
    events = Calendar.from_ical((tmp_path / "calendars" / "ada-x-edu.ics").read_bytes()).walk("VEVENT")
    labs = [event for event in events if str(event["summary"]) == MODEL.title]
    assert sorted((event.start, event.end) for event in labs) == sorted((block.start, block.end) for block in mine)
    assert len(events) == 4
    whole = Calendar.from_ical((tmp_path / "class.ics").read_bytes()).walk("VEVENT")
    assert {event.start for event in whole} == {seat.block.start for seat in plan.seats}


def test_mails_tell_each_student_what_concerns_the_student(plan, tmp_path):
    """Address, hours, the lease's name, and the calendar; nobody else's name."""
    write_all(plan, STUDENTS, tmp_path, NOW)
    message = message_from_bytes((tmp_path / "mails" / "ada-x-edu.eml").read_bytes(), policy=policy.default)
    assert message["To"] == "ada@x.edu"
    text = message.get_body(("plain",)).get_content()
    assert text.count(MODEL.options[0].name) == 2
    assert "serve-model-ada-x-edu" in text
    assert "bob" not in text
    assert [part.get_filename() for part in message.iter_attachments()] == ["ada-x-edu.ics"]
    assert "To" not in message_from_bytes((tmp_path / "mails" / "bob.eml").read_bytes())


def test_a_new_plan_takes_the_mails_of_the_old_one_along(plan, wish, tmp_path):
    """(E4) Whoever is on the roster no more gets no mail with hours that somebody else has; other files stay."""
    write_all(plan, STUDENTS, tmp_path, NOW)
    (tmp_path / "mails" / "my-own.eml").touch()
    again = make_plan(STUDENTS[:1], MODEL, {FIRST: nodes("m")}, [], wish)
    write_all(again, STUDENTS[:1], tmp_path, NOW)
    assert sorted(path.name for path in (tmp_path / "mails").iterdir()) == ["ada-x-edu.eml", "my-own.eml"]
    assert [path.name for path in (tmp_path / "calendars").iterdir()] == ["ada-x-edu.ics"]


def test_the_screen_says_what_it_costs(plan):
    """Hours of machines, service units, money where a price is told (E4)."""
    text = plan_text(plan, 2.0, 1.5)
    assert "11 machine hours, 23 service units at 2 an hour, 34 in money." in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("student,", "who,", "lacks the columns student"),
        ("compute_liqid", "gpu_x", "line 2: Part 1: model optimizations has no machine gpu_x"),
        ("2026-03-10 09:00", "10.03.2026", "line 2: time data '10.03.2026' does not match"),
        (
            "2026-03-10 12:00,2026-03-10 14:50",
            "2026-03-10 10:00,2026-03-10 12:50",
            "line 3: m is .*'s at that time, by line 2",
        ),
    ],
)
def test_a_plan_that_was_changed_for_the_worse_is_a_sentence(plan, tmp_path, old, new, message):
    """A person may edit the table; what does not fit together names its line (E3)."""
    write_all(plan, STUDENTS, tmp_path, NOW)
    path = tmp_path / "plan.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RosterError, match=message):
        read_plan(path, MODEL)
