"""The rule of points: worths that the assignment fixes, rows earned, lost or pending, and what
changes in mid-term.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.course.assignment import assignment
from labs.course.cases import State
from labs.course.points import (
    TAKING_PART,
    changed_rows,
    counted_rows,
    graded_rows,
    promised_rows,
    standing,
    sums,
    worth_of,
)
from labs.course.question import ResultRow, of_lesson
from labs.course.tables import Change, Choose, PartAsked

PART = PartAsked(1, ("measure", "quantize"), 50.0, defence=10.0)
STATES = (State.PASSED, State.FAILED, State.PENDING)

#: Rows of a hand-in: points, whether the grader opens it, how it stands.
ROWS = st.lists(
    st.tuples(st.integers(1, 9), st.booleans(), st.sampled_from(STATES)), min_size=1, max_size=12
)


def rows_of(drawn: list[tuple[int, bool, State]]) -> list[ResultRow]:
    """Return rows of the lesson *Quantize*."""
    rows = []
    for place, (points, opened, state) in enumerate(drawn):
        earned, how = points * (state is State.PASSED), {"state": state, "opened": opened}
        rows.append(ResultRow(f"quantize.{place}", "", "quantize", earned, points, "", **how))
    return rows


@pytest.mark.parametrize(
    ("opened", "taking_part", "worth"),
    [
        (60, 40, ((1 - TAKING_PART) / 60, TAKING_PART / 40)),
        (95, 5, (0.01, 0.01)),
        (10, 0, (0.1, 0.0)),
        (0, 10, (0.0, 0.0)),
        (0, 0, (0, 0)),
    ],
)
def test_a_points_worth_follows_from_the_questions(
    opened: int, taking_part: int, worth: tuple[float, float]
):
    """All points have equal worth until taking part would exceed its share; if the grader opens
    nothing, a ledger's claims earn nothing.
    """
    assert worth_of(1.0, opened, taking_part) == pytest.approx(worth)


@given(ROWS, st.sets(st.integers(0, 11)))
def test_what_becomes_of_a_row_changes_no_others_worth(
    drawn: list[tuple[int, bool, State]], lost: set[int]
):
    """Earned, pending and lost points add up to the part's points; taking part gives at most its
    share.
    """
    rows = rows_of(drawn)
    standings = standing(rows, PART)
    assert standings.possible == pytest.approx(PART.worth if any(row.opened for row in rows) else 0)
    assert 0 <= standings.earned + standings.pending <= standings.possible + 1e-9
    failed = [row if not row.opened else replace(row, points=0, state=State.FAILED) for row in rows]
    assert standing(failed, PART).earned <= TAKING_PART * PART.worth + 1e-9
    worse = [
        replace(row, points=0, state=State.PENDING) if place in lost else row
        for place, row in enumerate(rows)
    ]
    graded = graded_rows(rows, PART.worth)
    assert [row.possible for row in graded_rows(worse, PART.worth)] == [
        row.possible for row in graded
    ]
    gone = sum(row.points for place, row in enumerate(graded) if place in lost)
    assert standing(worse, PART).earned == pytest.approx(standings.earned - gone)


@given(ROWS, st.integers(0, 11))
def test_a_voided_question_leaves_for_everybody(drawn: list[tuple[int, bool, State]], place: int):
    """The rest of the part has all its points; with other points, its rows share these."""
    rows = rows_of(drawn)
    id = f"quantize.{place}"
    hidden = ResultRow(
        f"{id}.computed", "", "", 2, 2, "", state=State.PASSED, hidden=True, needs=id
    )
    void = {id: Change(id, "it was wrong", void=True)}
    others = [row for row in rows if row.id != id]
    assert standing([*rows, hidden], PART, void) == standing(others, PART)
    more = changed_rows([*rows, hidden], {id: Change(id, "it is harder than it looked", points=6)})
    assert sum(row.possible for row in more if row.asked == id) == pytest.approx(6)
    assert [row for row in more if row.asked != id] == others


@given(ROWS, st.integers(0, 11))
def test_a_credited_question_gives_everybody_its_points(
    drawn: list[tuple[int, bool, State]], place: int
):
    """Its rows, failed, pending or right, have all their points, and the other rows stay the
    same.
    """
    rows = rows_of(drawn)
    id = f"quantize.{place}"
    credit = {id: Change(id, "it was wrong", void="credit")}
    changed = changed_rows(rows, credit)
    for before, after in zip(rows, changed, strict=True):
        expected = before.possible if before.id == id else before.points
        assert (after.points, after.possible) == (expected, before.possible)
    before = standing(rows, PART)
    after = standing(rows, PART, credit)
    assert after.possible == pytest.approx(before.possible)
    assert after.earned >= before.earned - 1e-9
    assert not any(row.is_pending for row in changed if row.id == id)


def test_a_pending_row_takes_nobodys_choice_away():
    """The better of two deep dives counts; a dive that the grader could not judge might have been
    better.
    """
    part = PartAsked(1, ("measure",), 10.0, choose=Choose(("dive", "other"), 1))
    chosen = ResultRow("dive.a", "", "dive", 0, 3, "", state=State.PENDING)
    other = ResultRow("other.a", "", "other", 2, 3, "", state=State.PASSED)
    assert counted_rows([chosen, other], part) == (chosen,)
    assert counted_rows([replace(chosen, state=State.FAILED), other], part) == (other,)


@given(st.sampled_from([*assignment().parts.values()]), st.data())
def test_a_students_own_checks_promise_what_the_gradebook_will_say(
    part: PartAsked, drawn: st.DataObject
):
    """The right rows of a part sum to the grader's rows if the grader confirms all of them."""
    public, hidden = [], []
    for asked in (question for lesson in part.asked() for question in of_lesson(lesson.id)):
        right, about = drawn.draw(st.booleans()), (asked.id, "", asked.lesson_id)
        public.append(
            ResultRow(*about, right * asked.points, asked.points, "", opened=asked.opened)
        )
        hidden += [
            ResultRow(*about, right * points, points, "", needs=asked.id)
            for points in asked.hidden_points.values()
        ]
    promised = promised_rows(public, assignment())
    assert sums(promised)["possible"] == part.worth
    assert sum(row.points for row in promised) == pytest.approx(
        standing([*public, *hidden], part).earned
    )
