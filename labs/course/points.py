"""The rule of points: a point's worth in the gradebook, and the points of a hand-in.

Evidence that the grader checks carries the grade; evidence that is only in a ledger counts as
taking part, at most a share of a part. Worths follow from the assignment alone. A row is earned,
lost or pending. A row that the grader could not check is pending until it is judged, and no other
point becomes worth more for it.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from labs.course.cases import State
from labs.course.question import Question, ResultRow, question
from labs.course.tables import Assignment, Change, PartAsked

#: Most of a part's worth that taking part may give, whatever lessons are asked.
TAKING_PART = 0.2

#: No question has changed in mid-term.
UNCHANGED: Mapping[str, Change] = MappingProxyType({})


def worth_of(total: float, opened: float, taking_part: float) -> tuple[float, float]:
    """Return what a point is worth in the gradebook: if the grader opens itself what it is for, and
    for taking part.

    All points are worth the same until taking part would be more than ``TAKING_PART`` of the whole;
    then its points share just that. If the grader has nothing to check, the ledger alone gives no
    points. ``opened`` and ``taking_part`` are points of questions, ``total`` what they are worth
    together in the gradebook.
    """
    if not opened:
        return 0.0, 0.0
    share = min(TAKING_PART, taking_part / (opened + taking_part))
    of_opened = (1 - share) * total / opened
    of_taking_part = share * total / taking_part if taking_part else 0.0
    return of_opened, of_taking_part


def counted_rows(rows: Iterable[ResultRow], part: PartAsked) -> tuple[ResultRow, ...]:
    """Return the rows whose points count. If students choose among deep dives, the best ones count.

    Pending rows count here as earned, so that a fault of the grader changes no student's choice.
    """
    rows = tuple(rows)
    earned: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        earned[row.about] += row.possible if row.is_pending else row.points
    left = set(part.choices) - part.counted(earned)
    return tuple(row for row in rows if row.about not in left)


def changed_rows(rows: Iterable[ResultRow], changes: Mapping[str, Change]) -> tuple[ResultRow, ...]:
    """Return rows as the assignment's ``[[adjust]]`` leaves them.

    A voided question has no points. A credited one has all its points for everybody, even where the
    grader could not open it. If a question has other points, each row has its share of them.
    """
    rows = tuple(rows)
    possible: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        possible[row.asked] += row.possible
    changed = []
    for row in rows:
        if row.asked in changes:
            row = _changed(row, changes[row.asked], possible[row.asked])
        changed.append(row)
    return tuple(changed)


def _changed(row: ResultRow, change: Change, possible_of_question: float) -> ResultRow:
    if change.void == "credit":
        credited = replace(row, points=row.possible, state=State.CREDITED)
        return replace(credited, message=change.sentence, hint="", shown=())
    if change.void or change.points is None:
        voided = replace(row, points=0, possible=0, state=State.VOID)
        return replace(voided, message=change.sentence, hint="", shown=())
    factor = change.points / possible_of_question if possible_of_question else 0.0
    return _scaled(row, factor)


def _scaled(row: ResultRow, factor: float) -> ResultRow:
    return replace(row, points=factor * row.points, possible=factor * row.possible)


@dataclass(frozen=True)
class PartPoints:
    """The points of a hand-in in a part, as the gradebook counts them."""

    earned: float
    #: Points that it may still earn after staff has repaired the grader; 0 until then.
    pending: float
    possible: float


def graded_rows(counted: Sequence[ResultRow], total: float) -> tuple[ResultRow, ...]:
    """Return all rows that count, with points of the gradebook; ``total`` is their sum there."""
    opened = sum(row.possible for row in counted if row.opened)
    taking_part = sum(row.possible for row in counted) - opened
    of_opened, of_taking_part = worth_of(total, opened, taking_part)
    return tuple(_scaled(row, of_opened if row.opened else of_taking_part) for row in counted)


def standing(
    rows: Sequence[ResultRow], part: PartAsked, changes: Mapping[str, Change] = UNCHANGED
) -> PartPoints:
    """Return a hand-in's points in the gradebook, by all rows of its part, before lateness and a
    talk.
    """
    counted = counted_rows(changed_rows(rows, changes), part)
    graded = graded_rows(counted, part.worth)
    earned = sum(row.points for row in graded if not row.is_pending)
    pending = sum(row.possible for row in graded if row.is_pending)
    possible = sum(row.possible for row in graded)
    return PartPoints(earned, pending, possible)


def promised_rows(
    public: Sequence[ResultRow], course: Assignment, asked: Callable[[str], Question] = question
) -> tuple[ResultRow, ...]:
    """Return public rows with points of the gradebook, as a student's own checks promise them,
    before lateness.

    The grader's own points are counted as if it confirmed the check. Rows that do not count, such
    as those of an optional deep dive, have no points. Either all rows of a part must be present, or
    none.
    """
    reopened: list[ResultRow] = []
    for row in public:
        reopened += _reopened_rows(row, asked(row.id))
    changed = changed_rows([*public, *reopened], course.changes)
    earned: defaultdict[str, float] = defaultdict(float)
    possible: defaultdict[str, float] = defaultdict(float)
    for part in course.parts.values():
        taken = {*part.lessons, *part.choices}
        of_part = [row for row in changed if row.lesson in taken]
        for row in graded_rows(counted_rows(of_part, part), part.worth):
            earned[row.asked] += row.points
            possible[row.asked] += row.possible
    shown = [row for row in changed if not row.needs]
    return tuple(replace(row, points=earned[row.id], possible=possible[row.id]) for row in shown)


def _reopened_rows(public: ResultRow, question: Question) -> Iterator[ResultRow]:
    """Yield a row for each check of the grader's, earned if the public row is."""
    for possible in question.hidden_points.values():
        points = possible if public.points else 0
        yield replace(public, needs=public.id, opened=True, points=points, possible=possible)


def sums(rows: Iterable[ResultRow]) -> dict[str, float]:
    """Return ``points`` and ``possible`` of rows in tenths, as all pages and commands show them."""
    rows = tuple(rows)
    points = math.fsum(row.points for row in rows)
    possible = math.fsum(row.possible for row in rows)
    return {"points": round(points, 1), "possible": round(possible, 1)}


def sums_text(rows: Iterable[ResultRow]) -> str:
    """Return the points of rows in words, such as '4.2 of 13'."""
    return "{points:g} of {possible:g}".format(**sums(rows))
