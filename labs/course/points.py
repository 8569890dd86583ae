"""The rule of points, once: what a point is worth in the gradebook, and what a hand-in has of it.

What the grader opens itself carries the grade; what only a ledger says is taking part, a share of a part at most.
Worths follow from the assignment alone. A row is earned, lost or pending: what the grader could not open is nobody's
until it is judged, and no other point becomes worth more for it.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from labs.course.cases import State
from labs.course.question import Question, Row, question
from labs.course.tables import Assignment, Change, PartAsked

#: Most of a part's worth that taking part may give, whatever lessons are asked.
TAKING_PART = 0.2

#: No question has changed in mid-term.
UNCHANGED: Mapping[str, Change] = MappingProxyType({})


def worth_of(total: float, opened: float, taking_part: float) -> tuple[float, float]:
    """Return what a point is worth in the gradebook: if the grader opens itself what it is for, and for taking part.

    All points are worth the same until taking part would be more than ``TAKING_PART`` of the whole; then its points
    share just that. If there is nothing to open, nothing is given for a ledger's word. ``opened`` and ``taking_part``
    are points of questions, ``total`` what they are worth together in the gradebook.
    """
    share = min(TAKING_PART, taking_part / (opened + taking_part)) if opened else 0.0
    return (
        1 - share
    ) * total / opened if opened else 0.0, share * total / taking_part if taking_part else 0.0


def counted_rows(rows: Iterable[Row], part: PartAsked) -> tuple[Row, ...]:
    """Return the rows whose points count: of deep dives among which students choose, those of the best.

    What is pending counts here as if it were earned, so that a fault of the grader's changes nobody's choice.
    """
    rows, earned = tuple(rows), defaultdict[str, float](float)
    for row in rows:
        earned[row.about] += row.possible if row.is_pending else row.points
    left = set(part.choices) - part.counted(earned)
    return tuple(row for row in rows if row.about not in left)


def changed_rows(rows: Iterable[Row], changes: Mapping[str, Change]) -> tuple[Row, ...]:
    """Return rows as the assignment's ``[[adjust]]`` leaves them.

    Of a voided question no point is left to anybody; of one with other points, each row has its share of these.
    """
    rows = tuple(rows)
    possible = defaultdict[str, float](float)
    for row in rows:
        possible[row.asked] += row.possible
    return tuple(
        _changed(row, changes[row.asked], possible) if row.asked in changes else row for row in rows
    )


def _changed(row: Row, change: Change, possible: Mapping[str, float]) -> Row:
    if change.void or change.points is None:
        message = f"Taken out for the whole class: {change.reason}"
        return replace(row, points=0, possible=0, message=message, hint="", state=State.VOID)
    factor = change.points / possible[row.asked] if possible[row.asked] else 0.0
    return replace(row, points=row.points * factor, possible=row.possible * factor)


@dataclass(frozen=True)
class Standing:
    """What a hand-in has of a part, in the gradebook's measure."""

    earned: float
    #: What it may still earn when staff has mended the grader; 0 until then.
    pending: float
    possible: float


def graded_rows(counted: Sequence[Row], total: float) -> tuple[Row, ...]:
    """Return all rows that count, with points of the gradebook; ``total`` is what they are worth there together."""
    opened = sum(row.possible for row in counted if row.opened)
    of_opened, of_others = worth_of(total, opened, sum(row.possible for row in counted) - opened)
    pairs = ((row, of_opened if row.opened else of_others) for row in counted)
    return tuple(
        replace(row, points=worth * row.points, possible=worth * row.possible)
        for row, worth in pairs
    )


def standing(
    rows: Sequence[Row], part: PartAsked, changes: Mapping[str, Change] = UNCHANGED
) -> Standing:
    """Return how a hand-in stands in the gradebook, by all its part's rows, before lateness and a talk."""
    graded = graded_rows(counted_rows(changed_rows(rows, changes), part), part.worth)
    return Standing(
        sum(row.points for row in graded if not row.is_pending),
        sum(row.possible for row in graded if row.is_pending),
        sum(row.possible for row in graded),
    )


def promised_rows(
    public: Sequence[Row], course: Assignment, asked: Callable[[str], Question] = question
) -> tuple[Row, ...]:
    """Return public rows with points of the gradebook, as a student's own checks promise them, before lateness.

    What the grader gives for opening it again is counted as if it came out as the check says. What does not count, such
    as a deep dive that nobody asks for, has no points. Of a part, all rows have to be there or none.
    """
    again = [
        replace(row, needs=row.id, opened=True, points=bool(row.points) * points, possible=points)
        for row in public
        for points in asked(row.id).again.values()
    ]
    changed = changed_rows([*public, *again], course.changes)
    earned, possible = defaultdict[str, float](float), defaultdict[str, float](float)
    for part in course.parts.values():
        wanted = [row for row in changed if row.lesson in (*part.lessons, *part.choices)]
        for row in graded_rows(counted_rows(wanted, part), part.worth):
            earned[row.asked] += row.points
            possible[row.asked] += row.possible
    return tuple(
        replace(row, points=earned[row.id], possible=possible[row.id])
        for row in changed
        if not row.needs
    )


def sums(rows: Iterable[Row]) -> dict[str, float]:
    """Return ``points`` and ``possible`` of rows in tenths, as all pages and commands show them."""
    rows = tuple(rows)
    return {
        name: round(math.fsum(getattr(row, name) for row in rows), 1)
        for name in ("points", "possible")
    }


def sums_text(rows: Iterable[Row]) -> str:
    """Return the points of rows in words, such as '4.2 of 13'."""
    return "{points:g} of {possible:g}".format(**sums(rows))
