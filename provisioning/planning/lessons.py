"""How a part's block is spent: set-up, the lessons that need the machine, and bringing the results home.

Minutes of a lesson on the lease stand in its front matter, seconds of a set-up step in ``sites/<part>.toml``; both are
estimates. A lesson that is done at home takes no minute of a lease.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from labs.course.assignment import assignment
from labs.course.lessons import Lesson, lessons
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
    #: Lessons that are asked and take minutes of the lease: the lease lesson, and the release with its pull.
    asked: tuple[Lesson, ...]
    #: Lessons that would take some too, and may be left out.
    extras: tuple[Lesson, ...]
    #: Gigabytes that set-up fetches beside the course's packages, by what they are.
    fetches_gb: Mapping[str, float]

    @property
    def planned_s(self) -> float:
        """Seconds that are spoken for: set-up and what is asked."""
        return self.setup_s + 60.0 * sum(one.machine_minutes for one in self.asked)

    def begin_by(self, end: datetime) -> list[tuple[Lesson, datetime]]:
        """Return when each lesson that is asked must begin at the latest, for all to be done when the lease ends."""
        found = []
        for lesson in reversed(self.asked):
            end -= timedelta(minutes=lesson.machine_minutes)
            found.append((lesson, end))
        return found[::-1]

    def text(self) -> str:
        """Return the plan, one line for each thing."""
        rows = [("set-up", self.setup_s)]
        rows += [(one.title, 60.0 * one.machine_minutes) for one in self.asked]
        lines = [f"{seconds / 60:4.0f} min  {words}" for words, seconds in rows]
        lines.append(f"{self.planned_s / 60:4.0f} of {self.length_s / 60:.0f} min, estimated")
        if self.extras:
            named = ", ".join(f"{one.title} ({one.machine_minutes} min)" for one in self.extras)
            lines.append(f"May be left out: {named}")
        if self.fetches_gb:
            named = ", ".join(
                f"{words} ({size_gb:g} GB)" for words, size_gb in self.fetches_gb.items()
            )
            total_gb = sum(self.fetches_gb.values())
            lines.append(
                f"Set-up fetches {total_gb:.1f} GB more than the course's packages: {named}"
            )
        return "\n".join(lines)


def to_prepare(part: Part) -> str:
    """Return what to read and to rehearse before a block, of what is asked; empty where no lesson needs a machine."""
    first = next(
        (
            one
            for one in assignment().lessons()
            if one.part == NUMBERS[part] and one.machine_minutes
        ),
        None,
    )
    if first is None:
        return ""
    # Where a lease is made in rehearsal: on the Hub, and nowhere else.
    there = [
        one for one in assignment().lessons() if one.id in first.needs and one.where == ("hub",)
    ]
    rehearse = "".join(
        f" Rehearse “{one.title}” (notebooks/{one.link}): it needs no lease." for one in there
    )
    return f"Read “{first.title}” (notebooks/{first.link}).{rehearse}"


def block_of(part: Part, option: SiteOption | None = None) -> Block:
    """Return what is planned in a part's block on a kind of machine, the part's first if none is named."""
    spec = load_spec(part)
    option = option or spec.options[0]
    there = [one for one in lessons() if one.part == NUMBERS[part] and one.machine_minutes]
    asked = {one.id for one in assignment().lessons()}
    return Block(
        length_s=60.0 * (60 * (spec.hours - 1) + option.end_minute),
        setup_s=plan(steps_for(spec, option)).total_s,
        asked=tuple(one for one in there if one.id in asked),
        extras=tuple(one for one in there if one.id not in asked),
        fetches_gb=spec.fetches_gb.get(option.machine, {}),
    )
