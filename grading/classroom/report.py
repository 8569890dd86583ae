"""A class as tables for a spreadsheet, one page to look at, and what students get back."""

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import correlation, median
from typing import Any

from grading.classroom.likeness import TALK_DECIDES, WORDS, Group
from grading.classroom.roster import Handed
from grading.grade.result import Result, Row, SpotCheck, line, page, write_text
from grading.grade.result.page import rendered
from grading.grade.result.result import AT_RANDOM
from labs.course.assignment import assignment
from labs.course.lessons import lessons
from labs.course.points import sums
from labs.course.question import State
from labs.display.format import printable

#: Rows of each list on the first screen, and reasons in each line; the rest folds away.
_FIRST, _REASONS = 8, 3


def write_report(
    submissions: Sequence[Handed],
    results: Sequence[Result],
    groups: Sequence[Group],
    checks: Sequence[SpotCheck],
    out: Path,
) -> Path:
    """Write ``report.html`` and, beside it, tables of class, checks, questions, lessons and groups; return its path.

    Args:
        submissions: Who handed in, in the order of the results.
    """
    ids = list(dict.fromkeys(row.id for result in results for row in result.rows))
    points = [{row.id: row.points for row in result.rows} for result in results]
    tables = {
        "class": as_csv(
            [_of_class(one, result) for one, result in zip(submissions, results, strict=True)]
        ),
        "checks": as_csv(
            [
                {"student": result.student} | {one: earned.get(one, "") for one in ids}
                for result, earned in zip(results, points, strict=True)
            ]
        ),
        "similar": as_csv(
            [
                {"group": number, "student": student}
                | {what: shared.get(what, 0) for what in WORDS}
                for number, group in enumerate(groups, start=1)
                for student, shared in sorted(group.shared.items())
            ],
            ("group", "student", *WORDS),
        ),
        "questions": as_csv(question_statistics(results)),
        "lessons": as_csv(lesson_minutes(results), _MINUTES_HEAD),
    }
    for name, text in tables.items():
        write_text(text, out / f"{name}.csv")
    path = out / "report.html"
    write_text(_page(submissions, results, groups, checks), path)
    return path


#: The table inside the zip: one line for each person, a group's members each with the same points.
TABLE_NAME = "grades.csv"


def write_feedback(
    submissions: Sequence[Handed], results: Sequence[Result], out: Path, *, hidden: bool = False
) -> Path:
    """Write ``pages/`` and ``feedback.zip``, which holds the pages and ``grades.csv``; return the zip's path.

    Args:
        hidden: Whether what only the grader measures is shown and counted, as after the grades are out.
    """
    rows = []
    path = out / "feedback.zip"
    partial = path.with_name(".feedback.zip.partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, result in zip(submissions, results, strict=True):
            text = page(result, hidden=hidden)
            write_text(text, out / "pages" / f"{one.slug}.html")
            archive.writestr(f"{one.slug}.html", text.encode(errors="replace"))
            points = sums(row for row in result.graded if hidden or not row.hidden)
            for person in one.members:
                who = {"name": person.full_name, "sid": person.sid, "email": person.email}
                rows.append({**who, **points, "page": f"{one.slug}.html"})
        archive.writestr(TABLE_NAME, as_csv(rows).encode(errors="replace"))
    partial.replace(path)
    return path


def _page(
    submissions: Sequence[Handed],
    results: Sequence[Result],
    groups: Sequence[Group],
    checks: Sequence[SpotCheck],
) -> str:
    tenths = Counter(
        min(9, int(10 * result.points / result.possible)) for result in results if result.possible
    )
    # What nobody asked for by itself is left out: its cause alone stands there.
    asked = sorted(question_statistics(results), key=lambda row: (-row["wrong"], -row["not done"]))
    return rendered(
        Path(__file__).with_name("templates") / "report.html",
        title=f"Part {results[0].part if results else 0}: {len(results)} submissions",
        facts=_facts(submissions, results),
        limits=sorted({limit for result in results for limit in result.limits}),
        bins={f"{10 * tenth}–{10 * tenth + 10}": tenths[tenth] for tenth in range(10)},
        most=max(tenths.values(), default=1),
        failed=[row for row in asked[:_FIRST] if row["wrong"] or row["not done"]],
        told=[check for check in checks if check.reasons != (AT_RANDOM,)],
        drawn=[check for check in checks if check.reasons == (AT_RANDOM,)],
        slugs={one.student: one.slug for one in submissions},
        groups=groups,
        minutes=lesson_minutes(results),
        students=list(zip(submissions, results, strict=True)),
        most_rows=_FIRST,
        most_reasons=_REASONS,
        talk_decides=TALK_DECIDES,
    )


def _facts(submissions: Sequence[Handed], results: Sequence[Result]) -> dict[str, object]:
    worth = max((result.worth for result in results), default=0.0)
    due = assignment().part(results[0].part).due if results else None
    facts: dict[str, object] = {
        "median points": f"{median(result.grade for result in results):.3g} of {worth:g}"
        if results
        else "none",
        "without a point": sum(not result.points for result in results),
        "with records set aside": sum(bool(result.findings) for result in results),
        "grader's own faults": sum(bool(result.fault) for result in results),
    }
    if due:
        facts["after the class's date"] = sum(bool(one.at and one.at > due) for one in submissions)
        facts["without a time of handing in"] = sum(not one.at for one in submissions)
    return facts


def _of_class(one: Handed, result: Result) -> dict[str, object]:
    emails = ", ".join(filter(None, (person.email for person in one.members)))
    return {"student": result.student, "email": emails, "entry": one.path.name, **line(result)}


def question_statistics(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return each question in plain values: how many tried, how many passed, and what most of the others were told.

    ``discrimination`` is the correlation, -1 to 1, of passing it with the points in all other questions: near 0, it
    says nothing about who knows the matter; below 0, look at the question. Empty where all did the same.
    Source: item-rest correlation, Crocker and Algina, Introduction to Classical and Modern Test Theory, 1986.
    """
    asked: dict[str, list[tuple[Result, Row]]] = {}
    for result in results:
        lost = {row.id for row in result.rows if row.points < row.possible}
        for row in result.rows:
            # What rests on a question that earned nothing was not asked: its cause stands in a line of its own.
            if row.needs not in lost:
                asked.setdefault(row.id, []).append((result, row))
    found, titles = [], {one.id: one.title for one in lessons()}
    for name, answers in asked.items():
        taken = [
            one
            for one in answers
            if one[1].state not in (State.UNANSWERED, State.MISSING, State.PENDING)
        ]
        passes = [float(row.points == row.possible) for _, row in answers]
        rest = [float(result.points - row.points) for result, row in answers]
        wrong = Counter(row.message for _, row in taken if row.points < row.possible)
        said, count = wrong.most_common(1)[0] if wrong else ("", 0)
        # A question that is passed after many answers is guessed at, or asked in words that mislead.
        tries = [result.answers[name] for result, _ in taken if name in result.answers]
        varies = len(set(passes)) > 1 and len(set(rest)) > 1
        found.append(
            {
                "question": name,
                "lesson": titles.get(answers[0][1].about, ""),
                "title": answers[0][1].title,
                "tried": len(taken),
                "not done": len(answers) - len(taken),
                "passed": int(sum(passes)),
                "wrong": sum(wrong.values()),
                "answers each": round(sum(tries) / len(tries), 1) if tries else "",
                "discrimination": round(correlation(passes, rest), 2) if varies else "",
                "most common mistake": said,
                "of so many": count,
            }
        )
    return found


_MINUTES_HEAD = ("lesson", "estimated minutes", "median minutes", "students")


def lesson_minutes(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return each lesson's estimated minutes, the median of what it took without breaks, and of how many students.

    Whoever left a question of it open is not counted: they did not go through it.
    """
    found = []
    for one in lessons():
        taken = [
            result.minutes[one.id]
            for result in results
            if one.id in result.minutes
            and not any(
                row.is_open for row in result.rows if row.about == one.id and not row.hidden
            )
        ]
        if taken:
            values = (one.title, one.minutes, round(median(taken)), len(taken))
            found.append(dict(zip(_MINUTES_HEAD, values, strict=True)))
    return found


def as_csv(rows: Sequence[Mapping[str, object]], head: Sequence[str] = ()) -> str:
    """Return a table as text, also what a spreadsheet would run as a formula; ``head`` names columns without a row."""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, fieldnames=list(rows[0]) if rows else list(head), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows({name: safe(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


#: Where a cell may begin: with the value and, since many a spreadsheet splits at semicolons or tabs, after these and
#: after a new line, quoted or not; and the sign of a formula, if one follows.
#: Source: OWASP, CSV Injection.
_BEGIN = re.compile(r"""(?:^|[;\t\n])["';\s]*+(?=([=+\-@]?))""")


def safe(value: object) -> object:
    """Return a cell that no spreadsheet runs as a formula, and no terminal as a command."""
    if not isinstance(value, str):
        return value
    text = _BEGIN.sub(lambda found: f"{found[0]}'" if found[1] else found[0], printable(value))
    return f"'{text}" if text.startswith("\t") else text
