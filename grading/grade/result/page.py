"""A page for the student: the points, and the first faults to fix. One file, no scripts, readable
in light and dark.
"""

import functools
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from grading.grade.result.result import Result
from labs.course.assignment import assignment
from labs.course.lessons import lessons
from labs.course.points import TAKING_PART, sums, sums_text
from labs.course.question import ResultRow
from labs.display.format import points_in_words, printable

_TEMPLATES = Path(__file__).with_name("templates")


def rendered(template: Path, **values: object) -> str:
    """Return a template filled in; it may extend ``base.html``, and every value that it shows is
    escaped.

    Control characters are left out, wherever they came from.
    """
    text = _environment(template.parent).get_template(template.name).render(**values)
    return printable(text)


@functools.cache
def _environment(folder: Path) -> Environment:
    loader = FileSystemLoader([folder, _TEMPLATES])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"marked": _marked, "points": points_in_words, "sums": sums_text}
    return environment


def _marked(text: str) -> Markup:
    """Return a text with its `code` marked up; all of it is escaped first."""
    return Markup(re.sub(r"`([^`<>]{1,200})`", r"<code>\1</code>", str(escape(text))))


class _Cause(NamedTuple):
    """A question that lost points, with the rows that depend on it."""

    row: ResultRow
    behind: list[ResultRow]

    @property
    def possible(self) -> float:
        return self.row.possible + sum(row.possible for row in self.behind)

    @property
    def details(self) -> list[tuple[str, str]]:
        rests = "; ".join(row.title for row in self.behind)
        return [*self.row.shown, ("Hint", self.row.hint), ("Rests on it", rests)]


def page(result: Result, *, hidden: bool = False) -> str:
    """Return the page as HTML, with hidden rows once grades are out; everything that a submission
    holds is escaped.
    """
    rows = [row for row in result.graded if hidden or not row.hidden]
    causes = _causes(rows)
    title = f"Part {result.part}: {sums_text(rows)} points"
    lesson_titles = {lesson.id: lesson.title for lesson in lessons()}
    taking_part = [row for row in rows if not row.opened]
    waiting = [_Cause(row, []) for row in rows if row.is_pending]
    tried = [cause for cause in causes if not cause.row.is_open]
    never = [cause for cause in causes if cause.row.is_open]
    return rendered(
        _TEMPLATES / "page.html",
        title=title,
        titles=lesson_titles,
        result=result,
        rows=rows,
        hidden=hidden,
        sums=sums(rows),
        taking_part=taking_part,
        taking_part_share=TAKING_PART,
        lease=assignment().part(result.part).lease,
        waiting=waiting,
        tried=tried,
        never=never,
    )


def _causes(rows: Sequence[ResultRow]) -> list[_Cause]:
    """Return the faults worth fixing, the most points first, each with the rows that depend
    on it.
    """
    lost = {row.id: row for row in rows if row.points < row.possible and not row.is_pending}
    first = []
    behind: dict[str, list[ResultRow]] = defaultdict(list)
    for row in lost.values():
        if row.needs in lost:
            behind[row.needs].append(row)
        else:
            first.append(row)
    causes = [_Cause(row, behind[row.id]) for row in first]
    return sorted(causes, key=lambda cause: -cause.possible)
