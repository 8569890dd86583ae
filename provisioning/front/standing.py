"""Where a student stands: each lesson with its points, what comes next, and what the leases still give.

Everything is read from the assignment, the lessons' front matter, the ledger and the records of provisioning on this
computer. Nothing asks a network, so the front page and ``msl status`` answer at once and offline.
"""

import warnings
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from labs.course.assignment import assignment
from labs.course.lessons import PLACES, Lesson, lessons
from labs.course.points import promised_rows
from labs.course.question import Row, public_rows, question
from labs.records import Answer, Prediction, Records
from labs.records.ledger import ledger
from labs.workspace import workspace_dir
from provisioning.setup.record import Record
from provisioning.sites.spec import NUMBERS, Part, resource_name
from provisioning.testbed.surroundings import Clock, site_clock

#: The part of provisioning that belongs to a part of the course.
PROVISIONED: dict[int, Part] = {number: part for part, number in NUMBERS.items()}


@dataclass(frozen=True)
class Step:
    """One lesson, and how far it is."""

    lesson: Lesson
    #: Its questions, in the order in which it asks them.
    rows: tuple[Row, ...]
    #: Whether anything of it was predicted, answered or earned.
    begun: bool = False
    #: Part of the assignment that asks for it; None for a deep dive that nobody asks for.
    part: int | None = None
    #: Whether it is one of several among which students choose.
    choice: bool = False

    @property
    def earned(self) -> float:
        """Points that its checks promise so far."""
        return sum(row.points for row in self.rows)

    @property
    def possible(self) -> float:
        """Points that its questions are worth."""
        return sum(row.possible for row in self.rows)

    @property
    def predictions(self) -> float:
        """Points of these that are given for predicting in time."""
        return sum(row.possible for row in self.rows if question(row.id).kind == "prediction")

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
    def where(self) -> str:
        """Where it runs for real, in words."""
        return ", ".join(PLACES[place] for place in self.lesson.where)


@dataclass(frozen=True)
class LeaseLeft:
    """What this computer remembers of a lease that has not ended."""

    part: int
    name: str
    #: Its end, with time zone.
    end: datetime
    left: timedelta

    @property
    def text(self) -> str:
        """One sentence."""
        minutes = int(self.left.total_seconds() // 60)
        return (
            f"{self.name}: {minutes // 60} h {minutes % 60:02d} min left, until {self.end.astimezone():%a %d %b %H:%M}"
        )


@dataclass(frozen=True)
class Standing:
    """The whole course as it stands for one student."""

    #: Lessons in the order in which they are taken.
    steps: tuple[Step, ...]
    #: Id of the lesson that was worked in last; None before the first entry.
    last: str | None = None
    #: Leases that this computer knows of.
    leases: tuple[LeaseLeft, ...] = ()
    #: Lines of the ledger that cannot be read.
    unread: tuple[str, ...] = field(default=())

    @property
    def counted(self) -> tuple[Step, ...]:
        """The lessons whose points count: what is asked, and of choices the best."""
        earned = {one.lesson.id: float(one.earned) for one in self.steps}
        ids = {id for part in assignment().parts.values() for id in part.counted(earned)}
        return tuple(one for one in self.steps if one.lesson.id in ids)

    @property
    def earned(self) -> float:
        """Points that the checks that count promise."""
        return sum(one.earned for one in self.counted)

    @property
    def possible(self) -> float:
        """Points that their questions are worth."""
        return sum(one.possible for one in self.counted)

    @property
    def next(self) -> Step | None:
        """The first lesson that is asked, counts and has something left in it; None at the end."""
        return next((one for one in self.counted if not one.done), None)

    @property
    def resumed(self) -> Step | None:
        """The lesson that was worked in last if something is left in it, else the next one."""
        worked = next((one for one in self.steps if one.lesson.id == self.last), None)
        return worked if worked is not None and not worked.done else self.next

    def of_part(self, part: int | None) -> tuple[Step, ...]:
        """Return the lessons that one part of the assignment asks for; of None, those that nobody asks for."""
        return tuple(one for one in self.steps if one.part == part)

    def step(self, id: str) -> Step:
        """Return a lesson by its id."""
        return next(one for one in self.steps if one.lesson.id == id)


def standing(clock: Clock | None = None) -> Standing:
    """Return how a student stands, from the ledger in the workspace and by the clock of the sites."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        records = ledger().read()
    unread = tuple(str(one.message) for one in said)
    now, leases = (clock or site_clock()).now(), []
    for part, provisioned in PROVISIONED.items():
        name = resource_name(provisioned)
        end = Record.for_name(name).facts("lease").get("end")
        if end and (left := datetime.fromisoformat(end) - now) > timedelta(0):
            leases.append(LeaseLeft(part, name, datetime.fromisoformat(end), left))
    return replace(standing_of(records), leases=tuple(leases), unread=unread)


def standing_of(records: Records) -> Standing:
    """Return how far the entries of a ledger have come; of leases they say nothing."""
    rows = promised_rows(public_rows(records, lessons()), assignment().changes)
    answered = [one.question for one in records if isinstance(one, Answer | Prediction)]
    touched = {*answered, *(row.id for row in rows if row.points)}
    asked = {one.id: part.number for part in assignment().parts.values() for one in part.asked()}
    choices = {id for part in assignment().parts.values() for id in part.choices}
    steps = []
    for one in lessons():
        of_it = tuple(row for row in rows if row.lesson == one.id)
        begun = any(row.id in touched for row in of_it)
        steps.append(Step(one, of_it, begun, asked.get(one.id), one.id in choices))
    known = {one.lesson.id for one in steps}
    worked = (id.partition(".")[0] for id in reversed(answered))
    return Standing(tuple(steps), next((id for id in worked if id in known), None))


def stamp() -> tuple[int, ...]:
    """Return what changes whenever the standing may: times and sizes of the ledger, in nanoseconds and bytes."""
    path = workspace_dir() / "ledger.jsonl"
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
