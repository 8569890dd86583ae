"""``python -m grading gradebook``: a graded part as a file that the university's gradebook imports.

Sources: Brightspace, 'Import grades' (columns ``OrgDefinedId`` or ``Username``,
``<item> Points Grade``, ``End-of-Line Indicator``); Canvas, 'How do I import grades in the
Gradebook?' (``Student``, ``ID``, ``SIS User ID``, ``SIS Login ID``, ``Section``, one column an
item, and a row of possible points); Gradescope's own export.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from grading.classroom.leases import lease_points
from labs.course.assignment import assignment
from labs.course.lease_record import SiteObservation, read_looks
from labs.course.lessons import PART_TITLES
from labs.course.roster import RosterError, Student, read_roster
from labs.course.tables import Assignment, PartAsked
from labs.display.format import printable
from labs.shell import msl

if TYPE_CHECKING:
    from grading.classroom.handed_in import Handed, People
    from grading.grade.result import Result

console = Console()


@dataclass(frozen=True)
class Grade:
    """One person's grade of one part."""

    person: Student
    #: In the gradebook's measure, lateness taken off.
    points: float
    #: Why it is less than the earned points, or which fact is unknown; empty otherwise.
    note: str = ""
    #: Whether there are points of a talk, none included.
    heard: bool = False

    @property
    def name(self) -> str:
        """As people say it."""
        return self.person.full_name or self.person.name


#: A grade's note if the time of the hand-in is unknown.
NO_TIME = "no time of handing in is known: counted as in time"


def grades(
    course: Assignment,
    number: int,
    handed: Sequence[Handed],
    results: Sequence[Result],
    people: People,
    heard: Mapping[str, float] = MappingProxyType({}),
    changed: Mapping[str, Sequence[tuple[float, str]]] = MappingProxyType({}),
    others: Mapping[int, Sequence[Handed]] = MappingProxyType({}),
    looks: Sequence[SiteObservation] | None = None,
) -> list[Grade]:
    """Return the grade of every student who handed in, and of every other student who has not left
    the class.

    Args:
        handed: Students who handed in, with times, under the class's names.
        results: Their results, in the same order.
        heard: Points of the talk by short name.
        changed: Points that a person gives or takes, each with its reason, by short name; the
            result is limited to the part's points.
        others: Students who handed in other parts, by number: they use up a pool of late hours.
        looks: The sites' records of the class's leases; without them, their points are pending.
    """
    part = course.part(number)
    times = _times({**others, number: handed})
    listed = []
    for hand_in, result in zip(handed, results, strict=True):
        for person in hand_in.members:
            own_due = {number: person.due} if person.due else {}
            late_points = course.late_points(times[person.name], own_due).get(number, 0.0)
            talk_points = min(part.defence, max(heard.get(person.name, 0.0), 0.0))
            notes = []
            earned = result.grade
            if part.lease and looks is not None:
                of_leases = lease_points(part, person, result.leased, looks)
                earned += of_leases.points
                notes.append(of_leases.text(part))
            elif part.lease:
                notes.append(f"leases: {part.lease:g} points are pending without the site's record")
            if late_points:
                notes.append(f"late: {min(late_points, earned):.2f} points taken off")
            if (person.due or part.due) and not hand_in.at:
                notes.append(NO_TIME)
            if result.pending:
                notes.append(f"not judged yet: {result.pending_grade:.2f} points")
            points = max(0.0, earned - late_points) + talk_points
            listed.append(Grade(person, points, "; ".join(notes), person.name in heard))
    present = {grade.person.name for grade in listed}
    absent = [person for person in people.students if person.name not in present]
    listed += [Grade(person, 0.0, "nothing handed in") for person in absent]
    return [
        _changed(grade, changed.get(grade.person.name, ()), part.points)
        for grade in listed
        if not grade.person.left
    ]


def _times(handed: Mapping[int, Sequence[Handed]]) -> dict[str, dict[int, datetime]]:
    """Return when each person handed in each part, by short name and the part's number."""
    times: dict[str, dict[int, datetime]] = {}
    for number, submissions in handed.items():
        for submission in submissions:
            for person in submission.members:
                own_times = times.setdefault(person.name, {})
                if submission.at:
                    own_times[number] = submission.at
    return times


def _changed(grade: Grade, changes: Sequence[tuple[float, str]], most: float) -> Grade:
    if not changes:
        return grade
    points = grade.points + sum(change for change, _ in changes)
    notes = [grade.note] if grade.note else []
    notes += [f"{change:+g}: {reason}" for change, reason in changes]
    return replace(grade, points=min(most, max(0.0, points)), note="; ".join(notes))


#: Columns of each gradebook, with their content.
_COLUMNS = {
    "brightspace": {
        "OrgDefinedId": "#sid",
        "Username": "#login",
        "{item} Points Grade": "points",
        "End-of-Line Indicator": "#",
    },
    "canvas": {
        "Student": "name",
        "ID": "lms_id",
        "SIS User ID": "sid",
        "SIS Login ID": "login",
        "Section": "section",
        "{item}": "points",
    },
    "gradescope": {
        "First Name": "first",
        "Last Name": "last",
        "SID": "sid",
        "Email": "email",
        "{item}": "points",
        "{item} - Max Points": "worth",
    },
    "plain": {
        "name": "name",
        "sid": "sid",
        "login": "login",
        "email": "email",
        "{item}": "points",
        "note": "note",
    },
}
#: The fields by which a platform finds a person, and the roster's columns for them.
_FOUND_BY = {"sid": "sid", "login": "login", "lms_id": "ID", "email": "email"}


def table(grades: Iterable[Grade], form: str, item: str, worth: float) -> list[list[str]]:
    """Return a gradebook's rows, the header first.

    Args:
        form: One of ``labs.course.tables.GRADEBOOKS``.
        item: The name of this work in the gradebook.

    Raises:
        ValueError: The gradebook could not identify a person; the message names them.
    """
    columns = _COLUMNS[form]
    fields = columns.values()
    needed = [field for field in _FOUND_BY if field in fields or f"#{field}" in fields]
    rows = [[name.format(item=item) for name in columns]]
    if form == "canvas":
        rows.append(["    Points Possible", "", "", "", "", f"{worth:g}"])
    nameless = []
    for grade in grades:
        cells = _cells(grade, worth)
        rows.append([cells[field] for field in fields])
        if form != "plain" and not any(cells[field] for field in needed):
            nameless.append(grade.name)
    if nameless:
        roster_columns = ", ".join(_FOUND_BY[field] for field in needed)
        raise ValueError(
            f"{form} could not tell who these are: {', '.join(nameless)}. Name a roster that has "
            f"one of the columns {roster_columns}"
        )
    return rows


def _cells(grade: Grade, worth: float) -> dict[str, str]:
    """Return the values for all possible columns of a gradebook."""
    last, _, first = grade.name.partition(", ")
    if not first:
        first, *family = grade.name.rsplit(" ", 1)
        last = "".join(family)
    cells = {
        "#": "#",
        "name": grade.name,
        "first": first,
        "last": last,
        "note": grade.note,
        "points": f"{grade.points:.2f}",
        "worth": f"{worth:g}",
    }
    for field in ("sid", "login", "email", "lms_id", "section"):
        value = getattr(grade.person, field)
        cells[field] = value
        cells[f"#{field}"] = f"#{value}" if value else ""
    return cells


def read_heard(path: Path, people: People) -> dict[str, float]:
    """Return the points of the talk by short name, as ``defence.csv`` has them (columns who,
    points, note).

    Raises:
        ValueError: A column is missing, a person is not in the class, or points are not a number;
            with the line.
    """
    return {name: points for name, points, _ in _lines(path, people, "note") if points is not None}


def read_changed(path: Path, people: People, most: float) -> dict[str, list[tuple[float, str]]]:
    """Return points that a person gives or takes, and why, by short name: ``adjust.csv`` (who,
    points, reason).

    Raises:
        ValueError: A column, number or reason is missing or wrong, or a person is not in the class;
            with the line.
    """
    changed: dict[str, list[tuple[float, str]]] = {}
    for name, points, reason in _lines(path, people, "reason", most):
        changed.setdefault(name, []).append((points or 0.0, reason))
    return changed


def _lines(
    path: Path, people: People, words: str, most: float | None = None
) -> Iterator[tuple[str, float | None, str]]:
    """Yield short name, points and words of each line; with ``most``, points up to it and words
    have to be there.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if not {"who", "points"} <= set(reader.fieldnames or ()):
            raise ValueError(f"{path.name} wants the columns who, points, {words}")
        for row in reader:
            who, written, why = ((row.get(name) or "").strip() for name in ("who", "points", words))
            try:
                points = _points(written, most)
                if most is not None and not why:
                    raise ValueError(f"a {words} is missing: the student will ask for it")
                yield people.find(who).name, points, why
            except ValueError as error:
                raise ValueError(f"{path.name}, line {reader.line_num}: {error}") from None


def _points(written: str, most: float | None) -> float | None:
    """Return points as a table has them, or None where it has none; with ``most``, they have to be
    there.

    Raises:
        ValueError: They are no number, or not between -most and most.
    """
    points = float(written) if written else None
    if points is not None and not math.isfinite(points):
        raise ValueError(f"{written} are no points")
    if most is not None and (points is None or abs(points) > most):
        raise ValueError(f"write points from -{most:g} to {most:g}, and not {written!r}")
    return points


def gradebook(
    submissions: Annotated[Path, typer.Argument(help="The folder that was graded.")],
    out: Annotated[
        Path, typer.Option(help="Where `class` put its results; receives gradebook.csv.")
    ],
    part: Annotated[int, typer.Option(help="Part of the assignment.")] = 1,
    roster: Annotated[
        Path | None,
        typer.Option(
            exists=True, help="CSV of the class: names, numbers, own dates, who has left."
        ),
    ] = None,
    defence: Annotated[
        Path | None, typer.Option(exists=True, help="CSV of the talks: who, points, note.")
    ] = None,
    adjust: Annotated[
        Path | None,
        typer.Option(exists=True, help="CSV of points that you give or take: who, points, reason."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            help="2=FOLDER: another part's submissions, whose late hours use up the pool."
        ),
    ] = None,
    leases: Annotated[
        Path | None,
        typer.Option(exists=True, help="What `class watch --record` wrote: it proves leases."),
    ] = None,
    pending: Annotated[
        bool,
        typer.Option(
            "--pending",
            help="Write it although something is not judged yet: it counts 0, with a note.",
        ),
    ] = False,
) -> None:
    """Write a part's grades, with lateness, talks and changes."""
    from grading.classroom.batch import kept_results
    from grading.classroom.handed_in import People, handed_in, of_roster
    from grading.classroom.report import safe

    try:
        course = assignment()
        asked = course.part(part)
        handed = handed_in(submissions)
        if roster:
            people = People(read_roster(roster, course.course.time_zone))
            handed = of_roster(handed, people)
        else:
            people = People(person for hand_in in handed for person in hand_in.members)
        others = {}
        for number, folder in _folders(also or ()).items():
            others[number] = of_roster(handed_in(folder), people)
        results = kept_results(handed, out)
        if not pending:
            _require_judged(results)
            _require_record(asked, leases)
        looks = read_looks(leases) if leases else None
        heard = read_heard(defence, people) if defence else {}
        changed = read_changed(adjust, people, asked.points) if adjust else {}
        graded = grades(course, part, handed, results, people, heard, changed, others, looks)
        rows = table(graded, course.book.format, PART_TITLES[part], asked.points)
    except (FileNotFoundError, RosterError, ValueError) as error:
        raise typer.BadParameter(printable(str(error))) from None
    path = out / "gradebook.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([str(safe(cell)) for cell in row] for row in rows)
    _say(f"{path}: {len(graded)} people, for {course.book.format}")
    _say_notes(graded)
    parts_due = [number for number, each in course.parts.items() if each.due]
    unknown = [number for number in parts_due if number not in (part, *others)]
    if course.course.late and unknown:
        named = " ".join(f"--also {number}=…" for number in unknown)
        _say(
            "The pool of late hours does not know of other parts' lateness; name their "
            f"submissions: {named}"
        )
    if asked.defence and defence:
        unheard = ", ".join(grade.name for grade in graded if not grade.heard)
        _say(f"Not heard yet: {unheard or 'nobody'}")


def _say_notes(graded: Iterable[Grade]) -> None:
    """Print the notes, a line each; of those without a time, the names alone."""
    timeless = []
    for grade in graded:
        if grade.note.startswith(NO_TIME):
            timeless.append(grade.name)
        note = grade.note.removeprefix(NO_TIME).removeprefix("; ")
        if note:
            _say(f"{grade.name:28} {grade.points:7.2f}  {note}")
    if timeless:
        _say(f"{NO_TIME[0].upper()}{NO_TIME[1:]}: {', '.join(timeless)}")


def _folders(also: Iterable[str]) -> dict[int, Path]:
    folders = {}
    for other in also:
        number, _, folder = other.partition("=")
        if not number.isdigit() or not Path(folder).is_dir():
            raise ValueError(
                f"--also is {other!r}: write a part's number and its submissions' folder, as "
                "2=part2"
            )
        folders[int(number)] = Path(folder)
    return folders


def _require_record(part: PartAsked, leases: Path | None) -> None:
    """Refuse to write grades whose points for leases are unknown.

    Raises:
        ValueError: The part gives points for leases, and no record of the site is named.
    """
    if part.lease and leases is None:
        watch = msl("class watch --record FILE")
        raise ValueError(
            f"{part.lease:g} points of part {part.number} are for leases, and the site's record is "
            f"missing: name the file of `{watch}` with --leases. If there is none, "
            "write lease = 0 for the part, or write the gradebook with --pending: these points "
            "then count 0, and the notes say so"
        )


def _require_judged(results: Sequence[Result]) -> None:
    """Refuse to write grades if some would rise after staff has repaired the grader.

    Raises:
        ValueError: A row is pending; the message names the student and the question.
    """
    waiting = []
    for result in results:
        if result.pending:
            titles = ", ".join(row.title for row in result.pending[:3])
            waiting.append(f"{result.student} ({titles})")
    if waiting:
        raise ValueError(
            f"not judged yet, through no fault of theirs: {'; '.join(waiting)}. Mend what the "
            "report says and grade again, or write it now with --pending: these points count 0, "
            "and the notes say so"
        )


def _say(text: str) -> None:
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
