"""How long the lessons of a part take, read from the course's own page, so that a lease is compared with the truth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from provisioning.spec import Part, load_spec

#: The course's table of lessons.
PAGE = Path(__file__).resolve().parents[1] / "notebooks" / "README.md"

_FOLDERS: dict[Part, str] = {"model": "1_model", "edge": "2_edge", "system": "3_system"}
#: Lessons about the lease itself run in the browser's own Jupyter, not on the machine.
_ABOUT_THE_LEASE = frozenset({"plan", "reserve", "provision", "release"})
_ROW = re.compile(r"^\|\s*\[(?P<number>\w+) (?P<title>[^\]]+)\]\((?P<path>[^)]+)\)\s*\|[^|]*\|\s*(?P<minutes>\d+)\s*\|")


@dataclass(frozen=True)
class Lesson:
    """One lesson that needs the part's machine."""

    #: As the file begins: ``"12"``.
    number: str
    title: str
    #: Usual minutes, reading included.
    minutes: int


def lessons_on_machine(part: Part, page: Path = PAGE) -> tuple[Lesson, ...]:
    """Return the part's lessons that run on its machine, in their order; none when the page is not there.

    Args:
        part: of the course.
        page: Markdown with the table of lessons.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except OSError:
        return ()
    found = []
    for line in text.splitlines():
        row = _ROW.match(line)
        if row is None or not row["path"].startswith(_FOLDERS[part] + "/"):
            continue
        words = set(Path(row["path"]).stem.split("_"))
        if not words & _ABOUT_THE_LEASE:
            found.append(Lesson(row["number"], row["title"], int(row["minutes"])))
    return tuple(found)


def lessons_left_s(part: Part, at: str | None = None, page: Path = PAGE) -> float:
    """Return the usual seconds of the lessons that still need the machine.

    Args:
        part: of the course.
        at: number of the lesson that comes next; None for the first.
        page: Markdown with the table of lessons.

    Raises:
        ValueError: the part has no lesson of that number; the message lists them.
    """
    lessons = lessons_on_machine(part, page)
    numbers = [lesson.number for lesson in lessons]
    if at is not None and at not in numbers:
        raise ValueError(f"{load_spec(part).title} has no lesson {at!r} on its machine; it has {', '.join(numbers)}")
    begin = numbers.index(at) if at is not None else 0
    return 60.0 * sum(lesson.minutes for lesson in lessons[begin:])
