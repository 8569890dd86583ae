"""Minutes of a lease, from the lessons' own facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labs.course import lessons
from provisioning.planning.lessons import lessons_left_s, lessons_on_machine


@pytest.fixture
def course():
    """Return four lessons: one about the lease, two of the core on the machine, one extra, and one of another part."""
    any_one = lessons(part=1)[0]
    return [
        replace(any_one, part=part, number=number, kind=kind, machine_minutes=minutes)
        for part, number, kind, minutes in (
            (1, "09", "core", 0),
            (1, "10", "core", 20),
            (1, "11", "extra", 30),
            (1, "12", "core", 40),
            (2, "22", "core", 15),
        )
    ]


def test_lessons_about_the_lease_do_not_need_the_machine(course):
    """They run in the browser's own Jupyter, beside the lease."""
    assert [each.number for each in lessons_on_machine("model", course)] == ["10", "11", "12"]
    assert lessons_on_machine("system", course) == ()


def test_what_is_left_counts_from_the_next_lesson_on(course):
    """In seconds, the next one included; an extra counts only where it is the next."""
    assert lessons_left_s("model", None, course) == 3600
    assert lessons_left_s("model", "11", course) == 4200
    assert lessons_left_s("model", "12", course) == 2400


def test_a_lesson_that_is_not_there_is_refused_with_those_that_are(course):
    """A typing error must not hide the warning."""
    with pytest.raises(ValueError, match="10, 11, 12"):
        lessons_left_s("model", "13", course)


@pytest.mark.parametrize(("part", "limit_minutes"), [("model", 100), ("edge", 70), ("system", 100)])
def test_the_core_of_a_part_fits_its_block(part, limit_minutes):
    """Blocks have 170, 115 and 170 minutes; the rest is for set-up and for what goes wrong."""
    assert lessons_left_s(part) <= 60 * limit_minutes
