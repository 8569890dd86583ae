"""The public checkpoints of some lessons as rows: what a student may see before and after handing in."""

from __future__ import annotations

from dataclasses import dataclass

from grading.checkpoints import State, all_checkpoints
from labs.course import Lesson
from labs.records import Records


@dataclass(frozen=True)
class Row:
    """One line of a result."""

    #: The checkpoint's id.
    id: str
    #: What it asks for.
    title: str
    #: Lesson number; 0 where it belongs to no lesson.
    lesson: int
    #: Points earned.
    points: int
    #: Points that it is worth.
    possible: int
    #: One sentence: right, or what to mend.
    message: str
    #: What the evidence leads one to expect.
    expected: str = ""
    #: What was handed in.
    yours: str = ""
    #: Where to look.
    hint: str = ""
    #: How it stands (``grading.checkpoints.State``).
    state: str = ""
    #: Known to the grader only; shown after the grades are out.
    hidden: bool = False
    #: The public checkpoint that it rests on; empty for public ones.
    needs: str = ""

    @property
    def is_open(self) -> bool:
        """Whether nobody has answered yet: the message then speaks of a cell that only the notebook shows."""
        return self.state == State.UNANSWERED


def public_rows(records: Records, lessons: list[Lesson]) -> list[Row]:
    """Return one row for each public checkpoint of some lessons, judged by the evidence.

    Args:
        records: Of the student.
        lessons: Lessons whose checkpoints count.
    """
    numbers = {lesson.whole_number for lesson in lessons}
    rows = []
    for one in all_checkpoints():
        if one.lesson not in numbers:
            continue
        verdict = one.verdict(records)
        rows.append(
            Row(
                id=one.id,
                title=one.title,
                lesson=one.lesson,
                points=one.points if verdict.ok else 0,
                possible=one.points,
                message=verdict.message,
                expected=verdict.expected,
                yours=verdict.yours,
                # Whoever hands in has tried: the stronger hint.
                hint="" if verdict.ok else one.hint(2),
                state=verdict.state,
            )
        )
    return rows
