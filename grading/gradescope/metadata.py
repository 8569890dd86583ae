"""Who handed in what, and when: Gradescope's ``submission_metadata.json``, of which every field may be missing.

Source: https://gradescope-autograders.readthedocs.io/en/latest/submission_metadata/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

#: Bytes that are read; a class's longest history of submissions stays below.
_MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class Handed:
    """When a submission was handed in, as far as Gradescope says."""

    #: Gradescope's number of the submission; empty when it is not told.
    id: str = ""
    #: Name and e-mail of each student, empty where one is not told; a group has several.
    people: tuple[tuple[str, str], ...] = ()
    #: When it was handed in.
    at: datetime | None = None
    #: When it was due, with the student's own extension; in a group, the extension that reaches furthest.
    due: datetime | None = None
    #: Public points of earlier submissions that were graded, the oldest first.
    earlier: tuple[float, ...] = field(default=())
    #: Submissions before this one.
    before: int = 0
    #: Why nothing is known, as a sentence; empty when the file could be read.
    fault: str = ""

    @property
    def who(self) -> str:
        """The students' names; the submission's number where none is told."""
        return ", ".join(name for name, _ in self.people if name) or self.id

    @property
    def late(self) -> timedelta:
        """How long after its due date it came; zero when it came in time or nobody knows."""
        if self.at is None or self.due is None:
            return timedelta()
        return max(self.at - self.due, timedelta())


def read(path: Path) -> Handed:
    """Return what the file says; a missing or damaged one says nothing, and grading goes on.

    Args:
        path: Gradescope's ``submission_metadata.json``.
    """
    try:
        with path.open("rb") as file:
            values = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        return Handed(fault=f"submission_metadata.json cannot be read: {type(error).__name__}")
    if not isinstance(values, dict):
        return Handed(fault="submission_metadata.json is no object")
    earlier = [one for one in _list(values.get("previous_submissions")) if isinstance(one, dict)]
    return Handed(
        id=str(values.get("id", ""))[:40],
        people=tuple(
            tuple(str(user.get(name) or "")[:200] for name in ("name", "email"))
            for user in _list(values.get("users"))
            if isinstance(user, dict)
        ),
        at=_time(values.get("created_at")),
        due=_due(values),
        earlier=tuple(points for one in earlier if (points := _public_points(one)) is not None),
        before=len(earlier),
    )


def _due(values: dict) -> datetime | None:
    """Return the due date that counts: a student's own where there is one, else the assignment's."""
    own = [time for user in _list(values.get("users")) if (time := _time(_field(user, "assignment", "due_date")))]
    return max(own) if own else _time(_field(values, "assignment", "due_date"))


def _public_points(earlier: dict) -> float | None:
    """Return the points that the student saw then: the total would tell the hidden ones."""
    tests = _field(earlier, "results", "tests")
    if not isinstance(tests, list):
        return None
    return float(sum(_visible_scores(tests)))


def _visible_scores(tests: list) -> Iterator[float]:
    for test in tests:
        if isinstance(test, dict) and test.get("visibility", "visible") == "visible":
            score = test.get("score")
            if type(score) in (int, float) and abs(score) < 1e6:
                yield score


def _field(values: object, *names: str) -> object:
    for name in names:
        values = values.get(name) if isinstance(values, dict) else None
    return values


def _list(values: object) -> list:
    return values if isinstance(values, list) else []


def _time(text: object) -> datetime | None:
    """Return a time with its zone; one without it cannot be compared."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
