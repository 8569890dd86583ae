"""How many minutes of a lease the lessons of a part still take, from the facts that stand in the lessons themselves."""

from __future__ import annotations

from labs.course import Lesson, lessons
from provisioning.sites.spec import NUMBERS, Part, load_spec


def lessons_on_machine(part: Part, course: list[Lesson] | None = None) -> tuple[Lesson, ...]:
    """Return the part's lessons that take minutes of its lease, in their order.

    Args:
        part: of the course.
        course: all lessons; the course's own when None.
    """
    known = lessons() if course is None else course
    return tuple(each for each in known if each.part == NUMBERS[part] and each.machine_minutes)


def lessons_left_s(part: Part, at: str | None = None, course: list[Lesson] | None = None) -> float:
    """Return the seconds of the lease that the lessons still to come take, without those that may be left out.

    Args:
        part: of the course.
        at: number of the lesson that comes next, which counts even where it is an extra; None for the first.
        course: all lessons; the course's own when None.

    Raises:
        ValueError: the part has no lesson of that number on its machine; the message lists those that it has.
    """
    known = lessons_on_machine(part, course)
    numbers = [each.number for each in known]
    if at is not None and at not in numbers:
        raise ValueError(f"{load_spec(part).title} has no lesson {at!r} on its machine; it has {', '.join(numbers)}")
    left = known[numbers.index(at) :] if at is not None else known
    return 60.0 * sum(each.machine_minutes for each in left if each.kind == "core" or each.number == at)
