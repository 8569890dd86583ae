"""The use of a part's block: set-up, the lessons that need the machine, and the transfer of results
to your computer.

A lesson's front matter gives its minutes on the lease, and ``labs/sites/<part>.toml`` the seconds
of each set-up step; both are estimates. A lesson that is done at home takes no minute of a lease.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from labs.course.assignment import assignment_for_leases
from labs.course.lessons import MINUTES_NOTE, Lesson, lessons
from labs.sites.spec import NUMBERS, Part, SiteOption, load_spec
from provisioning.setup.plan import plan
from provisioning.setup.steps import steps_for


@dataclass(frozen=True)
class BlockPlan:
    """A part's block of time on one kind of machine, and its plan."""

    #: Seconds from its beginning to the end of the lease.
    length_s: float
    #: Usual seconds until the machine is ready, independent steps side by side.
    setup_s: float
    #: Lessons that are asked and take minutes of the lease: the lease lesson, and the release with
    #: its pull.
    asked: tuple[Lesson, ...]
    #: Lessons that would take some too, and may be left out.
    extras: tuple[Lesson, ...]
    #: Gigabytes that set-up fetches beside the course's packages, by content.
    fetches_gb: Mapping[str, float]

    @property
    def planned_s(self) -> float:
        """Planned seconds: set-up and lessons."""
        return self.setup_s + 60.0 * sum(lesson.machine_minutes for lesson in self.asked)

    def begin_by(self, end: datetime) -> list[tuple[Lesson, datetime]]:
        """Return the latest start of each required lesson, so that all are done when the lease
        ends.
        """
        latest = []
        for lesson in reversed(self.asked):
            end -= timedelta(minutes=lesson.machine_minutes)
            latest.append((lesson, end))
        return latest[::-1]

    def text(self) -> str:
        """Return the plan, one line per step."""
        setup_min = self.setup_s / 60
        planned_min = self.planned_s / 60
        length_min = self.length_s / 60
        lines = [f"{setup_min:4.0f} min  set-up"]
        lines += [f"{lesson.machine_minutes:4.0f} min  {lesson.title}" for lesson in self.asked]
        lines.append(f"{planned_min:4.0f} of {length_min:.0f} min. {MINUTES_NOTE}")
        if self.extras:
            extras = [f"{lesson.title} ({lesson.machine_minutes} min)" for lesson in self.extras]
            lines.append(f"May be left out: {', '.join(extras)}")
        if self.fetches_gb:
            fetches = [f"{what} ({size_gb:g} GB)" for what, size_gb in self.fetches_gb.items()]
            total_gb = sum(self.fetches_gb.values())
            lines.append(
                f"Set-up fetches {total_gb:.1f} GB more than the course's packages: "
                f"{', '.join(fetches)}"
            )
        return "\n".join(lines)


def to_prepare(part: Part) -> str:
    """Return what to read and rehearse before a block; empty where no lesson needs a machine."""
    asked = assignment_for_leases().lessons()
    on_lease = _on_lease(asked, part)
    if not on_lease:
        return ""
    first = on_lease[0]
    sentences = [f"Read “{first.title}” (notebooks/{first.link})."]
    # Where a lease is made in rehearsal: on the Hub, and nowhere else.
    on_hub = [lesson for lesson in asked if lesson.where == ("hub",)]
    for lesson in on_hub:
        if lesson.id in first.needs:
            notebook = f"notebooks/{lesson.link}"
            sentences.append(f"Rehearse “{lesson.title}” ({notebook}): it needs no lease.")
    return " ".join(sentences)


def _on_lease(among: Iterable[Lesson], part: Part) -> list[Lesson]:
    """Return the lessons of a part that take minutes of its lease."""
    number = NUMBERS[part]
    return [lesson for lesson in among if lesson.part == number and lesson.machine_minutes]


def block_of(part: Part, option: SiteOption | None = None) -> BlockPlan:
    """Return what is planned in a part's block on a kind of machine, the part's first if none is
    named.
    """
    spec = load_spec(part)
    option = option or spec.options[0]
    on_lease = _on_lease(lessons(), part)
    asked_ids = {lesson.id for lesson in assignment_for_leases().lessons()}
    asked = tuple(lesson for lesson in on_lease if lesson.id in asked_ids)
    extras = tuple(lesson for lesson in on_lease if lesson.id not in asked_ids)
    length_min = 60 * (spec.hours - 1) + option.end_minute
    return BlockPlan(
        length_s=60.0 * length_min,
        setup_s=plan(steps_for(spec, option)).total_s,
        asked=asked,
        extras=extras,
        fetches_gb=spec.fetches_gb.get(option.machine, {}),
    )
