"""A student's progress: each lesson with its points, the next lesson, and the remaining lease time.

Everything is read from the assignment, the lessons' front matter, the ledger and the records of
provisioning on this computer. Nothing asks a network, so the front page and ``msl status`` answer
at once and offline.
"""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from labs.course.assignment import assignment
from labs.course.lessons import Lesson, lessons
from labs.course.points import promised_rows, sums
from labs.course.question import ResultRow, State, public_rows
from labs.machine.fingerprint import fingerprint
from labs.records import Answer, Observation, Prediction, Records
from labs.records.ledger import ledger
from labs.sites.spec import NUMBERS, Part, resource_name
from labs.workspace import workspace_dir
from provisioning.setup.record import Record
from provisioning.testbed.surroundings import WallClock, on_chameleon, site_clock

#: The part of provisioning that belongs to a part of the course.
PROVISIONED: dict[int, Part] = {number: part for part, number in NUMBERS.items()}


@dataclass(frozen=True)
class LessonStanding:
    """One lesson, and how far it is."""

    lesson: Lesson
    #: Its questions, in the order in which it asks them; without points where they do not count.
    rows: tuple[ResultRow, ...]
    #: Whether anything of it was predicted, answered or earned.
    begun: bool = False
    #: Part of the assignment that asks for it; None for an optional deep dive.
    part: int | None = None
    #: Whether it is one of several among which students choose.
    choice: bool = False

    @property
    def name(self) -> str:
        """Its title, marked if it is one to choose from."""
        return self.lesson.title + (" (choose)" if self.choice else "")

    @property
    def counts(self) -> bool:
        """Whether it gives points: false for an optional deep dive, and for a choice that is not
        among the best.
        """
        return any(row.possible for row in self.rows)

    @property
    def left(self) -> tuple[ResultRow, ...]:
        """Questions that can still be earned; a prediction that came too late cannot."""
        return tuple(row for row in self.rows if row.is_left)

    @property
    def done(self) -> bool:
        """Whether nothing is left in it."""
        return bool(self.rows) and not self.left

    @property
    def word(self) -> str:
        """'done', 'begun' or 'open'."""
        if self.done:
            return "done"
        return "begun" if self.begun else "open"

    @property
    def time(self) -> str:
        """Its minutes (estimated) and their places, for the reader's machine."""
        if self.lesson.machine_minutes:
            return f"{self.lesson.minutes} min, {self.lesson.machine_minutes} of them on a lease"
        if on_chameleon():
            here = "hub"
        elif fingerprint().is_leased:
            here = "node"
        else:
            return f"{self.lesson.minutes} min at home"
        place = "here" if here in self.lesson.where else "on your own computer"
        return f"{self.lesson.minutes} min {place}"


@dataclass(frozen=True)
class LeaseLeft:
    """This computer's note of a lease that has not ended."""

    part: int
    name: str
    #: Its beginning and its end, with time zone.
    start: datetime
    end: datetime
    #: Until its end.
    left: timedelta

    @property
    def text(self) -> str:
        """One sentence, in the reader's time."""
        start = self.start.astimezone()
        end = self.end.astimezone()
        if self.left > end - start:
            ends_that_day = start.date() == end.date()
            until = f"{end:%H:%M}" if ends_that_day else f"{end:%a %d %b %H:%M}"
            return f"{self.name}: your block is {start:%a %d %b %H:%M} to {until}"
        hours, minutes = divmod(int(self.left.total_seconds() // 60), 60)
        return f"{self.name}: {hours} h {minutes:02d} min left, until {end:%a %d %b %H:%M}"


@dataclass(frozen=True)
class CourseStanding:
    """The whole course as it stands for one student."""

    #: Lessons in the order in which they are taken.
    steps: tuple[LessonStanding, ...]
    #: The source of this standing.
    records: Records
    #: Id of the lesson that was worked in last; None before the first entry.
    last: str | None = None
    #: Leases that this computer knows of.
    leases: tuple[LeaseLeft, ...] = ()
    #: Lines of the ledger that cannot be read.
    unread: tuple[str, ...] = field(default=())

    @property
    def next(self) -> LessonStanding | None:
        """The first required lesson that counts and has open questions; None at the end."""
        counted = (step for step in self.steps if step.counts)
        return next((step for step in counted if not step.done), None)

    @property
    def resumed(self) -> LessonStanding | None:
        """The lesson that was worked in last if something is left in it, else the next one."""
        for step in self.steps:
            if step.lesson.id == self.last and not step.done:
                return step
        return self.next

    @property
    def begun(self) -> bool:
        """Whether any lesson is begun or done."""
        return any(step.word != "open" for step in self.steps)

    def of_part(self, part: int | None) -> tuple[LessonStanding, ...]:
        """Return the lessons of one part of the assignment; of None, the optional deep dives."""
        return tuple(step for step in self.steps if step.part == part)


def points(steps: Sequence[LessonStanding]) -> dict[str, float]:
    """Return ``points`` of the gradebook that the checks of some lessons promise, and the
    ``possible`` ones.
    """
    return sums(row for step in steps for row in step.rows)


def standing(clock: WallClock | None = None) -> CourseStanding:
    """Return how a student stands, from the ledger in the workspace and by the clock of the
    sites.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        records = ledger().read()
    unread = tuple(str(warning.message) for warning in caught)
    answered = [entry.question for entry in records if isinstance(entry, Answer | Prediction)]
    steps = _steps(records, set(answered))
    leases = _leases(records, (clock or site_clock()).now())
    return CourseStanding(steps, records, _last_lesson(answered), leases, unread)


def _last_lesson(answered: Sequence[str]) -> str | None:
    """Return the lesson of the last answered question whose lesson the course has."""
    known = {lesson.id for lesson in lessons()}
    for question in reversed(answered):
        lesson_id = question.partition(".")[0]
        if lesson_id in known:
            return lesson_id
    return None


def _steps(records: Records, answered: set[str]) -> tuple[LessonStanding, ...]:
    rows = promised_rows(public_rows(records, lessons()), assignment())
    parts = list(assignment().parts.values())
    part_of = {lesson.id: part for part in parts for lesson in part.asked()}
    steps = []
    for lesson in lessons():
        own = tuple(row for row in rows if row.lesson == lesson.id)
        begun = any(row.state == State.PASSED or row.id in answered for row in own)
        part = part_of.get(lesson.id)
        place = (part.number, lesson.id in part.choices) if part else (None, False)
        steps.append(LessonStanding(lesson, own, begun, *place))
    return tuple(steps)


def _leases(records: Records, now: datetime) -> tuple[LeaseLeft, ...]:
    """Return the leases that set-up has noted, or that a lesson saw and that were not given back
    since.
    """
    leases = []
    for number, part in PROVISIONED.items():
        name = resource_name(part)
        lease = Record.for_name(name).facts("lease") or _observed_lease(records, part)
        start = datetime.fromisoformat(lease.get("start", now.isoformat()))
        end = datetime.fromisoformat(lease.get("end", now.isoformat()))
        if end > now:
            leases.append(LeaseLeft(number, name, start, end, end - now))
    return tuple(leases)


def _observed_lease(records: Records, part: Part) -> Mapping[str, Any]:
    """Return the lease that a lesson saw and that was not given back since; empty if none."""
    leased = f"{part}.lease"
    released = f"{part}.release"
    observations = [entry for entry in records if isinstance(entry, Observation)]
    its_own = [entry for entry in observations if entry.subject in (leased, released)]
    if not its_own or its_own[-1].subject == released:
        return {}
    lease = its_own[-1].seen
    # A rehearsed one is no appointment.
    return {} if lease.get("rehearsed", True) else lease


def stamp() -> tuple[int, ...]:
    """Return what changes whenever the standing may: times and sizes of the ledger, in nanoseconds
    and bytes.
    """
    with suppress(OSError):
        ledger_file = (workspace_dir() / "ledger.jsonl").stat()
        return (ledger_file.st_mtime_ns, ledger_file.st_size)
    return (0, 0)
