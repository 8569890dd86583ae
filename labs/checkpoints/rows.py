"""Questions as rows with points, judged by a ledger: what a student may see before and after handing in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from labs.assignment import PartAsked
from labs.checkpoints.question import Question, State, Verdict, of_lesson, question
from labs.course import Lesson
from labs.records import Records


@dataclass(frozen=True)
class Row:
    """One line of a result."""

    id: str
    title: str
    #: Id of its lesson; empty where it belongs to none.
    lesson: str
    points: int
    possible: int
    #: What is right, or what to mend.
    message: str
    #: Names and values that go with it.
    shown: tuple[tuple[str, str], ...] = ()
    #: Where to look.
    hint: str = ""
    #: How it stands (``labs.checkpoints.question.State``).
    state: str = ""
    #: Known to the grader only; shown after the grades are out.
    hidden: bool = False
    #: The public question that it rests on; empty for public ones.
    needs: str = ""

    @property
    def about(self) -> str:
        """Id of the lesson that it belongs to, whoever judges it."""
        return self.lesson or self.needs.partition(".")[0]

    @property
    def is_open(self) -> bool:
        """Whether nobody has answered yet: the message then speaks of a cell that only the notebook shows."""
        return self.state == State.UNANSWERED

    @property
    def is_left(self) -> bool:
        """Whether it can still be earned; a prediction that came too late cannot."""
        late = self.state == State.FAILED and question(self.id).kind == "prediction"
        return self.points < self.possible and not late


def counted_rows(rows: Iterable[Row], part: PartAsked) -> tuple[Row, ...]:
    """Return the rows whose points count: of deep dives among which students choose, those of the best."""
    rows, earned = list(rows), Counter()
    for row in rows:
        earned[row.about] += row.points
    ids = part.counted(earned)
    return tuple(row for row in rows if row.about in ids)


def public_rows(
    records: Records,
    lessons: Iterable[Lesson],
    verdict: Callable[[Question, Records], Verdict] = Question.verdict,
) -> list[Row]:
    """Return one row for each question of some lessons, in their order, judged by a student's records."""
    rows = []
    for one in (asked for lesson in lessons for asked in of_lesson(lesson.id)):
        found = verdict(one, records)
        rows.append(
            Row(
                id=one.id,
                title=one.title,
                lesson=one.lesson_id,
                points=one.points if found.ok else 0,
                possible=one.points,
                message=found.message,
                shown=found.shown,
                hint="" if found.ok else one.hint,
                state=found.state,
            )
        )
    return rows
