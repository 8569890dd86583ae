"""The course's map: the table in ``notebooks/README.md``, generated from the lessons' front matter."""

from __future__ import annotations

from labs.course import NOTEBOOKS_DIR, PART_TITLES, PLACES, Lesson, lessons

#: The page whose table is generated; the rest of it is written by hand.
MAP_PATH = NOTEBOOKS_DIR / "README.md"

_BEGIN, _END = "<!-- map: python -m grading build -->", "<!-- end of map -->"


def course_map(page: str | None = None) -> str:
    """Return the page with its table as the lessons are now.

    Args:
        page: The page's text; the committed one's when None.

    Raises:
        ValueError: The page lacks the two marks between which the table stands.
    """
    page = MAP_PATH.read_text(encoding="utf-8") if page is None else page
    if page.count(_BEGIN) != 1 or page.count(_END) != 1:
        raise ValueError(f"{MAP_PATH.name} wants the lines {_BEGIN} and {_END} once each, around its table")
    before, _, rest = page.partition(_BEGIN)
    after = rest.partition(_END)[2]
    table = "\n".join(_table(lessons()))
    return f"{before}{_BEGIN}\n\n{table}\n\n{_END}{after}"


def _table(course: list[Lesson]) -> list[str]:
    lines = ["| lesson | what happens | minutes | on the lease | where | after |", "|---|---|---:|---:|---|---|"]
    part = None
    for one in course:
        if one.part != part:
            part = one.part
            lines.append(f"| **{PART_TITLES.get(part, f'Part {part}')}** | | | | | |")
        lines.append(_row(one))
    return lines


def _row(one: Lesson) -> str:
    extra = " (extra)" if one.kind == "extra" else ""
    where = ", ".join(PLACES[place] for place in one.where)
    cells = [
        f"[{one.number} {one.title}]({one.link}){extra}",
        one.summary,
        str(one.minutes),
        str(one.machine_minutes or ""),
        where,
        ", ".join(one.needs),
    ]
    return "| " + " | ".join(cells) + " |"
