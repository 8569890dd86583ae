"""How a part's block is spent: set-up, the lessons that need the machine, and bringing the results home.

Minutes of a lesson stand in its front matter, seconds of a set-up step in ``sites/<part>.toml``. A lesson that is done
at home takes no minute of a lease.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labs.course import Lesson, lessons
from provisioning.setup.plan import plan
from provisioning.setup.steps import steps_for
from provisioning.sites.spec import NUMBERS, Part, SiteOption, load_spec


@dataclass(frozen=True)
class Block:
    """A part's block of time on one kind of machine, and what is planned in it."""

    #: Seconds from its beginning to the end of the lease.
    length_s: float
    #: Usual seconds until the machine is ready, independent steps side by side.
    setup_s: float
    #: Lessons of the core that take minutes of the lease: the lease lesson, and the release with its pull.
    core: tuple[Lesson, ...]
    #: Lessons that would take some too, and may be left out.
    extras: tuple[Lesson, ...]
    #: Gigabytes that set-up fetches beside the course's packages, by what they are.
    fetches_gb: Mapping[str, float]

    @property
    def planned_s(self) -> float:
        """Seconds that are spoken for: set-up and core."""
        return self.setup_s + _seconds(self.core)

    def text(self) -> str:
        """Return the plan, one line for each thing."""
        rows = [("set-up", self.setup_s)]
        rows += [(f"{one.number} {one.title}", 60.0 * one.machine_minutes) for one in self.core]
        lines = [f"{seconds / 60:4.0f} min  {words}" for words, seconds in rows]
        lines.append(f"{self.planned_s / 60:4.0f} of {self.length_s / 60:.0f} min")
        if self.extras:
            lines.append(f"May be left out: {_named(self.extras)}")
        if self.fetches_gb:
            named = ", ".join(f"{words} ({size_gb:g} GB)" for words, size_gb in self.fetches_gb.items())
            lines.append(
                f"Set-up fetches {sum(self.fetches_gb.values()):.1f} GB more than the course's packages: {named}"
            )
        return "\n".join(lines)


def block_of(part: Part, option: SiteOption | None = None) -> Block:
    """Return what is planned in a part's block.

    Args:
        part: of the course.
        option: the kind of machine; the part's first when None.
    """
    spec = load_spec(part)
    option = option or spec.options[0]
    there = lessons_on_machine(part)
    return Block(
        length_s=60.0 * (60 * (spec.hours - 1) + option.end_minute),
        setup_s=plan(steps_for(spec, option)).total_s,
        core=tuple(one for one in there if one.kind == "core"),
        extras=tuple(one for one in there if one.kind != "core"),
        fetches_gb=spec.fetches_gb.get(option.machine, {}),
    )


def lessons_on_machine(part: Part, course: list[Lesson] | None = None) -> tuple[Lesson, ...]:
    """Return the part's lessons that take minutes of its lease, in their order.

    Args:
        part: of the course.
        course: all lessons; the course's own when None.
    """
    known = lessons() if course is None else course
    return tuple(each for each in known if each.part == NUMBERS[part] and each.machine_minutes)


def lessons_left(part: Part, at: str | None = None, course: list[Lesson] | None = None) -> tuple[Lesson, ...]:
    """Return the lessons that the rest of the lease is for, without those that may be left out.

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
    return tuple(each for each in left if each.kind == "core" or each.number == at)


def lessons_left_s(part: Part, at: str | None = None, course: list[Lesson] | None = None) -> float:
    """Return the seconds of the lease that those lessons take; arguments as for ``lessons_left``."""
    return _seconds(lessons_left(part, at, course))


def extras_text(part: Part, at: str | None = None) -> str:
    """Return one sentence on what may be left out of the rest of the lease; empty where nothing may."""
    left = [each for each in lessons_on_machine(part) if each.kind != "core" and each.number != at]
    return f"may be left out: {_named(left)}" if left else ""


def _named(known: Iterable[Lesson]) -> str:
    return ", ".join(f"{one.number} {one.title} ({one.machine_minutes} min)" for one in known)


def _seconds(known: tuple[Lesson, ...]) -> float:
    return 60.0 * sum(each.machine_minutes for each in known)
