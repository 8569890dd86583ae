"""A class's assignment: ``assignment.toml`` at the root, read and checked.

It gives the required lessons, their points and dates. Map, front page, questions page, hand-in,
autograder, gradebooks, a class's plan and the students' repository read them here. A lesson that no
part names is an optional deep dive.
"""

import contextlib
import difflib
import functools
import logging
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
from labs.course.lessons import MINUTES_NOTE, Lesson, lessons
from labs.course.tables import (
    Assignment,
    AssignmentError,
    Change,
    Choose,
    ClassMachines,
    Course,
    Gradebook,
    HandIn,
    PartAsked,
)
from labs.shell import msl
from labs.workspace import PROJECT_DIR, workspace_dir

#: The file that the course follows.
PATH = PROJECT_DIR / "assignment.toml"

#: The assignments that ship: the whole core path, and the part of it that needs no lease and no
#: device.
SHIPPED = (PATH, PROJECT_DIR / "assignment-five-hours.toml")

#: Name in the workspace of the file's last version that had no fault.
LAST_RIGHT = ".assignment.toml"

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
    ("part", "machines"): ClassMachines,
    ("gradebook",): Gradebook,
    ("adjust",): Change,
}

#: Required form of a value, by the type of pydantic's error.
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
        by_form: Whether its form alone is checked. The builder does so: the lessons that it names
            are not built yet.

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


def assignment_for_leases() -> Assignment:
    """Return the assignment; if the file has a fault now, return its last correct version.

    A mistake in the file must not stop a lease that is running.

    Raises:
        AssignmentError: It has a fault, and this workspace has never seen a correct version.
    """
    last_right = workspace_dir() / LAST_RIGHT
    try:
        current = assignment()
    except AssignmentError as fault:
        if not last_right.is_file():
            raise
        _warn(f"{fault}\nUntil that is repaired, leases follow the last version without a fault.")
        return assignment(last_right)
    _remember(PATH.read_text(encoding="utf-8-sig"), last_right)
    return current


def _remember(text: str, path: Path) -> None:
    """Write a text where there is another one; without a workspace there is no lease either."""
    known = path.read_text(encoding="utf-8") if path.is_file() else ""
    if known == text or not path.parent.is_dir():
        return
    # A full disk does not stop a lease either.
    with contextlib.suppress(OSError):
        path.write_text(text, encoding="utf-8")


@functools.cache
def _warn(text: str) -> None:
    """Print a warning once in a process."""
    logging.getLogger(__name__).warning(text)


@functools.lru_cache(maxsize=8)
def _read(path: Path, changed_ns: int, by_form: bool) -> Assignment:
    """Return a file's assignment; ``changed_ns`` tells an edited file from the one read before."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise AssignmentError(
            f"{path.name} is not UTF-8: save it as UTF-8, and check it again"
        ) from None
    check = _formed if by_form else checked
    read, faults = check(text)
    if read is None:
        lines = [f"{path.name}, {fault}" for fault in faults]
        raise AssignmentError("\n".join(lines))
    return read


def checked(text: str) -> tuple[Assignment | None, list[str]]:
    """Return a text's assignment and no faults, or None and its faults, each as 'line N: reason'.

    Faults that follow from another fault are left out: first the form is checked, then the lessons,
    then their needs.
    """
    read, faults_of_form = _formed(text)
    if read is None:
        return None, faults_of_form
    faults = [*_of_lessons(read), *_of_changes(read)]
    if not faults:
        faults = [*_of_needs(read), *_of_leases(read)]
    if faults:
        return None, _sentences(text, faults)
    return read, []


def _formed(text: str) -> tuple[Assignment | None, list[str]]:
    """Return the same for a text's form alone."""
    text = text.removeprefix("\ufeff")
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error).partition(" (at")[0]
        return None, [f"line {_line_of_toml_fault(text, error)}: {reason}"]
    try:
        zone = ZoneInfo(given["course"]["time_zone"])
    except (KeyError, ValueError, OSError, TypeError):  # which is reported as a separate fault
        zone = ZoneInfo("UTC")
    try:
        return _FILE.validate_python(given, context=zone, by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, _sentences(text, _of_form(error.errors(include_url=False)))


def _line_of_toml_fault(text: str, error: tomllib.TOMLDecodeError) -> str:
    """Return the number of the line that the error names; the last line's if it names none."""
    named = re.search(r"line (\d+)", str(error))
    if named:
        return named[1]
    last = text.rstrip().count("\n") + 1
    return str(last)


def _sentences(text: str, faults: list[tuple[_Where, str]]) -> list[str]:
    """Return faults as sentences, each with the line where it lies."""
    sentences = []
    for where, reason in faults:
        line = _line(text, where)
        sentences.append(f"line {line}: {reason}")
    return sentences


def warnings(assignment: Assignment, now: datetime) -> list[str]:
    """Return what may be meant, and may be a slip: dates that are over; ``now`` has a time zone."""
    due_dates = {part.number: part.due for part in assignment.parts.values() if part.due}
    return [
        f"part {number} was due {due:%a %d %b %Y %H:%M}: that is over"
        for number, due in due_dates.items()
        if due < now
    ]


def in_hours(assignment: Assignment) -> str:
    """Return how long all its lessons take, as the builder estimates it."""
    asked = assignment.lessons()
    hours = sum(lesson.minutes for lesson in asked) / 60
    lease_minutes = sum(lesson.machine_minutes for lesson in asked)
    setup_minutes = sum(lesson.setup_minutes for lesson in asked)
    leases = "no lease"
    if lease_minutes:
        leases = (
            f"{lease_minutes} minutes of them on leases; {setup_minutes} minutes of set-up pass "
            "beside them"
        )
    return f"about {hours:.1f} hours, with {leases}. {MINUTES_NOTE}"


def _known(where: _Where) -> list[str]:
    """Return the keys that a table may have, as a file spells them."""
    names_of_tables = tuple(name for name in where if isinstance(name, str))
    table = _TABLES[names_of_tables]
    pydantic_fields = table.__pydantic_fields__  # type: ignore[attr-defined]
    return [pydantic_fields[field.name].alias or field.name for field in fields(table)]


def _of_form(errors: list[ErrorDetails]) -> list[tuple[_Where, str]]:
    """Return place and message of each fault of form; a misspelt key is not reported as missing,
    too.
    """
    missing = {error["loc"] for error in errors if error["type"] == "missing"}
    faults: list[tuple[_Where, str]] = []
    for error in errors:
        where = error["loc"]
        name = str(where[-1]) if where else ""
        if error["type"] == "unexpected_keyword_argument":
            table = where[:-1]
            of_table = [key for key in missing if key[:-1] == table]
            missing_keys = {str(key[-1]): key for key in of_table}
            near = difflib.get_close_matches(name, missing_keys, 1)
            if near:
                missing.discard(missing_keys[near[0]])
                faults.append((where, f"{name!r} is not known; did you mean {near[0]}?"))
            else:
                known = ", ".join(_known(table))
                faults.append((where, f"{name!r} is not known; known are {known}"))
        elif error["type"] != "missing":
            # A fault of a whole table names the key to check.
            key_to_look_at = error.get("ctx", {}).get("at")
            if key_to_look_at:
                where = (*where, key_to_look_at)
            faults.append((where, _sentence(error, name)))
    for *table_of_key, key in sorted(missing, key=str):
        faults.append((tuple(table_of_key), f"{key} is missing"))
    return faults


def _sentence(error: ErrorDetails, name: str) -> str:
    kind = error["type"]
    limits = error.get("ctx", {})
    given = error["input"]
    if kind in _KINDS:
        return f"{name} is {given!r}, and has to be {_KINDS[kind]}"
    if kind == "literal_error":
        allowed = str(limits["expected"]).replace(" or ", ", ").replace("'", "")
        return f"{name} is {given!r}; it may be {allowed}"
    if kind in _BOUNDS:
        is_number = isinstance(given, int | float)
        shown = f"{given:g}" if is_number else repr(given)
        bound = _BOUNDS[kind].format(*limits.values())
        return f"{name} is {shown}, and has to be {bound}"
    if kind == "finite_number":
        return f"{name} is {given}, and has to be a number that can be reached"
    if kind in ("too_short", "string_too_short"):
        if not given:
            return f"{name} is empty"
        return f"{name} is {given!r}, and has to have {limits['min_length']} letters"
    return error["msg"]


def _of_lessons(assignment: Assignment) -> Iterator[tuple[_Where, str]]:
    """Yield what parts and lessons are not there, or are there twice."""
    known = {lesson.id: lesson for lesson in lessons()}
    seen_parts: set[int] = set()
    seen_lessons: dict[str, int] = {}
    for place, part in enumerate(assignment.asked):
        if part.number in seen_parts:
            yield ("part", place, "number"), f"part {part.number} is there already"
            continue
        seen_parts.add(part.number)
        for id in (*part.lessons, *part.choices):
            where: _Where = ("part", place, f'"{id}"')
            if id not in known:
                available = [lesson.id for lesson in known.values() if _may_be_in(lesson, part)]
                yield where, f"there is no lesson {id!r}; there are {', '.join(available)}"
            elif seen_lessons.get(id) == place:
                yield where, _repeated(id, part)
            elif id in seen_lessons:
                yield where, f"{id!r} is in another part already"
            elif not _may_be_in(known[id], part):
                lesson = known[id]
                yield where, f"{lesson.title} ({id!r}) belongs to part {lesson.part}"
            seen_lessons.setdefault(id, place)


def _repeated(id: str, part: PartAsked) -> str:
    """Return what is wrong with a lesson that a part names more than once."""
    if id in part.lessons and id in part.choices:
        return (
            f"{id!r} is in `lessons` and in `choose`. Everybody takes `lessons`, and students "
            "choose from `choose`: take it out of one of the two"
        )
    return f"{id!r} is there twice: take one out"


def _may_be_in(lesson: Lesson, part: PartAsked) -> bool:
    """Return whether a part may ask for a lesson; lessons of part 0 may be in every part."""
    return lesson.part in (0, part.number)


def _of_needs(assignment: Assignment) -> Iterator[tuple[_Where, str]]:
    """Yield the lessons that are needed but not assigned; a lesson that has left is not missed."""
    known = {lesson.id: lesson for lesson in lessons()}
    asked: set[str] = set()
    for part in assignment.asked:
        asked.update(part.lessons, part.choices)
    for place, part in enumerate(assignment.asked):
        for id in (*part.lessons, *part.choices):
            lesson = known[id]
            # What it says, and where its files and records are made.
            needed = dict.fromkeys([*lesson.needs, *lesson.takes])
            absent = [need for need in needed if need not in asked]
            lacking = [known[need] for need in absent if need in known]
            if lacking:
                names = ", ".join(f"{other.title} ({other.id!r})" for other in lacking)
                sentence = f"{lesson.title} ({id!r}) needs {names}, which it does not ask for"
                yield ("part", place, f'"{id}"'), sentence


def _of_leases(assignment: Assignment) -> Iterator[tuple[_Where, str]]:
    """Yield parts that give points for leases and ask for no lesson that measures on one."""
    for place, part in enumerate(assignment.asked):
        if part.lease and not part.leased_kinds():
            sentence = (
                f"part {part.number} asks for no lesson that measures on a lease: write lease = 0, "
                "and its points return to the questions"
            )
            yield ("part", place, "lease"), sentence
        elif part.lease and part.machines and not (part.own_machine or part.machines.beside_sites):
            sentence = (
                f"part {part.number} runs on machines of yours, which do not count as a lease: "
                "write own_machine = true, or lease = 0"
            )
            yield ("part", place, "lease"), sentence


def _of_changes(assignment: Assignment) -> Iterator[tuple[_Where, str]]:
    """Yield what is changed of questions that are not there, or twice."""
    if not assignment.adjust:
        return
    # Reading questions takes numpy, which planning a lease need not wait for.
    from labs.course.question import all_questions

    changed: set[str] = set()
    for place, change in enumerate(assignment.adjust):
        id = change.question
        where: _Where = ("adjust", place, f'"{id}"')
        if id not in all_questions():
            nearest = ", ".join(difflib.get_close_matches(id, all_questions(), 1, 0))
            yield where, f"there is no question {id!r}; did you mean {nearest}?"
        elif id in changed:
            yield where, f"{id!r} is changed already"
        changed.add(id)


def _line(text: str, where: _Where) -> int:
    """Return the number of the line where a place is written, or where its nearest table is."""
    bare = _without_comments(text)
    at = 0
    for name, following in pairwise((*where, "")):
        if isinstance(name, int):
            continue
        # A list's place says how many tables of this name there are up to it.
        tables = following + 1 if isinstance(following, int) else 1
        for _ in range(tables):
            match = None
            if name == where[0]:
                match = _table_header(name).search(bare, at)
            match = match or _key(name).search(bare, at)
            if match is None:
                return _line_at(bare, at)
            at = match.end()
    return _line_at(bare, at)


def _without_comments(text: str) -> str:
    """Return a text with spaces in place of its comment lines, so that all positions are
    unchanged.
    """
    return re.sub(r"(?m)^[ \t]*#.*$", lambda comment: " " * len(comment[0]), text)


def _table_header(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?m)^[ \t]*\[{{1,2}}\s*{re.escape(name)}\s*\]")


def _key(name: str) -> re.Pattern[str]:
    """Return the pattern of a key before its equals sign, or of a quoted value as it stands."""
    escaped = re.escape(name)
    if name.startswith('"'):
        return re.compile(escaped)
    return re.compile(rf'(?<![\w."-])"?{escaped}"?\s*=')


def _line_at(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
