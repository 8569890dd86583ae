"""``python -m grading gradebook``: a graded part as a file that the university's gradebook imports.

Sources: Brightspace, 'Import grades' (columns ``OrgDefinedId`` or ``Username``, ``<item> Points Grade``,
``End-of-Line Indicator``); Canvas, 'How do I import grades in the Gradebook?' (``Student``, ``ID``, ``SIS User ID``,
``SIS Login ID``, ``Section``, one column an item, and a row of possible points); Gradescope's own export.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from labs.course.assignment import PartAsked, assignment
from labs.course.lessons import PART_TITLES

if TYPE_CHECKING:
    from grading.classroom.roster import Handed
    from grading.grade.result import Result
    from provisioning.classroom.roster import Student

console = Console()


@dataclass(frozen=True)
class Grade:
    """One person's grade of one part."""

    name: str
    #: The university's number; empty where nobody told it.
    sid: str
    email: str
    #: In the gradebook's measure, lateness taken off.
    points: float
    #: Why it is less than what was earned, or that nothing was handed in; empty otherwise.
    note: str = ""
    #: Whether there are points of a talk, none included.
    heard: bool = False

    @property
    def login(self) -> str:
        """The address's name at the university."""
        return self.email.partition("@")[0]


def grades(
    part: PartAsked,
    handed: Sequence[Handed],
    results: Sequence[Result],
    students: Sequence[Student] = (),
    heard: Mapping[str, float] | None = None,
) -> list[Grade]:
    """Return the grade of everybody who handed in, and of everybody of the roster who did not and has not left.

    Args:
        part: Of the assignment: its points, its date, what lateness costs.
        handed: Who handed in, and when.
        results: What each is worth, in the same order.
        students: The roster: who has a date of their own, and who has left.
        heard: Points of the talk by short name.
    """
    from grading.classroom.roster import Person
    from provisioning.classroom.roster import short_name

    known, found, there = {one.name: one for one in students}, [], set()
    for one, result in zip(handed, results, strict=True):
        for person in one.people or (Person(one.student),):
            names = [short_name(text) for text in (person.email, person.sid, person.name) if text]
            student = next((known[name] for name in names if name in known), None)
            there |= {student.name} if student else set()
            if student and student.left:
                continue
            due = (student.due if student else None) or part.due
            share = part.late.share(one.at, due) if one.at and due else 1.0
            talks = [heard[name] for name in names if name in heard] if heard else []
            talk = min(part.defence, max(talks, default=0.0))
            note = f"late: {1 - share:.0%} of {result.grade:.2f} taken off" if share < 1 else ""
            who, points = (person.name or one.student, person.sid, person.email), result.grade * share + talk
            found.append(Grade(*who, points, note, bool(talks)))
    absent = [one for one in students if one.name not in there and not one.left]
    return found + [Grade(one.full_name or one.name, "", one.account, 0.0, "nothing handed in") for one in absent]


def table(grades: Iterable[Grade], form: str, item: str, worth: float) -> list[list[str]]:
    """Return a gradebook's rows, the header first.

    Args:
        grades: One for each person.
        form: One of ``labs.course.assignment.GRADEBOOKS``.
        item: What the gradebook calls this piece of work.
        worth: The most points.
    """
    rows = [(one, f"{one.points:.2f}") for one in grades]
    if form == "brightspace":
        head = ["OrgDefinedId", "Username", f"{item} Points Grade", "End-of-Line Indicator"]
        return [head, *([f"#{one.sid}" if one.sid else "", f"#{one.login}", points, "#"] for one, points in rows)]
    if form == "canvas":
        head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", item]
        possible = ["    Points Possible", "", "", "", "", f"{worth:g}"]
        return [head, possible, *([one.name, "", one.sid, one.login, "", points] for one, points in rows)]
    if form == "gradescope":
        head = ["First Name", "Last Name", "SID", "Email", item, f"{item} - Max Points"]
        return [head, *([*_first_last(one.name), one.sid, one.email, points, f"{worth:g}"] for one, points in rows)]
    return [["name", "sid", "email", item, "note"], *([o.name, o.sid, o.email, points, o.note] for o, points in rows)]


def _first_last(name: str) -> tuple[str, str]:
    first, _, last = name.rpartition(" ")
    return (first, last) if first else (last, "")


def read_heard(path: Path) -> dict[str, float]:
    """Return the points of the talk by short name, as ``defence.csv`` has them (columns who, points, note).

    Raises:
        ValueError: A column is missing, or points are no number; the message names the line.
    """
    from provisioning.classroom.roster import short_name

    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if not {"who", "points"} <= set(reader.fieldnames or ()):
            raise ValueError(f"{path.name} wants the columns who, points, note")
        try:
            return {short_name(row["who"]): float(row["points"]) for row in reader if (row["points"] or "").strip()}
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path.name}, line {reader.line_num}: {error}") from None


def gradebook(
    submissions: Annotated[Path, typer.Argument(help="The folder that was graded.")],
    out: Annotated[Path, typer.Option(help="Where `class` put its results; receives gradebook.csv.")],
    part: Annotated[int, typer.Option(help="Part of the assignment.")] = 1,
    roster: Annotated[Path | None, typer.Option(exists=True, help="CSV of the class: own dates, who has left.")] = None,
    defence: Annotated[Path | None, typer.Option(exists=True, help="CSV of the talks: who, points, note.")] = None,
) -> None:
    """Write a part's grades as the gradebook of the assignment wants them, lateness and talks counted."""
    from grading.classroom.batch import kept_results
    from grading.classroom.report import safe
    from grading.classroom.roster import handed_in
    from provisioning.classroom.roster import read_roster

    try:
        course = assignment()
        asked = course.part(part)
        handed = handed_in(submissions)
        students = read_roster(roster, course.zone) if roster else ()
        heard = read_heard(defence) if defence else None
        found = grades(asked, handed, kept_results(handed, out), students, heard)
    except (FileNotFoundError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    path = out / "gradebook.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = table(found, course.gradebook, PART_TITLES[part], asked.points)
        csv.writer(file).writerows([str(safe(cell)) for cell in row] for row in rows)
    console.print(f"{path}: {len(found)} people, for {course.gradebook}", highlight=False, soft_wrap=True)
    for one in found:
        if one.note:
            console.print(f"{one.name:28} {one.points:7.2f}  {one.note}", markup=False, highlight=False, soft_wrap=True)
    if asked.defence and heard is not None:
        silent = [one.name for one in found if not one.heard]
        console.print(f"Not heard yet: {', '.join(silent) or 'nobody'}", markup=False, highlight=False, soft_wrap=True)
