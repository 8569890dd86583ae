"""What is asked of a class: ``assignment.toml`` at the root, read and checked.

Map, front page, questions page, hand-in, autograder, gradebooks, a class's plan and the students' repository take from
here which lessons are asked, what they are worth and when they are due. A lesson that no part names is a deep dive
that nobody needs.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from labs.course.lessons import PART_TITLES, Lesson, in_order, lessons
from labs.shell import msl
from labs.workspace import PROJECT_DIR

#: The file that the course follows.
PATH = PROJECT_DIR / "assignment.toml"

#: What students are told about AI assistants (``provisioning/student/assistants``).
ASSISTANTS = ("tutor", "free", "none")

#: Forms in which a gradebook can be written (``grading.classroom.gradebook``).
GRADEBOOKS = ("brightspace", "canvas", "gradescope", "plain")

#: A lease of bare metal may last a week; nobody needs more than a day.
LONGEST_BLOCK_H = 24


#: Most of a part's points that taking part may give, whatever lessons are asked: what only the ledger says
#: (predictions, records, answers). The rest is for what the grader opens itself.
TAKING_PART = 0.2


class AssignmentError(ValueError):
    """An assignment has faults; the message names line and reason of each."""


def point_worth(worth: float, opened: float, taking_part: float) -> tuple[float, float]:
    """Return what a question's point is worth: one for what the grader opens itself, and one for taking part.

    All points are worth the same until taking part would be more than ``TAKING_PART`` of the whole; then its points
    share just that.

    Args:
        worth: What all points together are worth in the gradebook.
        opened: Points of all questions of which the grader opens something itself.
        taking_part: Points of all others.
    """
    share = min(TAKING_PART, taking_part / (opened + taking_part)) if taking_part else 0.0
    return (
        (1 - share) * worth / opened if opened else 0.0,
        share * worth / taking_part if taking_part else 0.0,
    )


@dataclass(frozen=True)
class Late:
    """What lateness costs."""

    #: Share of the part's points that each begun day costs.
    per_day: float = 0.0
    #: Days after which nothing is taken any more.
    days: int = 0

    def share(self, handed_in: datetime, due: datetime) -> float:
        """Return the share of the points that is left, 1 where it was in time.

        Args:
            handed_in: With time zone.
            due: With time zone.
        """
        late_days = -((due - handed_in) // timedelta(days=1)) if handed_in > due else 0
        return max(0.0, 1 - self.per_day * late_days) if late_days <= self.days else 0.0


@dataclass(frozen=True)
class PartAsked:
    """One part of an assignment."""

    #: Of the course, 0 to 3.
    number: int
    #: Ids of the lessons that everybody takes.
    lessons: tuple[str, ...]
    #: What the part is worth; the questions' own points are scaled to it.
    points: float
    #: Ids of the deep dives among which students choose.
    choices: tuple[str, ...] = ()
    #: How many of these count: the best.
    at_least: int = 0
    #: When it is due, with time zone; None for no deadline.
    due: datetime | None = None
    late: Late = Late()
    #: Points of a talk over the defence sheet, among ``points``; 0 where nobody is heard.
    defence: float = 0.0
    #: Hours of a block on a leased machine; 0 for the unit's own.
    block_h: int = 0
    #: Whether Gradescope shows a leaderboard of the recommended files, as the grader measured them.
    leaderboard: bool = False

    @property
    def worth(self) -> float:
        """What its questions are worth together; the talk's points come on top."""
        return self.points - self.defence

    def terms(self) -> list[str]:
        """Return what a student should know beside lessons, points and date, a sentence each."""
        told = []
        if self.due and self.late.days:
            told.append(
                f"Each begun day late costs {100 * self.late.per_day:g} %; after {self.late.days} nothing counts."
            )
        elif self.due:
            told.append("Nothing counts that is handed in late.")
        if self.defence:
            told.append(f"{self.defence:g} of the points are for a talk over your own numbers.")
        if self.block_h:
            told.append(f"A block on a leased machine has {self.block_h} hours.")
        if self.leaderboard:
            told.append(
                "Gradescope shows a leaderboard of the files that you recommend, as the grader measures them: right on "
                "unseen views, size, multiplications. You choose the name that you stand under there."
            )
        return told

    def asked(self) -> list[Lesson]:
        """Return its lessons and its choices in the course's order."""
        wanted = {*self.lessons, *self.choices}
        return [one for one in lessons() if one.id in wanted]

    def counted(self, earned: Mapping[str, float]) -> set[str]:
        """Return the ids of the lessons whose points count: all that everybody takes, and the best of the choices.

        Args:
            earned: Points by lesson.
        """
        best = sorted(self.choices, key=lambda id: (-earned.get(id, 0.0), self.choices.index(id)))
        return {*self.lessons, *best[: self.at_least]}


@dataclass(frozen=True)
class Assignment:
    """What is asked of a class."""

    #: Name of the course.
    title: str
    zone: ZoneInfo
    #: One of ``ASSISTANTS``.
    assistants: str
    #: One of ``GRADEBOOKS``.
    gradebook: str
    #: By number.
    parts: Mapping[int, PartAsked]

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


def assignment(path: Path | None = None) -> Assignment:
    """Return the assignment that the course follows.

    Args:
        path: Another file than ``PATH``.

    Raises:
        AssignmentError: It is not there, or has faults.
    """
    path = path or PATH
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError:
        raise AssignmentError(f"there is no {path}: `{msl('update')}`, or git, brings it back") from None
    return _read(path, changed_ns)


@functools.lru_cache(maxsize=8)
def _read(path: Path, changed_ns: int) -> Assignment:
    """Return a file's assignment; ``changed_ns`` tells an edited file from the one that was read before."""
    text = path.read_text(encoding="utf-8")
    if found := faults(text):
        raise AssignmentError("\n".join(f"{path.name}, {one}" for one in found))
    return _made(tomllib.loads(text))


def faults(text: str) -> list[str]:
    """Return what is wrong with an assignment, each as 'line N: reason'.

    Args:
        text: Of the file.
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        return [f"line {place[1] if place else '?'}: {str(error).partition(' (at')[0]}"]
    return [f"line {_line(text, where)}: {why}" for where, why in _faults(given)]


def warnings(found: Assignment, now: datetime) -> list[str]:
    """Return what may be meant, and may be a slip: dates that are over.

    Args:
        found: The assignment.
        now: With time zone.
    """
    over = [part for part in found.parts.values() if part.due is not None and part.due < now]
    return [f"part {one.number} was due {one.due:%a %d %b %Y %H:%M}: that is over" for one in over]


#: What each table may hold, with the type of each value.
_COURSE = {"title": str, "time_zone": str, "assistants": str}
_PART = {
    "number": int,
    "lessons": list,
    "choose": dict,
    "due": datetime,
    "late": dict,
    "points": (int, float),
    "defence": (int, float),
    "block": int,
    "leaderboard": bool,
}
_CHOOSE, _LATE, _BOOK = {"from": list, "at_least": int}, {"per_day": str, "days": int}, {"format": str}
_PER_DAY = re.compile(r"(\d+(?:\.\d+)?) ?%")

#: Where a fault lies: texts of which each stands behind the one before.
_Where = tuple[str, ...]


def _faults(given: Mapping[str, Any]) -> Iterator[tuple[_Where, str]]:
    """Yield where each fault lies, and what is wrong."""
    tables = {"course": dict, "part": list, "gradebook": dict}
    yield from _typed(given, tables, (), {"course", "part"})
    course, book = given.get("course"), given.get("gradebook", {})
    if isinstance(course, dict):
        yield from _typed(course, _COURSE, ("[course]",), {"title", "time_zone"})
        yield from _one_of(course, "assistants", ASSISTANTS, ("[course]",))
        if isinstance(zone := course.get("time_zone"), str) and _zone(zone) is None:
            yield ("[course]", "time_zone"), f"there is no time zone {zone!r}; write it as America/New_York"
    if isinstance(book, dict):
        yield from _typed(book, _BOOK, ("[gradebook]",), {"format"} if "gradebook" in given else set())
        yield from _one_of(book, "format", GRADEBOOKS, ("[gradebook]",))
    parts = given.get("part")
    parts = [one for one in parts if isinstance(one, dict)] if isinstance(parts, list) else []
    if isinstance(given.get("part"), list) and not parts:
        yield (), "no part is asked: write a [[part]]"
    taken = {id for part in parts for id in _ids(part)}
    for place, part in enumerate(parts):
        where = ("[[part]]",) * (place + 1)
        if parts.index(part) < place or [one.get("number") for one in parts[:place]].count(part.get("number")):
            yield (*where, "number"), f"part {part.get('number')} is there already"
        yield from _part_faults(part, where, taken)


def _part_faults(part: Mapping[str, Any], where: _Where, taken: set[str]) -> Iterator[tuple[_Where, str]]:
    yield from _typed(part, _PART, where, {"number", "lessons", "points"})
    number, points, defence = part.get("number"), part.get("points", 1), part.get("defence", 0)
    if type(number) is int and number not in PART_TITLES:
        yield (*where, "number"), f"there is no part {number}; there are {', '.join(map(str, PART_TITLES))}"
    if isinstance(points, int | float) and points <= 0:
        yield (*where, "points"), "points must be above 0"
    elif isinstance(points, int | float) and isinstance(defence, int | float) and not 0 <= defence < points:
        yield (*where, "defence"), f"the talk's {defence:g} points are among the part's {points:g}, and fewer"
    if type(block := part.get("block")) is int and not 0 < block <= LONGEST_BLOCK_H:
        yield (*where, "block"), f"a block has 1 to {LONGEST_BLOCK_H} hours, and not {block}"
    for name, fields in (("choose", _CHOOSE), ("late", _LATE)):
        if isinstance(part.get(name), dict):
            yield from _typed(part[name], fields, (*where, name), set(fields))
    late, choose = part.get("late"), part.get("choose")
    if isinstance(late, dict) and isinstance(late.get("per_day"), str) and not _PER_DAY.fullmatch(late["per_day"]):
        yield (*where, "per_day"), f'per_day is {late["per_day"]!r}; write it as "10 %"'
    offered, wanted = (choose.get(name) for name in _CHOOSE) if isinstance(choose, dict) else (None, None)
    if isinstance(offered, list) and type(wanted) is int and not 0 < wanted <= len(offered):
        yield (*where, "at_least"), f"{wanted} of {len(offered)} cannot be chosen"
    if isinstance(part.get("lessons"), list) and not part["lessons"]:
        yield (*where, "lessons"), "no lesson is asked; leave the part out"
    known, seen = {one.id: one for one in lessons()}, set()
    for id in _ids(part):
        at = (*where, f'"{id}"')
        if id not in known:
            there = [one.id for one in known.values() if one.part in (0, number)] or list(known)
            yield at, f"there is no lesson {id!r}; there are {', '.join(there)}"
        elif id in seen:
            yield at, f"{id!r} is there twice"
        elif known[id].part not in (0, number):
            yield at, f"{known[id].title} ({id!r}) belongs to part {known[id].part}"
        else:
            lacking = [known[other].title + f" ({other!r})" for other in _needs(known[id], known) if other not in taken]
            if lacking:
                yield at, f"{known[id].title} ({id!r}) needs {', '.join(lacking)}, which nobody asks for"
        seen.add(id)


def _needs(one: Lesson, known: Mapping[str, Lesson]) -> Iterable[str]:
    """Return what a lesson cannot do without: what it says, and where its files and records are made."""
    return [id for id in dict.fromkeys([*one.needs, *one.takes]) if id in known]


def _ids(part: Mapping[str, Any]) -> list[str]:
    choose = part.get("choose")
    lists = [part.get("lessons"), choose.get("from") if isinstance(choose, dict) else None]
    return [id for one in lists if isinstance(one, list) for id in one if isinstance(id, str)]


def _typed(given: Mapping[str, Any], fields: Mapping[str, Any], where: _Where, needed: set[str]) -> Iterator:
    for name, value in given.items():
        if name not in fields:
            yield (*where, name), f"{name!r} is not known; known are {', '.join(fields)}"
        elif not isinstance(value, fields[name]) or isinstance(value, bool) != (fields[name] is bool):
            kinds = {str: "a text", int: "a whole number", list: "a list", dict: "a table", datetime: "a date and hour"}
            wanted = (kinds | {bool: "true or false"}).get(fields[name], "a number")
            yield (*where, name), f"{name} is {value!r}, and has to be {wanted}"
    for name in sorted(needed - set(given)):
        yield where, f"{name} is missing"


def _one_of(given: Mapping[str, Any], name: str, values: tuple[str, ...], where: _Where) -> Iterator:
    if isinstance(given.get(name), str) and given[name] not in values:
        yield (*where, name), f"{name} is {given[name]!r}; it may be {', '.join(values)}"


def _line(text: str, where: _Where) -> int:
    """Return the number of the line where the last of some texts stands, each looked for behind the one before."""
    at, bare = 0, re.sub(r"(?m)^\s*#.*$", lambda comment: " " * len(comment[0]), text)
    for word in where:
        found = bare.find(word, at)
        if found < 0:
            break
        at = found + len(word)
    return text.count("\n", 0, at) + 1


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or one that points elsewhere
        return None


def _made(given: Mapping[str, Any]) -> Assignment:
    course, zone = given["course"], _zone(given["course"]["time_zone"]) or ZoneInfo("UTC")
    made = [_part_made(one, zone) for one in given["part"]]
    return Assignment(
        title=course["title"],
        zone=zone,
        assistants=course.get("assistants", "tutor"),
        gradebook=given.get("gradebook", {}).get("format", "plain"),
        parts={one.number: one for one in sorted(made, key=lambda part: part.number)},
    )


def _part_made(given: Mapping[str, Any], zone: ZoneInfo) -> PartAsked:
    late, choose, due = given.get("late"), given.get("choose", {}), given.get("due")
    return PartAsked(
        number=given["number"],
        lessons=tuple(given["lessons"]),
        points=float(given["points"]),
        choices=tuple(choose.get("from", ())),
        at_least=choose.get("at_least", 0),
        due=due.replace(tzinfo=due.tzinfo or zone) if due else None,
        late=Late(float(_PER_DAY.fullmatch(late["per_day"])[1]) / 100, late["days"]) if late else Late(),
        defence=float(given.get("defence", 0)),
        block_h=given.get("block", 0),
        leaderboard=given.get("leaderboard", False),
    )
