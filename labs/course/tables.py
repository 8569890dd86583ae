"""The tables of ``assignment.toml``, typed: what each may hold, with its ranges."""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Literal, Self, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, Strict, ValidationInfo, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from labs.course.late import NOTHING_LATE, TABLE, Late, Pool
from labs.course.lessons import PART_TITLES, Lesson, in_order, lessons

#: What students are told about AI assistants (``provisioning/student/assistants``).
Assistants = Literal["tutor", "implement", "free", "none"]

#: Forms in which a gradebook can be written (``grading.classroom.gradebook``).
Format = Literal["brightspace", "canvas", "gradescope", "plain"]
GRADEBOOKS: tuple[str, ...] = get_args(Format)

#: A lease of bare metal may last a week; nobody needs more than a day.
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
    """Return an address that every page can show and link: http or https, with a host and without a password."""
    try:
        parts = urlsplit(url)
        is_web = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        )
    except ValueError:  # a bracket that is not closed, or a port that is no number
        is_web = False
    if not is_web or "@" in parts.netloc or not _ADDRESS.fullmatch(url):
        example = "https://www.gradescope.com/courses/123456"
        raise PydanticCustomError(
            "address",
            "url is {url}, which is no web address; copy it from your browser, as {example}",
            {"url": repr(url), "example": example},
        )
    return url


#: The characters of an address (RFC 3986).
_ADDRESS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")

#: The characters that mean something to Markdown, HTML or MathJax.
_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")


def _in_zone(due: datetime, info: ValidationInfo) -> datetime:
    """Return a date with the course's time zone, if it has none of its own."""
    if due.tzinfo is not None or info.context is None:
        return due
    there = due.replace(tzinfo=info.context)
    shown = there.astimezone(ZoneInfo("UTC")).astimezone(info.context)
    if shown.replace(tzinfo=None) != due:
        skipped = {
            "due": f"{due:%d %b %Y %H:%M}",
            "zone": str(info.context),
            "shown": f"{shown:%H:%M}",
        }
        raise PydanticCustomError(
            "skipped",
            "there is no {due} in {zone}: that night the clocks go on; write {shown}",
            skipped,
        )
    return there


@dataclass(frozen=True, config=TABLE)
class Choose:
    """Deep dives among which students choose."""

    choices: Annotated[tuple[Text, ...], Field(alias="from", min_length=1)]
    #: How many of these count: the best.
    at_least: Annotated[int, Strict(), Field(ge=1)]

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.at_least > len(self.choices):
            shown = {"at": "at_least", "wanted": self.at_least, "there": len(self.choices)}
            raise PydanticCustomError("choose", "{wanted} of {there} cannot be chosen", shown)
        return self


@dataclass(frozen=True, config=TABLE)
class PartAsked:
    """One part of an assignment."""

    #: Of the course, 0 to 3.
    number: Annotated[int, Strict(), AfterValidator(_known_part)]
    #: Ids of the lessons that everybody takes.
    lessons: Annotated[tuple[Text, ...], Field(min_length=1)]
    #: What the part is worth; the questions' own points are scaled to it.
    points: Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]
    choose: Choose | None = None
    #: When it is due, with time zone; None for no deadline.
    due: Annotated[datetime, Strict(), AfterValidator(_in_zone)] | None = None
    late: Late = NOTHING_LATE
    #: Points of a talk over the defence sheet, among ``points``; 0 if nobody is heard.
    defence: Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)] = 0.0
    #: Hours of a block on a leased machine; None for the unit's own.
    block_h: Annotated[
        Annotated[int, Strict(), Field(ge=1, le=LONGEST_BLOCK_H)] | None, Field(alias="block")
    ] = None
    #: Whether Gradescope shows a leaderboard of the recommended files, as the grader measured them.
    leaderboard: Annotated[bool, Strict()] = False

    @model_validator(mode="after")
    def _agrees(self) -> Self:
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
        """What its questions are worth together; the talk's points come on top."""
        return self.points - self.defence

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
        return [one for one in lessons() if one.id in wanted]

    def terms(self, pool: Pool | None = None) -> list[str]:
        """Return what a student should know beside lessons, points and date, a sentence each."""
        said = []
        if self.due and pool:
            said.append(
                f"Over all parts you may be {pool.pool_h:g} hours late; then each begun hour takes "
                f"{pool.per_hour:.0%} of this part's points off."
            )
        elif self.due and self.late.days:
            said.append(
                f"Each begun day late takes {100 * self.late.per_day:g} % of the part's points off; after "
                f"{self.late.days} nothing counts."
            )
        elif self.due:
            said.append("Nothing counts that is handed in late.")
        if self.defence:
            said.append(f"{self.defence:g} of the points are for a talk over your own numbers.")
        if self.block_h:
            said.append(f"A block on a leased machine has {self.block_h} hours.")
        if self.leaderboard:
            said.append(
                "Gradescope shows a leaderboard of the files that you recommend, as the grader measures them: right on "
                "unseen views, size, multiplications. You choose the name that you stand under there."
            )
        return said

    def counted(self, earned: Mapping[str, float]) -> set[str]:
        """Return the ids of the lessons whose points count: all that everybody takes, and the best of the choices."""
        best = sorted(self.choices, key=lambda id: (-earned.get(id, 0.0), self.choices.index(id)))
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
    """What holds for all parts."""

    title: Text
    #: Whose hours the dates are in.
    time_zone: Annotated[ZoneInfo, BeforeValidator(_zone)]
    assistants: Assistants = "tutor"
    #: A word by which leases carry pseudonyms in place of names; None for names.
    pseudonyms: Annotated[str, Strict(), Field(min_length=12)] | None = None
    late: Pool | None = None
    #: Where students hand in; None if their instructor tells them otherwise.
    hand_in: HandIn | None = None

    @property
    def hand_in_where(self) -> str:
        """The end of the sentence "Upload the zip …", as plain text."""
        return (
            f"to {self.hand_in.name}: {self.hand_in.url}"
            if self.hand_in
            else "where your instructor says."
        )

    @property
    def hand_in_where_markdown(self) -> str:
        """The end of the same sentence in Markdown."""
        return f"to {self.hand_in.markdown}." if self.hand_in else "where your instructor says."


@dataclass(frozen=True, config=TABLE)
class Gradebook:
    """Where grades go."""

    format: Format = "plain"


@dataclass(frozen=True, config=TABLE)
class Change:
    """A question that turned out wrong in mid-term."""

    question: Text
    reason: Text
    #: Whether it leaves the assignment, for everybody.
    void: Annotated[bool, Strict()] = False
    #: What it is worth in place of its own points, all that the grader opens of it included.
    points: Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.void == (self.points is not None):
            raise PydanticCustomError(
                "change", "write void = true, or points = …, and not both", {"at": "question"}
            )
        return self


@dataclass(frozen=True, config=TABLE)
class Assignment:
    """What is asked of a class, as its file says it."""

    course: Course
    asked: Annotated[tuple[PartAsked, ...], Field(alias="part", min_length=1)]
    book: Annotated[Gradebook, Field(alias="gradebook")] = Gradebook()
    adjust: tuple[Change, ...] = ()

    @model_validator(mode="after")
    def _lateness_is_one(self) -> Self:
        own = [one.number for one in self.asked if one.late != NOTHING_LATE]
        if self.course.late and own:
            shown = {"at": "late", "number": own[0]}
            raise PydanticCustomError(
                "late",
                "the course has a pool of late hours, and part {number} a rule of its own: keep one",
                shown,
            )
        if self.course.late and not any(one.due for one in self.asked):
            raise PydanticCustomError(
                "undated", "lateness costs points, and no part is due: write due", {"at": "late"}
            )
        return self

    @property
    def parts(self) -> dict[int, PartAsked]:
        """The parts by number."""
        return {one.number: one for one in sorted(self.asked, key=lambda part: part.number)}

    @property
    def changes(self) -> dict[str, Change]:
        """What changed in mid-term, by question."""
        return {one.question: one for one in self.adjust}

    def part(self, number: int) -> PartAsked:
        """Return a part.

        Raises:
            AssignmentError: It is not asked; the message lists those that are.
        """
        if number not in self.parts:
            asked = ", ".join(map(str, self.parts))
            raise AssignmentError(f"this class's assignment has no part {number}; it has {asked}")
        return self.parts[number]

    def lessons(self, number: int | None = None) -> list[Lesson]:
        """Return the lessons that are asked of one part, or of all, choices included, in the course's order."""
        parts = self.parts.values() if number is None else [self.part(number)]
        return sorted((one for part in parts for one in part.asked()), key=in_order)

    def late_points(
        self, handed_in: Mapping[int, datetime], due: Mapping[int, datetime] = MappingProxyType({})
    ) -> dict[int, float]:
        """Return the points that lateness takes off, by part: never more than the part's, and only of what was earned.

        A hand-in keeps ``max(0, earned - taken)``; points of a talk stay. Times have a zone; a person's own dates
        (``due``) stand in place of the parts'.
        """
        dates = {number: due.get(number) or part.due for number, part in self.parts.items()}
        late = {
            number: handed_in[number] - date
            for number, date in dates.items()
            if date and number in handed_in
        }
        if self.course.late:
            order = sorted(late, key=lambda number: handed_in[number] - late[number])
            shares = dict(
                zip(order, self.course.late.off(late[number] for number in order), strict=True)
            )
        else:
            shares = {number: self.parts[number].late.off(hours) for number, hours in late.items()}
        return {number: share * self.parts[number].points for number, share in shares.items()}
