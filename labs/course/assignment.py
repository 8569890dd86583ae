"""What is asked of a class: ``assignment.toml`` at the root, read and checked.

Map, front page, questions page, hand-in, autograder, gradebooks, a class's plan and the students' repository take from
here which lessons are asked, what they are worth and when they are due. A lesson that no part names is a deep dive
that nobody needs.
"""

import difflib
import functools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from labs.course.late import Late, Pool
from labs.course.lessons import lessons
from labs.course.tables import (
    Assignment,
    AssignmentError,
    Change,
    Choose,
    Course,
    Gradebook,
    HandIn,
    PartAsked,
)
from labs.shell import msl
from labs.workspace import PROJECT_DIR

#: The file that the course follows.
PATH = PROJECT_DIR / "assignment.toml"

#: The assignments that ship: the whole core path, and the part of it that needs no lease and no device.
SHIPPED = (PATH, PROJECT_DIR / "assignment-five-hours.toml")

_FILE = TypeAdapter(Assignment)

#: Tables by their path in the file, places in lists left out.
_TABLES: dict[tuple[str, ...], type] = {
    (): Assignment,
    ("course",): Course,
    ("course", "late"): Pool,
    ("course", "hand_in"): HandIn,
    ("part",): PartAsked,
    ("part", "choose"): Choose,
    ("part", "late"): Late,
    ("gradebook",): Gradebook,
    ("adjust",): Change,
}

#: What a value has to be, by the type of pydantic's error.
_KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "datetime_type": "a date and hour",
    "tuple_type": "a list",
    "dataclass_type": "a table",
}

_BOUNDS = {
    "greater_than": "above {:g}",
    "greater_than_equal": "{:g} or more",
    "less_than_equal": "{:g} or less",
}

#: Where a fault lies: names of tables and keys, with places in lists.
_Where = tuple[str | int, ...]


def assignment(path: Path | None = None, *, by_form: bool = False) -> Assignment:
    """Return the assignment that the course follows, in ``PATH`` unless said otherwise.

    Args:
        by_form: Whether its form alone is checked. The builder does so: the lessons that it names are not built yet.

    Raises:
        AssignmentError: It is not there, or has faults.
    """
    path = path or PATH
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError:
        raise AssignmentError(
            f"there is no {path}: `{msl('update')}`, or git, brings it back"
        ) from None
    return _read(path, changed_ns, by_form)


@functools.lru_cache(maxsize=8)
def _read(path: Path, changed_ns: int, by_form: bool) -> Assignment:
    """Return a file's assignment; ``changed_ns`` tells an edited file from the one that was read before."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise AssignmentError(
            f"{path.name} is not UTF-8: save it as UTF-8, and check it again"
        ) from None
    found, wrong = (_formed if by_form else checked)(text)
    if found is None:
        raise AssignmentError("\n".join(f"{path.name}, {one}" for one in wrong))
    return found


def checked(text: str) -> tuple[Assignment | None, list[str]]:
    """Return the assignment that a text describes and no faults, or None and its faults, each as 'line N: reason'.

    What follows from another fault is not told: the form first, then which lessons there are, then what they need.
    """
    found, wrong = _formed(text)
    if found is None:
        return None, wrong
    faults = [*_of_lessons(found), *_of_changes(found)] or list(_of_needs(found))
    return None if faults else found, _told(text, faults)


def _formed(text: str) -> tuple[Assignment | None, list[str]]:
    """Return the same for a text's form alone."""
    text = text.removeprefix("\ufeff")
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        last = text.rstrip().count("\n") + 1
        return None, [f"line {place[1] if place else last}: {str(error).partition(' (at')[0]}"]
    try:
        zone = ZoneInfo(given["course"]["time_zone"])
    except (KeyError, ValueError, OSError, TypeError):  # which is told as a fault of its own
        zone = ZoneInfo("UTC")
    try:
        return _FILE.validate_python(given, context=zone, by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, _told(text, _of_form(error.errors(include_url=False)))


def _told(text: str, faults: list[tuple[_Where, str]]) -> list[str]:
    """Return faults as sentences, each with the line where it lies."""
    return [f"line {_line(text, where)}: {why}" for where, why in faults]


def warnings(found: Assignment, now: datetime) -> list[str]:
    """Return what may be meant, and may be a slip: dates that are over; ``now`` has a time zone."""
    over = [part for part in found.parts.values() if part.due is not None and part.due < now]
    return [f"part {one.number} was due {one.due:%a %d %b %Y %H:%M}: that is over" for one in over]


def in_hours(found: Assignment) -> str:
    """Return a sentence on how long all its lessons take, as the builder estimates it."""
    minutes, lease, setup = (
        sum(getattr(one, name) for one in found.lessons())
        for name in ("minutes", "machine_minutes", "setup_minutes")
    )
    leases = (
        f"{lease} minutes of them on leases; {setup} minutes of set-up pass beside them"
        if lease
        else "no lease"
    )
    return f"about {minutes / 60:.1f} hours, estimated: {leases}."


def _known(where: _Where) -> list[str]:
    """Return the keys that a table may have, as a file spells them."""
    table = _TABLES[tuple(name for name in where if isinstance(name, str))]
    aliases = {name: one.alias for name, one in table.__pydantic_fields__.items()}  # type: ignore[attr-defined]
    return [aliases[one.name] or one.name for one in fields(table)]


def _of_form(errors: list[ErrorDetails]) -> list[tuple[_Where, str]]:
    """Return where each fault of form lies, and what is wrong; a key with a slip is not told as missing, too."""
    missing = {one["loc"] for one in errors if one["type"] == "missing"}
    found: list[tuple[_Where, str]] = []
    for one in errors:
        where, name = one["loc"], str(one["loc"][-1]) if one["loc"] else ""
        if one["type"] == "unexpected_keyword_argument":
            absent = {str(other[-1]): other for other in missing if other[:-1] == where[:-1]}
            if near := difflib.get_close_matches(name, absent, 1):
                missing.discard(absent[near[0]])
                found.append((where, f"{name!r} is not known; did you mean {near[0]}?"))
            else:
                found.append(
                    (where, f"{name!r} is not known; known are {', '.join(_known(where[:-1]))}")
                )
        elif one["type"] != "missing":
            # A fault of a whole table names the key that is to be looked at.
            at = one.get("ctx", {}).get("at")
            found.append(((*where, at) if at else where, _sentence(one, name)))
    return found + [(where[:-1], f"{where[-1]} is missing") for where in sorted(missing, key=str)]


def _sentence(error: ErrorDetails, name: str) -> str:
    kind, limits, given = error["type"], error.get("ctx", {}), error["input"]
    if kind in _KINDS:
        return f"{name} is {given!r}, and has to be {_KINDS[kind]}"
    if kind == "literal_error":
        allowed = str(limits["expected"]).replace(" or ", ", ").replace("'", "")
        return f"{name} is {given!r}; it may be {allowed}"
    if kind in _BOUNDS:
        shown = f"{given:g}" if isinstance(given, int | float) else repr(given)
        return f"{name} is {shown}, and has to be {_BOUNDS[kind].format(*limits.values())}"
    if kind == "finite_number":
        return f"{name} is {given}, and has to be a number that can be reached"
    if kind in ("too_short", "string_too_short"):
        return (
            f"{name} is {given!r}, and has to have {limits['min_length']} letters"
            if given
            else f"{name} is empty"
        )
    return error["msg"]


def _of_lessons(found: Assignment) -> Iterator[tuple[_Where, str]]:
    """Yield what parts and lessons are not there, or are there twice."""
    known = {one.id: one for one in lessons()}
    seen: dict[str, int] = {}
    for place, part in enumerate(found.asked):
        where: _Where = ("part", place)
        if any(one.number == part.number for one in found.asked[:place]):
            yield (*where, "number"), f"part {part.number} is there already"
            continue
        for id in (*part.lessons, *part.choices):
            at = (*where, f'"{id}"')
            if id not in known:
                there = [one.id for one in known.values() if one.part in (0, part.number)]
                yield at, f"there is no lesson {id!r}; there are {', '.join(there)}"
            elif id in seen:
                yield (
                    at,
                    f"{id!r} is there twice"
                    if seen[id] == place
                    else f"{id!r} is in another part already",
                )
            elif known[id].part not in (0, part.number):
                yield at, f"{known[id].title} ({id!r}) belongs to part {known[id].part}"
            seen.setdefault(id, place)


def _of_needs(found: Assignment) -> Iterator[tuple[_Where, str]]:
    """Yield what lessons need and the assignment leaves out; a lesson that has left the course is not missed."""
    known = {one.id: one for one in lessons()}
    taken = {id for part in found.asked for id in (*part.lessons, *part.choices)}
    for place, part in enumerate(found.asked):
        for id in (*part.lessons, *part.choices):
            # What it says, and where its files and records are made.
            wanted = dict.fromkeys([*known[id].needs, *known[id].takes])
            lacking = [
                f"{known[one].title} ({one!r})"
                for one in wanted
                if one in known and one not in taken
            ]
            if lacking:
                needs = f"{known[id].title} ({id!r}) needs {', '.join(lacking)}, which it does not ask for"
                yield ("part", place, f'"{id}"'), needs


def _of_changes(found: Assignment) -> Iterator[tuple[_Where, str]]:
    """Yield what is changed of questions that are not there, or twice."""
    if not found.adjust:
        return
    # Reading questions takes numpy, which planning a lease need not wait for.
    from labs.course.question import all_questions

    for place, change in enumerate(found.adjust):
        where: _Where = ("adjust", place, f'"{change.question}"')
        if change.question not in all_questions():
            near = difflib.get_close_matches(change.question, all_questions(), 1, 0)
            yield (
                where,
                f"there is no question {change.question!r}; did you mean {', '.join(near)}?",
            )
        elif any(one.question == change.question for one in found.adjust[:place]):
            yield where, f"{change.question!r} is changed already"


def _line(text: str, where: _Where) -> int:
    """Return the number of the line where a place is written; the nearest table's if its own cannot be found."""
    bare, at = re.sub(r"(?m)^[ \t]*#.*$", lambda comment: " " * len(comment[0]), text), 0
    for name, following in pairwise((*where, "")):
        if isinstance(name, int):
            continue
        key = re.escape(name) if name.startswith('"') else rf'(?<![\w."-])"?{re.escape(name)}"?\s*='
        table = rf"(?m)^[ \t]*\[{{1,2}}\s*{re.escape(name)}\s*\]"
        # A list's place says how many tables of this name there are up to it.
        for _ in range(following + 1 if isinstance(following, int) else 1):
            match = (
                re.compile(table).search(bare, at)
                if name == where[0]
                else re.compile(key).search(bare, at)
            )
            match = match or re.compile(key).search(bare, at)
            if match is None:
                return bare.count("\n", 0, at) + 1
            at = match.end()
    return bare.count("\n", 0, at) + 1
