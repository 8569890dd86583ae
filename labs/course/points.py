"""The rule of points, once: what a point is worth in the gradebook, and what a hand-in has of it.

What the grader opens itself carries the grade; what only a ledger says is taking part, a share of a part at most.
Worths follow from the assignment alone. A row is earned, lost or pending: what the grader could not open is nobody's
until it is judged, and no other point becomes worth more for it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from labs.course.question import Question, Row, question
from labs.course.tables import Change, PartAsked

#: Most of a part's worth that taking part may give, whatever lessons are asked.
TAKING_PART = 0.2

#: No question has changed in mid-term.
UNCHANGED: Mapping[str, Change] = MappingProxyType({})


@dataclass(frozen=True)
class Worth:
    """What one point is worth in the gradebook."""

    #: For what the grader opens itself.
    opened: float
    #: For what only the ledger says.
    taking_part: float

    def of(self, row: Row) -> float:
        """Return what each point of a row is worth."""
        return self.opened if row.opened else self.taking_part


def worth_of(total: float, opened: float, taking_part: float) -> Worth:
    """Return what a point is worth.

    All points are worth the same until taking part would be more than ``TAKING_PART`` of the whole; then its points
    share just that. If there is nothing to open, nothing is given for a ledger's word. ``opened`` and ``taking_part``
    are points of questions, ``total`` what they are worth together in the gradebook.
    """
    share = min(TAKING_PART, taking_part / (opened + taking_part)) if opened else 0.0
    return Worth((1 - share) * total / opened if opened else 0.0, share * total / taking_part if taking_part else 0.0)


def points_of(questions: Iterable[Question]) -> tuple[int, int]:
    """Return the points of some questions: for what the grader opens itself, and for taking part."""
    opened = taking_part = 0
    for one in questions:
        opened += one.total if one.opened else one.total - one.points
        taking_part += 0 if one.opened else one.points
    return opened, taking_part


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
    return tuple(_changed(row, changes[row.asked], possible) if row.asked in changes else row for row in rows)


def _changed(row: Row, change: Change, possible: Mapping[str, float]) -> Row:
    if change.void or change.points is None:
        return replace(row, points=0, possible=0, message=f"Taken out for the whole class: {change.reason}", hint="")
    factor = change.points / possible[row.asked] if possible[row.asked] else 0.0
    return replace(row, points=row.points * factor, possible=row.possible * factor)


def promised_rows(rows: Sequence[Row], changes: Mapping[str, Change] = UNCHANGED) -> tuple[Row, ...]:
    """Return public rows with all that their questions are worth, as a student's own checks promise it.

    What the grader gives for opening it again is counted as if it came out as the check says.
    """
    totals = {row.id: question(row.id).total for row in rows}
    whole = (replace(row, points=totals[row.id] if row.points else 0, possible=totals[row.id]) for row in rows)
    return changed_rows(whole, changes)


@dataclass(frozen=True)
class Standing:
    """What a hand-in has of a part, in the gradebook's measure."""

    earned: float
    #: What it may still earn when staff has mended the grader; 0 until then.
    pending: float
    possible: float


def worth_of_rows(rows: Iterable[Row], total: float) -> Worth:
    """Return what a point of a part is worth, by all its rows that count, whatever became of them."""
    rows = list(rows)
    opened = sum(row.possible for row in rows if row.opened)
    return worth_of(total, opened, sum(row.possible for row in rows) - opened)


def standing(rows: Sequence[Row], part: PartAsked, changes: Mapping[str, Change] = UNCHANGED) -> Standing:
    """Return how a hand-in stands in the gradebook, by all its part's rows, before lateness and a talk."""
    counted = counted_rows(changed_rows(rows, changes), part)
    worth = worth_of_rows(counted, part.worth)
    return Standing(
        sum(worth.of(row) * row.points for row in counted if not row.is_pending),
        sum(worth.of(row) * row.possible for row in counted if row.is_pending),
        sum(worth.of(row) * row.possible for row in counted),
    )


def graded_rows(promised: Iterable[Row], part: PartAsked) -> tuple[Row, ...]:
    """Return a part's promised rows that count, with their points in the gradebook's measure, before lateness."""
    counted = counted_rows(promised, part)
    halves = {row.id: points_of([question(row.id)]) for row in counted}
    # An ``[[adjust]]`` changes both halves of a question alike.
    factor = {row.id: row.possible / sum(halves[row.id]) for row in counted}
    opened, taking_part = (sum(factor[id] * half[side] for id, half in halves.items()) for side in (0, 1))
    worth, graded = worth_of(part.worth, opened, taking_part), []
    for row in counted:
        opened, taking_part = halves[row.id]
        possible = factor[row.id] * (worth.opened * opened + worth.taking_part * taking_part)
        graded.append(replace(row, points=possible if row.points else 0.0, possible=possible))
    return tuple(graded)
