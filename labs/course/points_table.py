"""A part's questions and points as a table for a terminal."""

from collections.abc import Sequence

from rich.table import Column, Table
from rich.text import Text

from labs.course.lessons import lessons
from labs.course.points import sums_text
from labs.course.question import ResultRow, State


def points_table(rows: Sequence[ResultRow], title: str) -> Table:
    """Return rows as a table for a terminal."""
    points = Column("points", no_wrap=True)
    table = Table(
        "lesson", points, "what is asked, or what is missing", title=title, title_justify="left"
    )
    titles = {lesson.id: lesson.title for lesson in lessons()}
    for row in rows:
        table.add_row(
            titles[row.lesson],
            points_text(row),
            Text(row_text(row)),
            style="bold" if row.is_left else "",
        )
    return table


def points_text(row: ResultRow) -> str:
    """Return the points of a question, or whether it is done if it does not count."""
    return sums_text([row]) if row.possible else "open" if row.is_left else "done"


def row_text(row: ResultRow) -> str:
    """Return a checkpoint's question, or a message about the fault to fix."""
    if row.is_open:
        return f"not answered yet: {row.title}"
    part = " (taking part)" if row.possible and not row.opened else ""
    return (row.title if row.state == State.PASSED else row.message) + part
