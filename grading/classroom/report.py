"""A class as tables for a spreadsheet, one page to look at, and what students get back."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from statistics import correlation

from grading.classroom.likeness import WORDS, Pair
from grading.classroom.roster import Handed, Person
from grading.grade.result import Result, Row, SpotCheck, line, page, write_text
from grading.grade.result.page import STYLE
from labs.course import lessons

_MORE_STYLE = """
main{max-width:70rem}
.facts{display:flex;flex-wrap:wrap;gap:.6rem 2rem;margin:1rem 0}.facts b{display:block;font-size:1.5rem}
nav a{margin-right:1rem}a{color:inherit}caption{text-align:left;color:var(--soft);padding:.3rem 0}
"""


def write_report(
    submissions: Sequence[Handed],
    results: Sequence[Result],
    pairs: Sequence[Pair],
    checks: Sequence[SpotCheck],
    out: Path,
) -> Path:
    """Write ``report.html`` and, beside it, the tables of class, checks, questions and pairs; return the report's path.

    Args:
        submissions: Who handed in, in the order of the results.
        results: What each is worth.
        pairs: Pairs that are too alike.
        checks: Submissions that a person should look at.
        out: Folder of ``grade_class``.
    """
    ids = list(dict.fromkeys(row.id for result in results for row in result.rows))
    points = [{row.id: row.points for row in result.rows} for result in results]
    tables = {
        "class": as_csv([_of_class(one, result) for one, result in zip(submissions, results, strict=True)]),
        "checks": as_csv(
            [
                {"student": result.student} | {one: earned.get(one, "") for one in ids}
                for result, earned in zip(results, points, strict=True)
            ]
        ),
        "similar": as_csv([_pair(pair) for pair in pairs], ("first", "second", *WORDS)),
        "questions": as_csv(question_statistics(results)),
    }
    for name, text in tables.items():
        write_text(text, out / f"{name}.csv")
    path = out / "report.html"
    write_text(_page(submissions, results, pairs, checks), path)
    return path


#: The table inside the zip: one line for each person, a group's members each with the same points.
TABLE_NAME = "grades.csv"


def write_feedback(
    submissions: Sequence[Handed], results: Sequence[Result], out: Path, *, hidden: bool = False
) -> Path:
    """Write ``pages/`` and ``feedback.zip``, which holds the pages and ``grades.csv``; return the zip's path.

    Args:
        submissions: Who handed in, in the order of the results.
        results: What each is worth.
        out: Folder of ``grade_class``.
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
            shown = [row for row in result.rows if hidden or not row.hidden]
            points = {"points": sum(row.points for row in shown), "possible": sum(row.possible for row in shown)}
            for person in one.people or (Person(one.student),):
                who = {"name": person.name or one.student, "sid": person.sid, "email": person.email}
                rows.append({**who, **points, "page": f"{one.slug}.html"})
        archive.writestr(TABLE_NAME, as_csv(rows).encode(errors="replace"))
    partial.replace(path)
    return path


def _page(
    submissions: Sequence[Handed], results: Sequence[Result], pairs: Sequence[Pair], checks: Sequence[SpotCheck]
) -> str:
    possible = max((result.possible for result in results), default=0)
    part = results[0].part if results else 0
    title = f"Part {part}: {len(results)} submissions"
    sections = (
        ("class", "How the class did", _histogram(results)),
        ("questions", "Questions by how many failed", _failed(results)),
        ("look", f"For a person to look at ({len(checks)})", _looks(checks)),
        ("alike", f"Pairs that hold the same ({len(pairs)})", _pairs(pairs)),
        ("students", "Students", f"<details><summary>All</summary>{_students(submissions, results)}</details>"),
    )
    links = "".join(f'<a href="#{name}">{escape(head)}</a>' for name, head, _ in sections)
    body = "".join(f'<section id="{name}"><h2>{escape(head)}</h2>{text}</section>' for name, head, text in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{_MORE_STYLE}</style></head><body><main><h1>{escape(title)}</h1>"
        f"{_facts(results, possible)}<nav>{links}</nav>{body}</main></body></html>\n"
    )


def _facts(results: Sequence[Result], possible: int) -> str:
    ordered = sorted(result.points for result in results)
    middle = ordered[len(ordered) // 2] if ordered else 0
    facts = {
        "median points": f"{middle} of {possible}",
        "without a point": str(sum(not points for points in ordered)),
        "with records set aside": str(sum(bool(result.findings) for result in results)),
        "grader's own faults": str(sum(bool(result.fault) for result in results)),
    }
    limits = sorted({limit for result in results for limit in result.limits})
    said = "".join(
        f"<div><b>{escape(value)}</b><span class=soft>{escape(name)}</span></div>" for name, value in facts.items()
    )
    could_not = f'<p class="soft">This host could not: {escape("; ".join(limits))}</p>' if limits else ""
    return f'<div class="facts">{said}</div>{could_not}'


def _histogram(results: Sequence[Result]) -> str:
    """Return how many have which share of the points, in tenths, the empty ones too."""
    tenths = Counter(min(9, int(10 * result.points / result.possible)) for result in results if result.possible)
    most = max(tenths.values(), default=1)
    rows = [
        (
            f"{10 * tenth} to {10 * tenth + 10} %",
            str(tenths[tenth]),
            f'<div class="bar" style="width:12rem"><div style="width:{100 * tenths[tenth] / most:.0f}%"></div></div>',
        )
        for tenth in range(10)
    ]
    return _table(("Of the points", "Submissions", ""), rows)


def _failed(results: Sequence[Result]) -> str:
    asked = sorted(question_statistics(results), key=lambda one: -one["wrong"])[:8]
    rows = [
        (
            escape(f"{one['lesson']}: {one['title']}".removeprefix(": ")),
            f"{one['wrong']} of {one['tried']}",
            escape(str(one["most common mistake"])),
        )
        for one in asked
        if one["wrong"]
    ]
    return _table(("Question", "Failed", "Most were told"), rows) if rows else "<p>Nobody failed any.</p>"


def _looks(checks: Sequence[SpotCheck]) -> str:
    if not checks:
        return "<p>Nobody.</p>"
    rows = [
        (escape(one.student), "<br>".join(escape(reason) for reason in one.reasons[:8]) + _rest(len(one.reasons) - 8))
        for one in checks
    ]
    return _table(("Student", "Why"), rows) + '<p class="soft">Nothing here has cost a point by itself.</p>'


def _rest(count: int) -> str:
    return f"<br>and {count} more" if count > 0 else ""


def _of_class(one: Handed, result: Result) -> dict[str, object]:
    emails = ", ".join(filter(None, (person.email for person in one.people)))
    return {"student": result.student, "email": emails, "entry": one.path.name, **line(result)}


def _pair(pair: Pair) -> dict[str, object]:
    return {"first": pair.first, "second": pair.second} | {what: pair.same.get(what, 0) for what in WORDS}


def _pairs(pairs: Sequence[Pair]) -> str:
    if not pairs:
        return "<p>None: no two hold the same.</p>"
    rows = [(escape(one.first), escape(one.second), escape(one.said)) for one in pairs[:200]]
    left = f'<p class="soft">{len(pairs) - 200} more stand in similar.csv.</p>' if len(pairs) > 200 else ""
    return _table(("First", "Second", "The same"), rows) + left


def question_statistics(results: Sequence[Result]) -> list[dict[str, object]]:
    """Return each question in plain values: how many tried, how many passed, and what most of the others were told.

    ``discrimination`` is the correlation, -1 to 1, of passing it with the points in all other questions: near 0, it
    says nothing about who knows the matter; below 0, look at the question. Empty where all did the same.
    Source: item-rest correlation, Crocker and Algina, Introduction to Classical and Modern Test Theory, 1986.
    """
    asked: dict[str, list[tuple[Result, Row]]] = {}
    for result in results:
        for row in result.rows:
            asked.setdefault(row.id, []).append((result, row))
    found, titles = [], {one.id: one.title for one in lessons()}
    for name, answers in asked.items():
        tried = [row for _, row in answers if not row.is_open]
        passes = [float(row.points == row.possible) for _, row in answers]
        rest = [float(result.points - row.points) for result, row in answers]
        wrong = Counter(row.message for row in tried if row.points < row.possible)
        said, count = wrong.most_common(1)[0] if wrong else ("", 0)
        # A question that is passed after many answers is guessed at, or asked in words that mislead.
        tries = [result.answers[name] for result, row in answers if not row.is_open and name in result.answers]
        varies = len(set(passes)) > 1 and len(set(rest)) > 1
        found.append(
            {
                "question": name,
                "lesson": titles.get(answers[0][1].about, ""),
                "title": answers[0][1].title,
                "tried": len(tried),
                "passed": int(sum(passes)),
                "wrong": sum(wrong.values()),
                "answers each": round(sum(tries) / len(tries), 1) if tries else "",
                "discrimination": round(correlation(passes, rest), 2) if varies else "",
                "most common mistake": said,
                "of so many": count,
            }
        )
    return found


def _students(submissions: Sequence[Handed], results: Sequence[Result]) -> str:
    rows = [
        (
            f'<a href="pages/{escape(one.slug)}.html">{escape(one.student)}</a>',
            f"{result.points}/{result.possible}",
            str(len(result.findings)),
            escape(result.fault),
        )
        for one, result in zip(submissions, results, strict=True)
    ]
    return _table(("Student", "Points", "Set aside", "Grader's fault"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the cells are HTML already."""
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def as_csv(rows: Sequence[dict[str, object]], head: Sequence[str] = ()) -> str:
    """Return a table as text; a cell that a spreadsheet would run as a formula is written as text.

    Args:
        rows: Each with the same names.
        head: Names of the columns where there is no row.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else list(head), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: safe(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


#: Where a cell may begin: with the value and, since many a spreadsheet splits at semicolons or tabs, after these and
#: after a new line, quoted or not; and the sign of a formula, if one follows.
#: Source: OWASP, CSV Injection.
_BEGIN = re.compile(r"""(?:^|[;\t\r\n])["';\s]*+(?=([=+\-@]?))""")


def safe(value: object) -> object:
    """Return a cell that no spreadsheet runs as a formula."""
    if not isinstance(value, str):
        return value
    text = _BEGIN.sub(lambda found: f"{found[0]}'" if found[1] else found[0], value)
    return f"'{text}" if text[:1] in ("\t", "\r") else text
