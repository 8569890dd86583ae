"""The tables of ``assignment.toml``, typed: their fields, with ranges."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Literal, Self, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    Strict,
    ValidationInfo,
    model_validator,
)
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from labs.course.late import NOTHING_LATE, TABLE, Late, Pool
from labs.course.lessons import PART_TITLES, Lesson, in_order, lessons

#: Rules for AI assistants (``provisioning/student/assistants``).
Assistants = Literal["tutor", "implement", "free", "none"]

#: Whether a question that turned out wrong leaves the assignment (True), or everybody gets its
#: points.
Void = Literal[True, False, "credit"]

#: Forms in which a gradebook can be written (``grading.classroom.gradebook``).
Format = Literal["brightspace", "canvas", "gradescope", "plain"]
GRADEBOOKS: tuple[str, ...] = get_args(Format)

#: A machine that SSH reaches: user@host, or user@host:port.
NODE = re.compile(r"(?P<user>\w[\w.-]*)@(?P<host>\w[\w.-]*)(?::(?P<port>\d{1,5}))?")

#: A lease of bare metal may last a week, but a day is enough for every part.
LONGEST_BLOCK_H = 24

Text = Annotated[str, Strict(), Field(min_length=1)]


class AssignmentError(ValueError):
    """An assignment has faults; the message names line and reason of each."""


def _zone(value: object) -> object:
    try:
        return ZoneInfo(value) if isinstance(value, str) else value
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or one that points elsewhere
        raise PydanticCustomError(
            "zone",
            "there is no time zone {name}; write it as America/New_York",
            {"name": repr(value)},
        ) from None


def _known_part(number: int) -> int:
    if number not in PART_TITLES:
        there = {"number": number, "there": ", ".join(map(str, PART_TITLES))}
        raise PydanticCustomError("part", "there is no part {number}; there are {there}", there)
    return number


def _one_line(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise PydanticCustomError(
            "line",
            "name is {name}; write the place in words on one line, as Gradescope",
            {"name": repr(name)},
        )
    return name.strip()


def _web_address(url: str) -> str:
    """Return an address that every page can show and link: http or https, with a host and without a
    password.
    """
    try:
        is_web = _is_web_address(url)
    except ValueError:  # a bracket that is not closed, or a port that is no number
        is_web = False
    if not is_web:
        example = "https://www.gradescope.com/courses/123456"
        raise PydanticCustomError(
            "address",
            "url is {url}, which is no web address; copy it from your browser, as {example}",
            {"url": repr(url), "example": example},
        )
    return url


def _is_web_address(url: str) -> bool:
    """Return whether an address is of the web; a port that is no number raises a ValueError."""
    parts = urlsplit(url)
    _port = parts.port  # asked for, since only this reads it
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    has_password = "@" in parts.netloc
    return not has_password and _ADDRESS.fullmatch(url) is not None


#: The characters of an address (RFC 3986).
_ADDRESS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")

#: The characters that mean something to Markdown, HTML or MathJax.
_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")


def _void(value: object) -> object:
    if value is True or value is False or value == "credit":
        return value
    raise PydanticCustomError(
        "void",
        'void is {value}; write true (the question leaves the assignment), or "credit" '
        "(everybody gets its points)",
        {"value": repr(value)},
    )


def _in_zone(due: datetime, info: ValidationInfo) -> datetime:
    """Return a date with the course's time zone, if it has no zone."""
    if due.tzinfo is not None or info.context is None:
        return due
    zone = info.context
    in_zone = due.replace(tzinfo=zone)
    shown = in_zone.astimezone(ZoneInfo("UTC")).astimezone(zone)
    if shown.replace(tzinfo=None) != due:
        skipped = {"due": f"{due:%d %b %Y %H:%M}", "zone": str(zone), "shown": f"{shown:%H:%M}"}
        raise PydanticCustomError(
            "skipped",
            "there is no {due} in {zone}: that night the clocks go on; write {shown}",
            skipped,
        )
    return in_zone


_Texts = Annotated[tuple[Text, ...], Field(min_length=1)]
_Switch = Annotated[bool, Strict()]
_Points = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]
_PointsOrZero = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
_BlockHours = Annotated[int, Strict(), Field(ge=1, le=LONGEST_BLOCK_H)]
_Due = Annotated[datetime, Strict(), AfterValidator(_in_zone)]
_Pseudonyms = Annotated[str, Strict(), Field(min_length=12)]


@dataclass(frozen=True, config=TABLE)
class Choose:
    """Deep dives among which students choose."""

    choices: Annotated[_Texts, Field(alias="from")]
    #: How many of these count: the best.
    at_least: Annotated[int, Strict(), Field(ge=1)]

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.at_least > len(self.choices):
            shown = {"at": "at_least", "wanted": self.at_least, "there": len(self.choices)}
            raise PydanticCustomError("choose", "{wanted} of {there} cannot be chosen", shown)
        return self


def _reached(nodes: tuple[str, ...]) -> tuple[str, ...]:
    """Check how SSH reaches each machine."""
    for node in nodes:
        if not NODE.fullmatch(node):
            shown = {"node": node}
            raise PydanticCustomError(
                "node", "{node} is no machine: write user@host or user@host:port", shown
            )
    return nodes


_Nodes = Annotated[_Texts, AfterValidator(_reached)]


@dataclass(frozen=True, config=TABLE)
class ClassMachines:
    """Machines of the instructor's own, which a class shares by the block."""

    #: How SSH reaches each of them.
    nodes: _Nodes
    #: Price of an hour on one of them; None if it is unknown.
    usd_per_hour: Annotated[float | None, Strict(), Field(ge=0, allow_inf_nan=False)] = None
    #: Whether students may also take machines of the testbed's sites.
    beside_sites: _Switch = False


@dataclass(frozen=True, config=TABLE)
class PartAsked:
    """One part of an assignment."""

    #: Of the course, 0 to 3.
    number: Annotated[int, Strict(), AfterValidator(_known_part)]
    #: Ids of the lessons that everybody takes.
    lessons: _Texts
    #: The part's points; the questions' own points are scaled to it.
    points: _Points
    choose: Choose | None = None
    #: When it is due, with time zone; None for no deadline.
    due: _Due | None = None
    late: Late = NOTHING_LATE
    #: Points of a talk over the defence sheet, among ``points``; 0 without talks.
    defence: _PointsOrZero = 0.0
    #: Points for results that were measured on a lease, among ``points``; the site's record proves
    #: them.
    lease: _PointsOrZero = 0.0
    #: Whether a machine of the instructor's own counts as a lease.
    own_machine: _Switch = False
    #: Machines of the instructor's own on which the part runs; None for the sites' machines.
    machines: ClassMachines | None = None
    #: Hours of a block on a leased machine; None for the unit's own.
    block_h: Annotated[_BlockHours | None, Field(alias="block")] = None
    #: Whether Gradescope shows a leaderboard of the recommended files, as the grader measured them.
    leaderboard: _Switch = False

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.defence < self.points <= self.defence + self.lease:
            shown = {"at": "lease", "lease": f"{self.lease:g}", "points": f"{self.points:g}"}
            raise PydanticCustomError(
                "lease",
                "the lease's {lease} points and the talk's are among the part's {points}: write "
                "fewer",
                shown,
            )
        if self.defence >= self.points:
            shown = {"at": "defence", "talk": f"{self.defence:g}", "points": f"{self.points:g}"}
            raise PydanticCustomError(
                "defence",
                "the talk's {talk} points are among the part's {points}, and fewer",
                shown,
            )
        if self.due is None and self.late != NOTHING_LATE:
            raise PydanticCustomError(
                "undated", "lateness costs points, and no date is due: write due", {"at": "late"}
            )
        return self

    @property
    def worth(self) -> float:
        """The points of all its questions together; the talk's and leases' points come on top."""
        return self.points - self.defence - self.lease

    def leased_kinds(self) -> tuple[str, ...]:
        """Return the kinds of records that its lessons make on a lease, such as 'latency'; each is
        worth the same share of ``lease``.
        """
        kinds = [kind for lesson in self.asked() for kind in lesson.measures]
        return tuple(dict.fromkeys(kinds))

    @property
    def choices(self) -> tuple[str, ...]:
        """Ids of the deep dives among which students choose."""
        return self.choose.choices if self.choose else ()

    @property
    def at_least(self) -> int:
        """How many of these count: the best."""
        return self.choose.at_least if self.choose else 0

    def asked(self) -> list[Lesson]:
        """Return its lessons and its choices in the course's order."""
        wanted = {*self.lessons, *self.choices}
        return [lesson for lesson in lessons() if lesson.id in wanted]

    def terms(self, pool: Pool | None = None) -> list[str]:
        """Return what a student should know beside lessons, points and date, a sentence each."""
        terms = []
        if self.due:
            terms.append(self._term_of_lateness(pool))
        if self.defence:
            terms.append(f"{self.defence:g} of the points are for a talk over your own numbers.")
        if self.lease:
            kinds = " and ".join(self.leased_kinds())
            terms.append(
                f"{self.lease:g} of the points are for results ({kinds}) that you measure on a "
                "lease of yours. The site's own record of leases proves it, so these points are "
                "pending until your instructor writes the gradebook."
            )
            whose = "counts" if self.own_machine else "does not count"
            terms.append(f"A machine of your instructor's {whose} as a lease.")
        if self.machines:
            terms.append(
                "This part runs on a machine that your class shares. In your block it is yours "
                "alone; when the block ends, your files and programs there are deleted."
            )
        if self.block_h:
            terms.append(f"A block on a leased machine has {self.block_h} hours.")
        if self.leaderboard:
            terms.append(
                "Gradescope shows a leaderboard of the files that you recommend, as the grader "
                "measures them: right on unseen views, size, multiplications. You choose the "
                "name that you stand under there."
            )
        return terms

    def _term_of_lateness(self, pool: Pool | None) -> str:
        if pool:
            return (
                f"Over all parts you may be {pool.pool_h:g} hours late; then each begun hour takes "
                f"{pool.per_hour:.0%} of this part's points off."
            )
        if self.late.days:
            percent = 100 * self.late.per_day
            return (
                f"Each begun day late takes {percent:g} % of the part's points off; "
                f"after {self.late.days} nothing counts."
            )
        return "Nothing counts that is handed in late."

    def counted(self, earned: Mapping[str, float]) -> set[str]:
        """Return the ids of the lessons whose points count: all required ones, and the best of the
        choices.
        """
        # Among equal points, the assignment's first counts, because sorting keeps their order.
        best = sorted(self.choices, key=lambda id: -earned.get(id, 0.0))
        return {*self.lessons, *best[: self.at_least]}


@dataclass(frozen=True, config=TABLE)
class HandIn:
    """The place where students hand in their zips."""

    #: Such as 'Gradescope'.
    name: Annotated[Text, AfterValidator(_one_line)]
    #: Of the course there, http or https.
    url: Annotated[Text, AfterValidator(_web_address)]

    @property
    def markdown(self) -> str:
        """A link in Markdown; no character of the name is markup."""
        name = _MARKUP.sub(r"\\\1", self.name)
        return f"[{name}](<{self.url}>)"


@dataclass(frozen=True, config=TABLE)
class Course:
    """The settings for all parts."""

    title: Text
    #: Whose hours the dates are in.
    time_zone: Annotated[ZoneInfo, BeforeValidator(_zone)]
    assistants: Assistants = "tutor"
    #: A word by which leases carry pseudonyms in place of names; None for names.
    pseudonyms: _Pseudonyms | None = None
    late: Pool | None = None
    #: Where students hand in; None if their instructor tells them otherwise.
    hand_in: HandIn | None = None

    @property
    def hand_in_where(self) -> str:
        """The end of the sentence "Upload the zip …", as plain text."""
        if self.hand_in is None:
            return "where your instructor says."
        return f"to {self.hand_in.name}: {self.hand_in.url}"

    @property
    def hand_in_where_markdown(self) -> str:
        """The end of the same sentence in Markdown."""
        if self.hand_in is None:
            return "where your instructor says."
        return f"to {self.hand_in.markdown}."


@dataclass(frozen=True, config=TABLE)
class Gradebook:
    """Where grades go."""

    format: Format = "plain"


@dataclass(frozen=True, config=TABLE)
class Change:
    """A question that turned out wrong in mid-term."""

    question: Text
    reason: Text
    #: True if it leaves the assignment, for everybody; 'credit' if everybody gets its points.
    void: Annotated[Void, PlainValidator(_void)] = False
    #: Its new points, in place of its own ones, including those for the grader's checks.
    points: _Points | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if bool(self.void) == (self.points is not None):
            raise PydanticCustomError(
                "change",
                'write void = true, void = "credit", or points = …, and only one of them',
                {"at": "question"},
            )
        return self

    @property
    def sentence(self) -> str:
        """The change and its reason, as students read them."""
        if self.void == "credit":
            return f"Everybody has these points: {self.reason}"
        if self.void:
            return f"Taken out for the whole class: {self.reason}"
        return f"Its points were changed: {self.reason}"


@dataclass(frozen=True, config=TABLE)
class Assignment:
    """A class's assignment, as its file defines it."""

    course: Course
    asked: Annotated[tuple[PartAsked, ...], Field(alias="part", min_length=1)]
    book: Annotated[Gradebook, Field(alias="gradebook")] = Gradebook()
    adjust: tuple[Change, ...] = ()

    @model_validator(mode="after")
    def _lateness_is_one(self) -> Self:
        own_rules = [part.number for part in self.asked if part.late != NOTHING_LATE]
        if self.course.late and own_rules:
            shown = {"at": "late", "number": own_rules[0]}
            raise PydanticCustomError(
                "late",
                "the course has a pool of late hours, and part {number} its own rule: keep one",
                shown,
            )
        is_dated = any(part.due for part in self.asked)
        if self.course.late and not is_dated:
            raise PydanticCustomError(
                "undated", "lateness costs points, and no part is due: write due", {"at": "late"}
            )
        return self

    @property
    def parts(self) -> dict[int, PartAsked]:
        """The parts by number."""
        in_order_of_number = sorted(self.asked, key=lambda part: part.number)
        return {part.number: part for part in in_order_of_number}

    @property
    def changes(self) -> dict[str, Change]:
        """The changes in mid-term, by question."""
        return {change.question: change for change in self.adjust}

    def part(self, number: int) -> PartAsked:
        """Return a part.

        Raises:
            AssignmentError: The assignment does not include it; the message lists the parts that it
                includes.
        """
        if number not in self.parts:
            asked = ", ".join(map(str, self.parts))
            raise AssignmentError(f"this class's assignment has no part {number}; it has {asked}")
        return self.parts[number]

    def lessons(self, number: int | None = None) -> list[Lesson]:
        """Return the lessons of one part or of all, choices included, in the course's order."""
        if number is not None:
            return self.part(number).asked()
        asked = [lesson for part in self.parts.values() for lesson in part.asked()]
        return sorted(asked, key=in_order)

    def late_points(
        self, handed_in: Mapping[int, datetime], due: Mapping[int, datetime] = MappingProxyType({})
    ) -> dict[int, float]:
        """Return the points that lateness takes off, by part: at most the part's, and only from
        earned points.

        A hand-in keeps ``max(0, earned - taken)``; points of a talk stay. Times have a zone; a
        person's own dates (``due``) replace the parts'.
        """
        parts = self.parts
        due_dates: dict[int, datetime] = {}
        lateness: dict[int, timedelta] = {}
        for number, part in parts.items():
            date = due.get(number) or part.due
            if date and number in handed_in:
                due_dates[number] = date
                lateness[number] = handed_in[number] - date
        if self.course.late:
            numbers = sorted(due_dates, key=due_dates.__getitem__)
            shares = self.course.late.off(lateness[number] for number in numbers)
            share_off = dict(zip(numbers, shares, strict=True))
        else:
            share_off = {number: parts[number].late.off(late) for number, late in lateness.items()}
        return {number: share * parts[number].points for number, share in share_off.items()}
