"""Where a student stands: each lesson with its points, what comes next, and what the leases still give.

Everything is read from the assignment, the lessons' front matter, the ledger and the records of provisioning on this
computer. Nothing asks a network, so the front page and ``msl status`` answer at once and offline.
"""

import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from labs.course.assignment import assignment
from labs.course.lessons import Lesson, lessons
from labs.course.points import promised_rows, sums
from labs.course.question import Row, State, public_rows
from labs.machine.fingerprint import fingerprint
from labs.records import Answer, Observation, Prediction, Records
from labs.records.ledger import ledger
from labs.workspace import workspace_dir
from provisioning.setup.record import Record
from provisioning.sites.spec import NUMBERS, Part, resource_name
from provisioning.testbed.surroundings import Clock, on_chameleon, site_clock

#: The part of provisioning that belongs to a part of the course.
PROVISIONED: dict[int, Part] = {number: part for part, number in NUMBERS.items()}


@dataclass(frozen=True)
class Step:
    """One lesson, and how far it is."""

    lesson: Lesson
    #: Its questions, in the order in which it asks them; without points where they do not count.
    rows: tuple[Row, ...]
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
        """Whether it gives points: neither a deep dive that nobody asks for nor a choice that is not among the best."""
        return any(row.possible for row in self.rows)

    @property
    def left(self) -> tuple[Row, ...]:
        """Questions that can still be earned; a prediction that came too late cannot."""
        return tuple(row for row in self.rows if row.is_left)

    @property
    def done(self) -> bool:
        """Whether nothing is left in it."""
        return bool(self.rows) and not self.left

    @property
    def word(self) -> str:
        """'done', 'begun' or 'open'."""
        return "done" if self.done else "begun" if self.begun else "open"

    @property
    def time(self) -> str:
        """Its minutes (estimated) and where they are spent, told for the machine on which this is read."""
        if self.lesson.machine_minutes:
            return f"{self.lesson.minutes} min, {self.lesson.machine_minutes} of them on a lease"
        here = "hub" if on_chameleon() else "node" if fingerprint().is_leased else "laptop"
        place = (
            "at home"
            if here == "laptop"
            else "here"
            if here in self.lesson.where
            else "on your own computer"
        )
        return f"{self.lesson.minutes} min {place}"


@dataclass(frozen=True)
class LeaseLeft:
    """What this computer remembers of a lease that has not ended."""

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
        start, end = self.start.astimezone(), self.end.astimezone()
        if self.left > end - start:
            until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a %d %b %H:%M}"
            return f"{self.name}: your block is {start:%a %d %b %H:%M} to {until}"
        minutes = int(self.left.total_seconds() // 60)
        return f"{self.name}: {minutes // 60} h {minutes % 60:02d} min left, until {end:%a %d %b %H:%M}"


@dataclass(frozen=True)
class Standing:
    """The whole course as it stands for one student."""

    #: Lessons in the order in which they are taken.
    steps: tuple[Step, ...]
    #: What it was read from.
    records: Records
    #: Id of the lesson that was worked in last; None before the first entry.
    last: str | None = None
    #: Leases that this computer knows of.
    leases: tuple[LeaseLeft, ...] = ()
    #: Lines of the ledger that cannot be read.
    unread: tuple[str, ...] = field(default=())

    @property
    def next(self) -> Step | None:
        """The first lesson that is asked, counts and has something left in it; None at the end."""
        return next((step for step in self.steps if step.counts and not step.done), None)

    @property
    def resumed(self) -> Step | None:
        """The lesson that was worked in last if something is left in it, else the next one."""
        worked = next((step for step in self.steps if step.lesson.id == self.last), None)
        return worked if worked is not None and not worked.done else self.next

    def of_part(self, part: int | None) -> tuple[Step, ...]:
        """Return the lessons that one part of the assignment asks for; of None, the optional deep dives."""
        return tuple(step for step in self.steps if step.part == part)


def points(steps: Sequence[Step]) -> dict[str, float]:
    """Return ``points`` of the gradebook that the checks of some lessons promise, and the ``possible`` ones."""
    return sums(row for step in steps for row in step.rows)


def standing(clock: Clock | None = None) -> Standing:
    """Return how a student stands, from the ledger in the workspace and by the clock of the sites."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        records = ledger().read()
    now, unread = (clock or site_clock()).now(), tuple(str(warning.message) for warning in caught)
    answered = [entry.question for entry in records if isinstance(entry, Answer | Prediction)]
    worked, known = (
        (id.partition(".")[0] for id in reversed(answered)),
        {lesson.id for lesson in lessons()},
    )
    last = next((id for id in worked if id in known), None)
    return Standing(_steps(records, {*answered}), records, last, _leases(records, now), unread)


def _steps(records: Records, answered: set[str]) -> tuple[Step, ...]:
    rows, steps = promised_rows(public_rows(records, lessons()), assignment()), []
    asked = {lesson.id: part for part in assignment().parts.values() for lesson in part.asked()}
    for lesson in lessons():
        own, wanted = tuple(row for row in rows if row.lesson == lesson.id), asked.get(lesson.id)
        begun = any(row.state == State.PASSED or row.id in answered for row in own)
        place = (wanted.number, lesson.id in wanted.choices) if wanted else (None, False)
        steps.append(Step(lesson, own, begun, *place))
    return tuple(steps)


def _leases(records: Records, now: datetime) -> tuple[LeaseLeft, ...]:
    """Return the leases that set-up has noted, or that a lesson saw and that were not given back since."""
    leases = []
    for number, part in PROVISIONED.items():
        subjects = (f"{part}.lease", f"{part}.release")
        seen = [
            entry
            for entry in records
            if isinstance(entry, Observation) and entry.subject in subjects
        ]
        lease = Record.for_name(resource_name(part)).facts("lease")
        # A rehearsed one is no appointment.
        if (
            not lease
            and seen
            and seen[-1].subject == subjects[0]
            and not seen[-1].seen.get("rehearsed", True)
        ):
            lease = seen[-1].seen
        start, end = (
            datetime.fromisoformat(lease.get(name, now.isoformat())) for name in ("start", "end")
        )
        if end > now:
            leases.append(LeaseLeft(number, resource_name(part), start, end, end - now))
    return tuple(leases)


def stamp() -> tuple[int, ...]:
    """Return what changes whenever the standing may: times and sizes of the ledger, in nanoseconds and bytes."""
    with suppress(OSError):
        ledger_file = (workspace_dir() / "ledger.jsonl").stat()
        return (ledger_file.st_mtime_ns, ledger_file.st_size)
    return (0, 0)
