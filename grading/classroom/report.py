"""A class as tables for a spreadsheet, one page to read, and the students' pages."""

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import correlation, median
from typing import Any

from grading.classroom.handed_in import Handed
from grading.classroom.likeness import TALK_DECIDES, WORDS, LikenessGroup
from grading.grade.result import Result, ResultRow, SpotCheck, line, page, write_text
from grading.grade.result.page import rendered
from grading.grade.result.result import AT_RANDOM
from labs.course.assignment import assignment
from labs.course.lessons import lessons
from labs.course.points import sums
from labs.course.question import State
from labs.display.format import printable

_TEMPLATE = Path(__file__).with_name("templates") / "report.html"
#: Rows of each list on the first screen, and reasons in each line; the rest folds away.
_FIRST, _REASONS = 8, 3


def write_report(
    submissions: Sequence[Handed],
    results: Sequence[Result],
    groups: Sequence[LikenessGroup],
    checks: Sequence[SpotCheck],
    out: Path,
) -> Path:
    """Write ``report.html`` and, beside it, tables of class, checks, questions, lessons and groups;
    return its path.

    Args:
        submissions: Who handed in, in the order of the results.
    """
    students = [_of_class(*pair) for pair in zip(submissions, results, strict=True)]
    members = list(_members_of(groups))
    tables = {
        "class": as_csv(students),
        "checks": as_csv(_points_by_question(results)),
        "similar": as_csv(members, ("group", "student", *WORDS)),
        "questions": as_csv(question_statistics(results)),
        "lessons": as_csv(lesson_minutes(results), _MINUTES_HEAD),
    }
    for name, text in tables.items():
        write_text(text, out / f"{name}.csv")
    path = out / "report.html"
    write_text(_page(submissions, results, groups, checks), path)
    return path


def _of_class(hand_in: Handed, result: Result) -> dict[str, object]:
    emails = [person.email for person in hand_in.members if person.email]
    who = {"student": result.student, "email": ", ".join(emails), "entry": hand_in.path.name}
    kinds = dict.fromkeys(each["kind"] for each in result.leased)
    return {**who, **line(result), "leased": " ".join(kinds)}


def _points_by_question(results: Sequence[Result]) -> list[dict[str, object]]:
    """Return a row for each student: the points of each question in the class."""
    ids = dict.fromkeys(row.id for result in results for row in result.rows)
    table = []
    for result in results:
        points: dict[str, object] = dict.fromkeys(ids, "")
        points.update((row.id, row.points) for row in result.rows)
        table.append({"student": result.student} | points)
    return table


def _members_of(groups: Sequence[LikenessGroup]) -> Iterator[dict[str, object]]:
    """Yield a row for each student of each group, with the shared work of this student's
    submission.
    """
    for number, group in enumerate(groups, start=1):
        for student, shared in sorted(group.shared.items()):
            counts = {what: shared.get(what, 0) for what in WORDS}
            yield {"group": number, "student": student, **counts}


#: The table inside the zip: one line for each person, a group's members each with the same points.
TABLE_NAME = "grades.csv"


def write_feedback(
    submissions: Sequence[Handed], results: Sequence[Result], out: Path, *, hidden: bool = False
) -> Path:
    """Write ``pages/`` and ``feedback.zip``, which holds the pages and ``grades.csv``; return the
    zip's path.

    Args:
        hidden: Whether what only the grader measures is shown and counted, as after the grades are
            out.
    """
    rows = []
    path = out / "feedback.zip"
    partial = path.with_name(".feedback.zip.partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for hand_in, result in zip(submissions, results, strict=True):
            text = page(result, hidden=hidden)
            name = f"{hand_in.slug}.html"
            write_text(text, out / "pages" / name)
            archive.writestr(name, text.encode(errors="replace"))
            points = sums(row for row in result.graded if hidden or not row.hidden)
            for person in hand_in.members:
                who = {"name": person.full_name, "sid": person.sid, "email": person.email}
                rows.append({**who, **points, "page": name})
        archive.writestr(TABLE_NAME, as_csv(rows).encode(errors="replace"))
    partial.replace(path)
    return path


def _page(
    submissions: Sequence[Handed],
    results: Sequence[Result],
    groups: Sequence[LikenessGroup],
    checks: Sequence[SpotCheck],
) -> str:
    part = results[0].part if results else 0
    bins = _histogram(results)
    drawn = [check for check in checks if check.reasons == (AT_RANDOM,)]
    suspected = [check for check in checks if check.reasons != (AT_RANDOM,)]
    title = f"Part {part}: {len(results)} submissions"
    limits = {limit for result in results for limit in result.limits}
    slugs = {hand_in.student: hand_in.slug for hand_in in submissions}
    students = list(zip(submissions, results, strict=True))
    most = max(bins.values()) or 1
    failed = _most_failed(results)
    return rendered(
        _TEMPLATE,
        title=title,
        facts=_facts(submissions, results),
        limits=sorted(limits),
        bins=bins,
        most=most,
        failed=failed,
        suspected=suspected,
        drawn=drawn,
        slugs=slugs,
        groups=groups,
        minutes=lesson_minutes(results),
        students=students,
        most_rows=_FIRST,
        most_reasons=_REASONS,
        talk_decides=TALK_DECIDES,
    )


def _histogram(results: Sequence[Result]) -> dict[str, int]:
    """Return how many students have 0–10 % of the points, 10–20 %, and so on."""
    bins = {f"{10 * tenth}–{10 * tenth + 10}": 0 for tenth in range(10)}
    labels = list(bins)
    for result in results:
        if result.possible:
            tenth = int(10 * result.points / result.possible)
            bins[labels[min(9, tenth)]] += 1
    return bins


def _most_failed(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return the questions that most students failed, for the first screen."""
    # Rows that only follow from another one are left out; their cause is listed instead.
    asked = sorted(question_statistics(results), key=lambda row: (-row["wrong"], -row["not done"]))
    return [row for row in asked[:_FIRST] if row["wrong"] or row["not done"]]


def _facts(submissions: Sequence[Handed], results: Sequence[Result]) -> dict[str, object]:
    points = "none"
    due = None
    if results:
        middle = median(result.grade for result in results)
        worth = max(result.worth for result in results)
        points = f"{middle:.3g} of {worth:g}"
        due = assignment().part(results[0].part).due
    without_points = [result for result in results if not result.points]
    set_aside = [result for result in results if result.findings]
    faults = [result for result in results if result.fault]
    facts: dict[str, object] = {
        "median points": points,
        "without a point": len(without_points),
        "with records set aside": len(set_aside),
        "grader's own faults": len(faults),
    }
    if results and (lease := assignment().part(results[0].part).lease):
        facts["measured on a lease, by their ledgers"] = sum(bool(each.leased) for each in results)
        facts["points for leases, which the gradebook adds"] = f"{lease:g}"
    if due:
        times = [hand_in.at for hand_in in submissions]
        facts["after the class's date"] = sum(bool(at and at > due) for at in times)
        facts["without a time of handing in"] = sum(not at for at in times)
    return facts


def question_statistics(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return each question in plain values: the numbers of students who tried and passed, and the
    most common message to the others.

    ``discrimination`` is the correlation, -1 to 1, of passing it with the points in all other
    questions: near 0, the question does not tell strong from weak students; below 0, look at the
    question. Empty if all did the same. Source: item-rest correlation, Crocker and Algina,
    Introduction to Classical and Modern Test Theory, 1986.
    """
    asked: dict[str, list[tuple[Result, ResultRow]]] = {}
    for result in results:
        lost = {row.id for row in result.rows if row.points < row.possible}
        for row in result.rows:
            # Rows that depend on a question without points were not checked; their cause has its
            # own line.
            if row.needs not in lost:
                asked.setdefault(row.id, []).append((result, row))
    return [_statistics(name, answers) for name, answers in asked.items()]


#: For a question that a student has not tried, or that is still unknown.
_NOT_DONE = (State.UNANSWERED, State.MISSING, State.PENDING)


def _statistics(name: str, answers: Sequence[tuple[Result, ResultRow]]) -> dict[str, Any]:
    """Return the row of a question, given the row of each student who was asked."""
    titles = {lesson.id: lesson.title for lesson in lessons()}
    _, first = answers[0]
    taken = [(result, row) for result, row in answers if row.state not in _NOT_DONE]
    passes = [float(row.points == row.possible) for _, row in answers]
    rest = [float(result.points - row.points) for result, row in answers]
    mistakes = Counter(row.message for _, row in taken if row.points < row.possible)
    ((mistake, count),) = mistakes.most_common(1) or [("", 0)]
    # A question that is passed after many answers is guessed at, or asked in words that mislead.
    tries = [result.answers[name] for result, _ in taken if name in result.answers]
    mean_tries: float | str = ""
    if tries:
        mean_tries = round(sum(tries) / len(tries), 1)
    discrimination: float | str = ""
    if len(set(passes)) > 1 and len(set(rest)) > 1:
        discrimination = round(correlation(passes, rest), 2)
    counts = {
        "tried": len(taken),
        "not done": len(answers) - len(taken),
        "passed": int(sum(passes)),
        "wrong": mistakes.total(),
    }
    return {
        "question": name,
        "lesson": titles.get(first.about, ""),
        "title": first.title,
        **counts,
        "answers each": mean_tries,
        "discrimination": discrimination,
        "most common mistake": mistake,
        "of so many": count,
    }


_MINUTES_HEAD = ("lesson", "estimated minutes", "median minutes", "students")


def lesson_minutes(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return each lesson's estimated minutes, the measured median without breaks, and the number of
    students.

    Whoever left a question of it open is not counted: they did not go through it.
    """
    rows = []
    for lesson in lessons():
        finished = [result for result in results if _went_through(result, lesson.id)]
        taken_min = [result.minutes[lesson.id] for result in finished]
        if taken_min:
            values = (lesson.title, lesson.minutes, round(median(taken_min)), len(taken_min))
            rows.append(dict(zip(_MINUTES_HEAD, values, strict=True)))
    return rows


def _went_through(result: Result, lesson_id: str) -> bool:
    """Return whether a student worked at a lesson and left none of its questions open."""
    public = [row for row in result.rows if row.about == lesson_id and not row.hidden]
    return lesson_id in result.minutes and not any(row.is_open for row in public)


def as_csv(rows: Sequence[Mapping[str, object]], head: Sequence[str] = ()) -> str:
    """Return a table as text; formulas become text too. ``head`` names columns without a row."""
    text = io.StringIO()
    names = list(rows[0] if rows else head)
    writer = csv.DictWriter(text, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: safe(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


#: Where a cell may begin: with the value and, since many a spreadsheet splits at semicolons or
#: tabs, after these and after a new line, quoted or not; and the sign of a formula, if one follows.
#: Source: OWASP, CSV Injection.
_BEGIN = re.compile(r"""(?:^|[;\t\n])["';\s]*+(?=([=+\-@]?))""")


def safe(value: object) -> object:
    """Return a cell that spreadsheets and terminals only show, without running it."""
    if not isinstance(value, str):
        return value
    text = _BEGIN.sub(_quoted, printable(value))
    return f"'{text}" if text.startswith("\t") else text


def _quoted(begin: re.Match[str]) -> str:
    """Return where a cell may begin, with a quote before the sign of a formula."""
    text, sign = begin[0], begin[1]
    return f"{text}'" if sign else text
