"""What students get back: a page for each, and one zip with all of them and the points, for a learning platform."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from grading.classroom.report import as_csv
from grading.classroom.roster import Handed, Person
from grading.grade.result import Result, page, write_text

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
